"""Files asked for again by the same head: what the answer says is kept, the file is opened each time.

Only the plainest answers, those of a location in which nothing but files decides: a small file, whole, on a
connection that goes on. While the file is the same one (inode, time, size) so is its head; all else takes the
long way. Bought: two thirds of the bytecodes of a small file's request.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from emulator.nginx.openfiles import FLAGS
from emulator.nginx.request import OWN, Request

if TYPE_CHECKING:
    from emulator.nginx.connection import Connection
    from emulator.nginx.openfiles import OpenFile

_LARGEST = 65536


class KnownFile:
    """A file, the head's lines after Date, and what a request knew when its answer was ready."""

    __slots__ = ("_facts", "_fields", "_lines", "_location", "_path", "_size", "_state")

    def __init__(self, path: str, facts: tuple[int, ...], lines: bytes, r: Request) -> None:
        self._path = path
        self._facts = facts
        self._size = r.content_length
        self._lines = lines
        self._fields = r.headers_out
        self._location = r.location
        self._state = {name: value for name, value in r.__dict__.items() if name not in OWN}
        self._state["keepalive"] = False  # as it is when nginx writes its log

    def answer(self, c: Connection) -> bool:
        """Send it; False, and nothing was done, where the long way has to be taken."""
        location = self._location
        worker = c.worker
        now = worker.loop.now
        if (
            c.readable
            or worker.quitting
            or c.requests + 1 >= location.keepalive_requests
            or now - c.started >= location.keepalive_time
        ):
            return False
        data = self._read()
        if data is None:
            return False
        c.requests += 1
        worker.requests += 1
        head = worker.prefix.of(200, None) + self._lines
        r = Request.again(self._state, c)
        r.headers_out = self._fields
        r.header_size = len(head)
        c.request = r
        c.out.push(head + data)
        if c.flush():
            c.request = None
            worker.log(r)
            c.await_next(location)
        elif not c.closed:
            c.finishing = True
            c.waiting = False
            c.reader = c.watch_client
        return True

    def _read(self) -> bytes | None:
        """The file's content; None if it is not the one that was known."""
        try:
            fd = os.open(self._path, FLAGS)
            try:
                facts = os.fstat(fd)
                if (facts.st_ino, facts.st_mtime_ns, facts.st_size, facts.st_dev) != self._facts:
                    return None
                data = os.pread(fd, self._size, 0)
            finally:
                os.close(fd)
        except OSError:
            return None
        return data if len(data) == self._size else None


def remember(r: Request, path: str, file: OpenFile) -> None:
    """Keep what was just queued, if it is the plain answer of a head that may come again."""
    known = r.known
    if known is None or not r.location.only_files or not r.keepalive:
        return
    plain = r.status == 200 and not (r.ctx or r.variables or r.captures or r.internal or r.server.rewrite)
    staged = r.connection.out.staged
    if not plain or r.header_only or file.size > _LARGEST or len(staged) != 2:
        return
    start = r.worker.prefix.of(200, None)
    if staged[0].startswith(start):
        facts = os.fstat(file.fd)
        seen = (facts.st_ino, facts.st_mtime_ns, facts.st_size, facts.st_dev)
        known.file = KnownFile(r.worker.namespace.path(path), seen, staged[0][len(start) :], r)
