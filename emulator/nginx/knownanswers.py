"""Heads of upstreams that came before: what a proxy made of one of them holds for its next one, too.

An upstream gives the same head for the same page, all through a second at least (Date). Only what was passed
on without a second thought is remembered: a success, without a field that nginx acts on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from emulator.http1.message import ResponseHead
    from emulator.nginx.request import Request

_MOST = 256
_LONGEST = 2048  # octets
_DECIDED_ANEW = (b"x-accel-", b"set-cookie", b"location", b"refresh")


class KnownAnswer(NamedTuple):
    """A head, and what it made of a response before the header filters."""

    head: ResponseHead
    size: int  # in octets
    length: int  # of the body; -1 unless it was said
    status_line: bytes | None
    content_type: bytes | None
    charset: bytes | None
    headers_out: tuple[tuple[bytes, bytes], ...]
    passed_first_lines: frozenset[bytes] | None

    def give(self, r: Request) -> None:
        """Make the response what the first one was."""
        r.status = self.head.status
        r.status_line = self.status_line
        r.content_type = self.content_type or r.content_type
        r.charset = self.charset
        r.content_length = self.length
        r.disable_not_modified = True
        r.headers_out.extend(self.headers_out)
        if self.passed_first_lines is not None:
            r.ctx = {**(r.ctx or {}), "first_lines": self.passed_first_lines}


class KnownAnswers:
    """Those of one location's upstream, by their bytes."""

    __slots__ = ("_known", "get")

    def __init__(self) -> None:
        self._known: dict[bytes, KnownAnswer] = {}
        self.get = self._known.get

    def remember(self, data: bytes, head: ResponseHead, r: Request) -> None:
        """Keep a head that a response was just made of."""
        if len(data) > _LONGEST or len(head.index) != len(head.headers):
            return
        if any(lower.startswith(_DECIDED_ANEW) for lower in head.index):
            return
        if len(self._known) >= _MOST:
            self._known.clear()
        first_lines = r.ctx.get("first_lines") if r.ctx is not None else None
        out = tuple(r.headers_out)
        self._known[data] = KnownAnswer(
            head, len(data), r.content_length, r.status_line, r.content_type, r.charset, out, first_lines
        )
