"""Heads of upstreams that came before: what a proxy made of one of them holds for its next one, too.

An upstream gives the same head for the same page, all through a second at least (Date). Only what was passed
on without a second thought is remembered: a success, without a field that nginx acts on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.nginx import output
from emulator.nginx.upstreamhead import stays_open

if TYPE_CHECKING:
    from emulator.http1.message import ResponseHead
    from emulator.nginx.location import Location
    from emulator.nginx.request import Request

_MOST = 256
_MOST_LINES = 16
_LONGEST = 2048  # octets
_DECIDED_ANEW = (b"x-accel-", b"set-cookie", b"location", b"refresh")


class KnownAnswer:
    """A head of so many octets, and what it made of a response before the header filters.

    `length` is the body's, -1 unless it was said.
    """

    __slots__ = (
        "_fields",
        "_lines",
        "_passed_first_lines",
        "_state",
        "fits",
        "head",
        "length",
        "size",
        "stays_open",
    )

    def __init__(self, head: ResponseHead, size: int, room: int, r: Request) -> None:
        self.head: ResponseHead = head
        self.size: int = size
        self.stays_open: bool = stays_open(head)
        self.length: int = r.content_length
        # with its body into one buffer, in which a head alone would wait for it
        self.fits: bool = 0 < self.length <= room - size
        self._fields = tuple(r.headers_out)
        self._passed_first_lines = r.ctx.get("first_lines") if r.ctx is not None else None
        self._state = {
            "status": head.status,
            "status_line": r.status_line,
            "charset": r.charset,
            "content_length": r.content_length,
            "disable_not_modified": True,
        }
        if r.content_type is not None:
            self._state["content_type"] = r.content_type
        # what the client was sent after the Date, and the whole content type, by what else decides it
        self._lines: dict[tuple[Location, bool], tuple[bytes, bytes | None]] = {}

    def send_head(self, r: Request) -> bool:
        """Make the response what the first one was, and queue its head; False when a filter has ended it."""
        r.__dict__.update(self._state)
        r.headers_out.extend(self._fields)
        if self._passed_first_lines is not None:
            r.ctx = {**(r.ctx or {}), "first_lines": self._passed_first_lines}
        location = r.location
        plain = r.known is not None and location.plain_head and not (r.ctx or r.internal or self.length < 0)
        if not plain or r.method != b"GET":
            return output.send_header(r)
        start = r.worker.prefix.of(self.head.status, r.status_line)
        made = self._lines.get((location, r.keepalive))
        if made is None:
            sent = output.send_header(r)
            head = r.connection.out.staged[-1] if r.connection.out.staged else b""
            if sent and head.startswith(start) and len(self._lines) < _MOST_LINES:
                self._lines[location, r.keepalive] = head[len(start) :], r.content_type
            return sent
        lines, r.content_type = made
        head = start + lines
        r.header_sent = True
        r.header_size = len(head)
        r.connection.queue(head)
        return True


class KnownAnswers:
    """Those of one location's upstream, by their bytes."""

    __slots__ = ("_known", "get")

    def __init__(self) -> None:
        self._known: dict[bytes, KnownAnswer] = {}
        self.get = self._known.get

    def remember(self, data: bytes, head: ResponseHead, room: int, r: Request) -> None:
        """Keep a head that a response was just made of; the first buffer has room for so many octets."""
        if len(data) > _LONGEST or len(head.index) != len(head.headers):
            return
        if any(lower.startswith(_DECIDED_ANEW) for lower in head.index):
            return
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[data] = KnownAnswer(head, len(data), room, r)
