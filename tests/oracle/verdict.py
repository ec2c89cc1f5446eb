"""What `nginx -t` says of a configuration: case files, and two who are asked.

A case file (`verdicts/*.txt`) has, for each configuration, one line that begins with where the text
stands, and below it what real nginx says, a line each, without "nginx: " and with NGINX.CONF for the
file's name. `ok` stands for its two lines of success; `!` begins what the emulator says instead, where
it differs on purpose. "\\n" in a text is a new line. Where a text names tls/,
the files of certificates.py are there.

    location | sendfile maybe;
    = [emerg] invalid value "maybe" in "sendfile" directive, it must be "on" or "off" in NGINX.CONF:6

`python -m tests.oracle.verdict` asks real nginx again and rewrites the files.
"""

from __future__ import annotations

import contextlib
import io
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tests.conftest import need_tool

FOLDER = Path(__file__).parent / "verdicts"

_HTTP = "events {}\nhttp {\naccess_log off;\n%s\n}\n"
PLACES = {
    "file": "%s",
    "main": "events {}\n%s",
    "events": "events { %s }\n",
    "http": _HTTP,
    "server": _HTTP % "server {\n%s\n}",
    "location": _HTTP % "server {\nlocation / {\n%s\n}\n}",
    "upstream": _HTTP % "upstream u {\nserver 127.0.0.1;\n%s\n}",
}


class Verdict(NamedTuple):
    """The exit code and what was said."""

    code: int
    lines: tuple[str, ...]


class Case(NamedTuple):
    """One configuration with what is expected of nginx, and of the emulator where that differs."""

    name: str
    place: str
    text: str
    nginx: tuple[str, ...]
    ours: tuple[str, ...]

    @property
    def conf(self) -> str:
        return PLACES[self.place] % self.text.replace("\\n", "\n")

    def expected(self, lines: tuple[str, ...]) -> Verdict:
        return Verdict(0 if lines[-1:] == ("ok",) else 1, lines)


def cases(path: Path) -> Iterator[Case]:
    """The cases of one file."""
    head = ""
    said: list[str] = []
    for number, line in enumerate([*path.read_text(encoding="utf-8").splitlines(), "end |"], 1):
        if line.startswith(("= ", "! ")):
            said.append(line)
        elif "|" in line and not line.startswith("#"):
            if head:
                yield _case(f"{path.stem}:{number}", head, said)
            head, said = line, []


def _case(name: str, head: str, said: list[str]) -> Case:
    place, _, text = head.partition("|")
    nginx = tuple(line[2:] for line in said if line.startswith("="))
    ours = tuple(line[2:] for line in said if line.startswith("!"))
    return Case(name, place.strip(), text.removeprefix(" "), nginx, ours or nginx)


def _plain(code: int, text: str, folder: str) -> Verdict:
    """What was said without what differs from run to run."""
    lines = [line.removeprefix("nginx: ") for line in text.splitlines()]
    lines = [line.replace(f"{folder}/nginx.conf", "NGINX.CONF").replace(folder, "FOLDER") for line in lines]
    if lines[-1:] == ["configuration file NGINX.CONF test is successful"]:
        lines[-2:] = ["ok"]
    elif lines[-1:] == ["configuration file NGINX.CONF test failed"]:
        lines.pop()
    return Verdict(code, tuple(lines))


def ask_nginx(conf: str, **others: str) -> Verdict:
    """Real nginx; `others` are further files beside the main one, with _ for the dot of their
    names; `directives` is what `-g` takes."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [need_tool("nginx"), *_arguments(folder, conf, others)],
            capture_output=True,
            text=True,
            check=False,
        )
    return _plain(done.returncode, done.stderr, folder)


def ask_emulator(conf: str, **others: str) -> Verdict:
    """The emulator's own command line, in this process."""
    from emulator.nginx.commandline import main

    said = io.StringIO()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(said):
        code = main(_arguments(folder, conf, others))
    return _plain(code, said.getvalue(), folder)


def asked_about(folder: Path) -> tuple[Verdict, Verdict]:
    """Both about the nginx.conf in a folder that is there already: real nginx first."""
    from emulator.nginx.commandline import main

    arguments = ["-t", "-p", f"{folder}/", "-c", f"{folder}/nginx.conf", "-e", f"{folder}/error.log"]
    done = subprocess.run([need_tool("nginx"), *arguments], capture_output=True, text=True, check=False)
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        code = main(arguments)
    real = _plain(done.returncode, done.stderr, str(folder))
    return real, _plain(code, said.getvalue(), str(folder))


def _arguments(folder: str, conf: str, others: dict[str, str]) -> list[str]:
    Path(folder, "nginx.conf").write_text(conf, encoding="utf-8")
    if "tls/" in conf:
        from tests.oracle import certificates

        Path(folder, "tls").symlink_to(certificates.folder())
    directives = others.pop("directives", None)
    for name, text in others.items():
        Path(folder, name.replace("_", ".")).write_text(text, encoding="utf-8")
    more = [] if directives is None else ["-g", directives]
    return ["-t", "-p", folder, "-c", f"{folder}/nginx.conf", "-e", f"{folder}/error.log", *more]


def ask_nginx_all(wanted: list[Case]) -> list[Verdict]:
    """Real nginx about many, two at a time."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(ask_nginx, [case.conf for case in wanted]))


def rewrite(path: Path) -> None:
    """Put what nginx says today below each text; drop the emulator's own lines where it now says the same."""
    found = list(cases(path))
    comments = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    out = [*comments, ""]
    for case, verdict in zip(found, ask_nginx_all(found), strict=True):
        out.append(f"{case.place} | {case.text}")
        out.extend(f"= {line}" for line in verdict.lines)
        if case.ours != case.nginx and ask_emulator(case.conf) != verdict:
            out.extend(f"! {line}" for line in case.ours)
        out.append("")
    path.write_text("\n".join(out), encoding="utf-8")


if __name__ == "__main__":
    for each in sorted(FOLDER.glob("*.txt")):
        rewrite(each)
