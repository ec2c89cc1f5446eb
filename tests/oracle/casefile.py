"""`.case` files: text -> scenes.

    # a comment (only before the first section; else `--- note`)
    --- conf                     directives of http {}; starts a scene (`--- main`: a whole nginx.conf);
                                 `--- conf shared`: both servers have the same upstreams, ports and all
    --- files                    one a line: `path "content"`, `path 5000` (that many octets of a pattern),
                                 `path/` (a folder), `path -> target` (a link), optionally `mode=600` and
                                 `mtime=1700000000`; escapes in a path are octets
    --- upstream PATH            what the upstream does with a request for PATH (`*`: any other);
                                 `--- upstream2 PATH` for the second server only
    --- include PATH             one more configuration file beside the main one, placeholders and all
    --- world                    tests/oracle/realistic only: what stands for what, see world.py there
    --- check access error       compare these logs, too, in every exchange of the scene (`info`: all levels)
    --- send a sentence [k=v]    one exchange; options: answers=N, probe=no, check=access,error, differs=ID,
                                 octets=yes (upstreams answer octet by octet, each read before the next is
                                 sent), port=2 (or 3), and for TLS: tls=SNI (`-`: without), cert=NAME,
                                 alpn=a,b, version=TLSv1.2, ciphers=X, resume=yes (the session before)
    --- requests [k=v]           one exchange a line, in short: `METHOD TARGET | Header: value || body`
    --- lacking NAME NAME        directives of modules that the real nginx here is built without: its side
                                 gets the configuration without their lines
    --- ours [k=v] REQUEST       what is sent to our side only, in short; each line is one of the outcome
    --- expect, --- note         for the reader only

In `conf`, `send` and `upstream`: {port} {port2} {port3}, {upstream} {upstream2} {upstream3} (ports that
answer), {secure} {secure2} {secure3} (that answer in TLS, with the certificates `upstream`, `selfsigned` and
`past`), {sid} {sid2} {sid3} (what `sticky` knows the upstreams by), {refused} (a port that refuses), {root}
(the folder of the files), {prefix} (nginx's prefix). Where a configuration names a file in tls/,
certificates.py says what there is. {dns} is the port of a name server, see nameserver.py.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from . import secure
from .script import Step, octets, request_line_steps, steps

_SECTION = re.compile(r"--- ([a-z0-9]+)(?: +(.*?))?\s*\Z")
_OPTIONS = re.compile(r"\s*\[([a-z]+=\S+(?: +[a-z]+=\S+)*)\]\Z")
_FILE = re.compile(r'(.+?)(?: +(?:"(.*)"|([0-9]+)|-> *(\S+)))?(?: +mode=([0-7]+))?(?: +mtime=([0-9]+))?\s*\Z')
PATTERN = bytes(range(32, 127))


class CaseError(Exception):
    """A `.case` file that does not follow the form."""


@dataclass(frozen=True, slots=True)
class File:
    """One entry under {root}: a file, a folder (`content` None) or a link."""

    path: str
    content: bytes | None
    link: str | None = None
    mode: int | None = None
    mtime: int | None = None


@dataclass(frozen=True, slots=True)
class Exchange:
    """What one client does on one connection, and what is compared beside the answer."""

    name: str
    steps: tuple[Step, ...] = field(repr=False)
    answers: int | None = None
    probe: bool = True
    checks: frozenset[str] = frozenset()
    differs: str | None = None
    tls: secure.Tls | None = None
    port: str = "port"
    octets: bool = False


@dataclass(slots=True)
class Scene:
    """One configuration and everything that is played on it."""

    name: str
    conf: str
    whole: bool = False
    files: tuple[File, ...] = field(default=(), repr=False)
    routes: dict[tuple[int, str], tuple[Step, ...]] = field(default_factory=dict, repr=False)
    checks: frozenset[str] = frozenset()
    exchanges: list[Exchange] = field(default_factory=list)
    includes: dict[str, str] = field(default_factory=dict, repr=False)
    shared: bool = False
    lacking: tuple[str, ...] = ()
    promises: list[tuple[Exchange, tuple[str, ...]]] = field(default_factory=list, repr=False)


def load(path: Path, root: Path) -> list[Scene]:
    """All scenes of a file, named after its place under `root`."""
    name = str(path.relative_to(root).with_suffix(""))
    try:
        return _scenes(name, path.read_text("utf-8"))
    except ValueError as error:
        raise CaseError(f"{path}: {error}") from error


def _scenes(name: str, text: str) -> list[Scene]:
    scenes: list[Scene] = []
    files: tuple[File, ...] = ()
    routes: dict[tuple[int, str], tuple[Step, ...]] = {}
    for kind, title, lines in _sections(text):
        if kind in ("conf", "main"):
            label = name if not scenes else f"{name}.{len(scenes) + 1}"
            scenes.append(Scene(label, "\n".join(lines) + "\n", kind == "main", files, routes))
            scenes[-1].shared = title == "shared"
        elif not scenes:
            raise ValueError(f"`--- {kind}` before the first `--- conf`")
        elif kind == "files":
            files = tuple(_file(line) for line in lines if line.strip())
            scenes[-1].files = files
        elif kind in ("include", "world"):
            scenes[-1].includes[title or "(world)"] = "\n".join(lines) + "\n"
        elif kind.startswith("upstream"):
            routes[int(kind[8:] or 0), title or "*"] = steps(lines)
        elif kind == "check":
            scenes[-1].checks = frozenset(title.split())
        elif kind == "lacking":
            scenes[-1].lacking = tuple(title.split())
        elif kind == "ours":
            options, _, request = title.rpartition("] ")
            (exchange,) = _exchanges(scenes[-1], "requests", f"{options}]" if options else "", [request])
            scenes[-1].promises.append((exchange, tuple(lines)))
        elif kind in ("send", "requests"):
            scenes[-1].exchanges.extend(_exchanges(scenes[-1], kind, title, lines))
        elif kind not in ("expect", "note"):
            raise ValueError(f"unknown section `--- {kind}`")
    return scenes


def _sections(text: str) -> Iterator[tuple[str, str, list[str]]]:
    current: tuple[str, str, list[str]] | None = None
    for line in text.split("\n")[:-1]:
        found = _SECTION.match(line)
        if found:
            if current:
                yield current
            current = (found[1], found[2] or "", [])
        elif current:
            current[2].append(line)
        elif line and not line.startswith("#"):
            raise ValueError(f"text before the first section: {line!r}")
    if current:
        yield current


def _exchanges(scene: Scene, kind: str, title: str, lines: list[str]) -> Iterator[Exchange]:
    options: dict[str, str] = {}
    if found := _OPTIONS.search(title if title.startswith("[") else f" {title}"):
        options = dict(item.split("=", 1) for item in found[1].split())
        title = title[: title.rindex("[")].strip()
    checks = scene.checks | frozenset(filter(None, options.get("check", "").split(",")))
    answers = int(options["answers"]) if "answers" in options else None
    probe, differs = options.get("probe") != "no", options.get("differs")
    wire = secure.options(options), f"port{options.get('port', '')}", options.get("octets") == "yes"
    if kind == "send":
        yield Exchange(title, steps(lines), answers, probe, checks, differs, *wire)
        return
    for line in lines:
        if line.strip() and not line.startswith("#"):
            yield Exchange(_short(line), request_line_steps(line), answers, probe, checks, differs, *wire)


def _short(line: str) -> str:
    text = line.strip().replace("::", ":")
    return text if len(text) <= 100 else text[:97] + "..."


def _file(line: str) -> File:
    found = _FILE.match(line.strip())
    if not found:
        raise ValueError(f"not a line of `--- files`: {line!r}")
    path, text, size, link, mode, mtime = found.groups()
    content = None if path.endswith("/") else octets(text or "")
    if size:
        content = (PATTERN * (int(size) // len(PATTERN) + 1))[: int(size)]
    path = os.fsdecode(octets(path))
    return File(path, content, link, int(mode, 8) if mode else None, int(mtime) if mtime else None)
