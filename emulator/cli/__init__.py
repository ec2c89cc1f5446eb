"""The command line: one module a noun, in Docker's and nginx's own words.

A verb imports what it needs when it runs. The two ways that people wait for, `emulator` without any
argument and `emulator nginx`, do not even import click. No other room imports this one.
"""

from __future__ import annotations

import sys

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
    from emulator.cli.verbs import emulator

    if words[0].startswith("-") and words[0] not in ("--help", "-h", "--version"):
        words.insert(0, "up")
    emulator(words, prog_name="emulator")
