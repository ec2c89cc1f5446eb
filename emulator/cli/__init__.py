"""The command line: one module a noun, in Docker's and nginx's own words.

A verb imports what it needs when it runs. The two ways that people wait for, `emulator` without any
argument and `emulator nginx`, do not even import click. No other room imports this one.
"""

from __future__ import annotations

import sys

# What stands before a verb of Docker's; any other option belongs to `up`.
DOCKERS_OPTIONS = ("-H", "--host", "-c", "--context", "-D", "--debug", "-l", "--log-level", "-v")
WINDOWS = "gunicorn does not run on Windows, so the emulator does not either: use WSL2."


def main() -> None:
    """The console script `emulator`; without a verb it is `up`."""
    words = sys.argv[1:]
    if sys.platform == "win32":
        sys.exit(WINDOWS)
    if not words:
        from emulator.cli.start import Start, start

        sys.exit(start(Start()))
    if words[0] == "nginx":
        from emulator.nginx.commandline import main as nginx

        sys.exit(nginx(words[1:]))
    if words[0] == "config" and words[1:] and not words[1].startswith("-"):
        _docker(words)
    elif words[0] in (
        "up",
        "down",
        "engine",
        "tasks",
        "config",
        "procfile",
        "proxy",
        "--help",
        "-h",
        "--version",
    ):
        _own(words)
    elif words[0].startswith("-") and not words[0].startswith(DOCKERS_OPTIONS):
        _own(["up", *words])
    else:
        _docker(words)


def _docker(words: list[str]) -> None:
    from emulator.cli.docker.dispatch import main

    sys.exit(main(words))


def _own(words: list[str]) -> None:
    from emulator.cli.verbs import emulator

    emulator(words, prog_name="emulator")
