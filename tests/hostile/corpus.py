"""The corpus: text files -> cases -> plays. Pure. How a case is written: see the package's docstring."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from tests.oracle.script import Step, steps

from .site import EARLY, FILTERED, PROXIED

FOLDER = Path(__file__).parent / "corpus"
REQUESTS = ("sound", "either", "refuse", "cut", "early", "tunnel")
ANSWERS = ("good", "bad", "any")
_SECTION = re.compile(r"--- ([a-z]+)(?: (.*?))?\s*\Z")
_TITLE = re.compile(r"(.+): ([a-z]+)\Z")
_PLAIN = "GET {p} HTTP/1.1\nHost: a\n"
_CUTS = (1, 3)  # at so many points, once each


@dataclass(frozen=True, slots=True)
class Case:
    """`kind` is what the RFCs say of it; `behind` is what the backend answers, if that matters."""

    group: str
    name: str
    kind: str
    steps: tuple[Step, ...]
    behind: tuple[Step, ...] = ()

    @property
    def answers(self) -> bool:
        """Whether it is about the backend's answer."""
        return self.kind in ANSWERS

    @property
    def label(self) -> str:
        return f"{self.group}: {self.name}"

    def octets(self) -> bytes:
        """What the client sends, on the plain route."""
        return b"".join(step.data for step in fill(self.steps, "/plain", 0) if step.verb == "send")


@dataclass(frozen=True, slots=True)
class Play:
    """A case on one route with its number, cut in one way."""

    number: int
    case: Case
    route: str
    steps: tuple[Step, ...]
    behind: tuple[Step, ...]
    how: str

    @property
    def alone(self) -> bool:
        """Whether octets come late on a connection that nobody else may have taken in between."""
        return any(step.verb == "wait" for step in self.behind)

    @property
    def label(self) -> str:
        return f"{self.case.label} [{self.route} {self.how}]"


def load() -> list[Case]:
    return [case for path in sorted(FOLDER.glob("*.http")) for case in _cases(path)]


def _cases(path: Path) -> Iterator[Case]:
    forms: dict[str, list[str]] = {}
    last: Case | None = None
    for kind, title, lines in _sections(path.read_text("utf-8")):
        if kind == "behind" and last is not None:
            last = replace(last, behind=steps(lines))
            continue
        if last is not None:
            yield last
            last = None
        if kind == "form":
            forms[title] = lines
            continue
        found = _TITLE.match(title)
        if not found or found[2] not in (REQUESTS + ANSWERS):
            raise ValueError(f"{path.name}: --- {kind} {title}")
        for case in _written(path.stem, kind, found[1], found[2], lines, forms):
            if last is not None:
                yield last
            last = case
    if last is not None:
        yield last


def _written(
    group: str, kind: str, name: str, verdict: str, lines: list[str], forms: dict[str, list[str]]
) -> Iterator[Case]:
    plain = steps(_PLAIN.split("\n"))
    if kind == "case":
        yield Case(group, name, verdict, steps(lines))
    elif kind == "answer":
        yield Case(group, name, verdict, plain, steps(lines))
    elif kind in ("each", "answers"):
        for item in lines:
            if item:
                text = steps([line.replace("{it}", item) for line in forms[name]])
                title = f"{name} {item}"
                yield Case(group, title, verdict, *((text,) if kind == "each" else (plain, text)))
    else:
        raise ValueError(f"{group}: --- {kind}")


def _sections(text: str) -> Iterator[tuple[str, str, list[str]]]:
    current: tuple[str, str, list[str]] | None = None
    for line in text.removesuffix("\n").split("\n"):
        if found := _SECTION.match(line):
            if current:
                yield current
            current = (found[1], found[2] or "", [])
        elif current and not line.startswith("# "):
            current[2].append(line)
    if current:
        yield current


# cases -> plays


def fill(given: tuple[Step, ...], route: str, number: int) -> tuple[Step, ...]:
    """The placeholders' values: {p} the target, {k} the play's name, {rest} the octets after this head."""
    name = b"k%d" % number
    target = route.encode() + b"/" + name
    done = [replace(step, data=step.data.replace(b"{p}", target).replace(b"{k}", name)) for step in given]
    for i, step in enumerate(done):
        while (at := step.data.find(b"{rest}")) >= 0:
            after = b"".join(item.data for item in done[i:] if item.verb == "send")[at:]
            length = len(after) - after.find(b"\r\n\r\n") - 4
            step = done[i] = replace(step, data=step.data.replace(b"{rest}", b"%d" % length, 1))
    return tuple(done)


def cut(given: tuple[Step, ...], points: list[int]) -> tuple[Step, ...]:
    """The same octets, ended and begun anew at these places."""
    out: list[Step] = []
    at = 0
    for step in given:
        if step.verb != "send":
            out.append(step)
            continue
        here = [0, *(p - at for p in points if at < p < at + len(step.data)), len(step.data)]
        for start, end in pairwise(here):
            out += [Step("split")] if start else []
            out.append(Step("send", step.data[start:end]))
        at += len(step.data)
    return tuple(out)


def plays(case: Case, number: int) -> list[Play]:
    """Whole on several routes, and cut in several ways on one each; always the same ones for a case."""
    chance = random.Random(case.label)
    routed = any(b"{p}" in step.data for step in case.steps)
    others = FILTERED if case.behind else chance.sample(EARLY, 2)
    routes = [*PROXIED, *others] if routed else ["-"]
    out = [_play(case, route, number + i, [], "whole") for i, route in enumerate(routes)]
    size = sum(len(step.data) for step in out[0].steps if step.verb == "send")
    for i, many in enumerate(_CUTS):
        points = sorted({chance.randrange(1, max(size, 2)) for _ in range(many)})
        route = routes[(len(case.label) + i) % len(routes)]
        out.append(_play(case, route, number + len(out), points, f"cut at {points}"))
    if case.group == "chunks" and size < 400:
        everywhere = list(range(max(1, out[0].steps[0].data.find(b"\r\n\r\n")), size))
        out.append(_play(case, routes[0], number + len(out), everywhere, "octet by octet"))
    return out


def _play(case: Case, route: str, number: int, points: list[int], how: str) -> Play:
    given, behind = fill(case.steps, route, number), fill(case.behind, route, number)
    if case.answers:
        size = sum(len(step.data) for step in behind)
        return Play(number, case, route, given, cut(behind, [p * size // 50 for p in points]), how)
    return Play(number, case, route, cut(given, points), behind, how)


def every(cases: list[Case], number: int = 0) -> list[Play]:
    """All plays of these cases, numbered from here on."""
    out: list[Play] = []
    for case in cases:
        out += plays(case, number + len(out))
    return out
