"""Heads that came before: what follows from their bytes and the configuration alone is not found out again.

Browsers, pollers and probes send the same head over and over; for one that is known there is no parsing, no
check and no choice of a server. Bought: a quarter of the instructions of a small file's request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from emulator.http1.message import RequestHead
    from emulator.nginx.compile import Server
    from emulator.nginx.connection import Connection
    from emulator.nginx.request import Request

_MOST = 1024
_LONGEST = 2048  # octets; with `_MOST`, what a worker gives to this


class Known(NamedTuple):
    """A sound head without a body, and what it means."""

    head: RequestHead
    server: Server
    host: bytes | None
    raw_uri: bytes
    path: bytes
    args: bytes
    quoted: bool
    keepalive: bool

    def serve(self, connection: Connection) -> None:
        """Make a request of it on this connection, and run it."""
        connection.buffer = b""
        request = connection.begin()
        connection.deadline.clear()
        self._give(request)
        request.run()
        if connection.out.staged:
            connection.flush()

    def _give(self, r: Request) -> None:
        """Make a new request what this head made of the first one."""
        head = self.head
        r.head = head
        r.method = head.method
        r.version = head.version
        r.request_line = head.request_line
        r.headers = head.headers
        r.index = head.index
        r.whole = True
        server = self.server
        if server is not r.server:
            r.server = server
            r.location = server.location
        r.host, r.raw_uri, r.path, r.args = self.host, self.raw_uri, self.path, self.args
        r.quoted = self.quoted
        r.keepalive = self.keepalive


class KnownHeads:
    """Those of one listener, by their bytes."""

    __slots__ = ("_known", "get")

    def __init__(self) -> None:
        self._known: dict[bytes, Known] = {}
        self.get = self._known.get

    def remember(self, data: bytes, r: Request) -> None:
        """Keep a head that was checked and let through; not one with a body, or whose Host was captured."""
        head = r.head
        if head is None or head.ignored or r.length_in != 0 or r.captures or r.variables is not None:
            return
        if len(data) > _LONGEST:
            return
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[data] = Known(head, r.server, r.host, r.raw_uri, r.path, r.args, r.quoted, r.keepalive)
