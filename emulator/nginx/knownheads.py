"""Heads that came before: what follows from their bytes and the configuration alone is not found out again.

Browsers, pollers and probes send the same head over and over; for one that is known there is no parsing, no
check and no choice of a server. Bought: a quarter of the instructions of a small file's request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.nginx.head import may_keep
from emulator.nginx.request import OWN, Request

if TYPE_CHECKING:
    from emulator.http1.message import RequestHead
    from emulator.nginx.connection import Connection
    from emulator.nginx.knownfiles import KnownFile

_MOST = 1024
_LONGEST = 2048  # octets; with `_MOST`, what a worker gives to this


class Known:
    """A sound head without a body, and what it means; `file` is the plain file that answers it."""

    __slots__ = ("_found", "_state", "args", "file", "head", "path")

    def __init__(self, head: RequestHead, r: Request) -> None:
        self.head: RequestHead = head
        self.path: bytes = r.path
        self.args: bytes = r.args
        self.file: KnownFile | None = None
        location, match = r.server.find(r.path)
        self._found = not (r.server.rewrite or match is not None or location.internal)
        self._state = {name: value for name, value in r.__dict__.items() if name not in OWN}
        self._state["known"] = self
        if self._found:
            self._state["location"] = location

    def serve(self, connection: Connection) -> None:
        """Make a request of it on this connection, and run it."""
        connection.buffer = b""
        if self.file is not None and self.file.answer(connection):
            return
        connection.deadline.clear()
        request = Request.again(self._state, connection)
        connection.take(request)
        if self._found:
            request.keepalive = request.keepalive and may_keep(request)
            request.resume()
        else:
            request.run()
        if connection.out.staged:
            connection.flush()


class KnownHeads:
    """Those of one listener, by their bytes."""

    __slots__ = ("_known", "get")

    def __init__(self) -> None:
        self._known: dict[bytes, Known] = {}
        self.get = self._known.get

    def remember(self, data: bytes, r: Request) -> None:
        """Keep a head that was checked and let through; not one with a body, or whose Host was captured.

        In TLS it is not the head alone that decides.
        """
        head = r.head
        if head is None or head.ignored or r.length_in != 0 or r.captures or r.variables or r.ctx:
            return
        if len(data) > _LONGEST or r.connection.listener.tls or b"expect" in head.index:
            return
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[data] = Known(head, r)
