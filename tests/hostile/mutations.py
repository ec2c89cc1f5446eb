"""Octets of the corpus, changed at random: what hypothesis draws for the same judge."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.oracle.script import Step

from .corpus import Case, Play, cut, fill
from .site import EARLY, PROXIED

_WORDS = (
    *(b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b"\x0b", b"\x85", b":", b",", b";", b"0", b"5", b"\r\n\r\n"),
    *(b"chunked", b"Transfer-Encoding: chunked\r\n", b"Content-Length: 5\r\n", b"Content-Length: 0\r\n"),
    *(b"Connection: close\r\n", b"Connection: keep-alive\r\n", b"Expect: 100-continue\r\n", b"Host: a\r\n"),
    *(b"0\r\n\r\n", b"5\r\nhello\r\n", b"%0d%0a", b"../", b"HTTP/1.1", b"HTTP/1.0", b"-", b"x"),
    b"GET /evil HTTP/1.1\r\nHost: a\r\n\r\n",
)
_GROUPS = ("smuggling", "chunks", "request-line", "host", "pipelining")
_LONGEST = 2000


@st.composite
def _mutated(draw: st.DrawFn, texts: list[bytes]) -> bytes:
    data = draw(st.sampled_from(texts))
    for _ in range(draw(st.integers(1, 4))):
        at, end = sorted((draw(st.integers(0, len(data))), draw(st.integers(0, len(data)))))
        end = min(end, at + 40)
        kind = draw(st.sampled_from(("put", "put", "drop", "twice", "instead", "splice", "octet", "end")))
        if kind == "put":
            data = data[:at] + draw(st.sampled_from(_WORDS)) + data[at:]
        elif kind == "drop":
            data = data[:at] + data[at + draw(st.integers(1, 3)) :]
        elif kind == "twice":
            data = data[:end] + data[at:end] + data[end:]
        elif kind == "instead":
            data = data[:at] + draw(st.sampled_from(_WORDS)) + data[end:]
        elif kind == "octet":
            data = data[:at] + bytes([draw(st.integers(0, 255))]) + data[at + 1 :]
        elif kind == "splice":
            other = draw(st.sampled_from(texts))
            data = data[:at] + other[draw(st.integers(0, len(other))) :]
        elif at:
            data = data[:at]
    return data[:_LONGEST]


@st.composite
def mutants(draw: st.DrawFn, cases: list[Case]) -> Case:
    """A case whose octets are like those of one of these, and not quite."""
    texts = [b"".join(s.data for s in case.steps if s.verb == "send") for case in cases]
    short = [
        text for text, case in zip(texts, cases, strict=True) if len(text) < _LONGEST and not case.behind
    ]
    return Case("mutants", "", "either", (Step("send", draw(_mutated(short))),))


@st.composite
def batches(draw: st.DrawFn, cases: list[Case], size: int) -> list[tuple[Case, str, list[int]]]:
    """Mutants, each with a route and where it is cut."""
    some = [case for case in cases if case.group in _GROUPS]
    routes = st.sampled_from((*PROXIED, *EARLY))
    points = st.lists(st.integers(1, _LONGEST), max_size=3, unique=True).map(sorted)
    return [(draw(mutants(some)), draw(routes), draw(points)) for _ in range(size)]


def as_play(case: Case, route: str, points: list[int], number: int) -> Play:
    given = fill(case.steps, route, number)
    return Play(number, case, route, cut(given, points), (), f"cut at {points}")
