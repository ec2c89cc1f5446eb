"""What one socket still has to send, in order: bytes, and parts of files.

Rules:
- bytes that are pushed between two calls of `send` leave in one system call;
- a part of a file goes by sendfile, never through this process's memory;
- nobody is kept waiting for one large file: after `_MOST` octets `send` stops, and says so by `yielded`.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Protocol

from emulator.nginx.spool import Spool

if TYPE_CHECKING:
    import socket


_JOINED = 4096  # smaller pieces become one: thousands of them would be counted again and again


class Lender(Protocol):
    """An open file of which several parts are sent: the last one that is out closes it."""

    def borrow(self) -> int: ...

    def give_back(self) -> None: ...


class FilePart:
    """A part of a file, with a descriptor of its own or borrowed from a spool."""

    __slots__ = ("count", "fd", "offset", "spool")

    def __init__(self, fd: int, offset: int, count: int, spool: Lender | None = None) -> None:
        self.fd = fd
        self.offset = offset
        self.count = count
        self.spool = spool

    @property
    def end(self) -> int:
        return self.offset + self.count

    def close(self) -> None:
        if self.spool is None:
            os.close(self.fd)
        else:
            self.spool.give_back()

    def __repr__(self) -> str:
        return f"<FilePart {self.offset}+{self.count}>"


class SendQueue:
    """The bytes on their way into a socket; the owner of the socket calls `send` and minds its errors."""

    delayed: bool = False  # nothing may leave now, though the socket takes more

    __slots__ = ("_fd", "_send", "push", "sent", "staged", "unsent", "yielded")

    _MOST = 2 << 20  # as sendfile_max_chunk

    def __init__(self, sock: socket.socket, fd: int) -> None:
        self._fd = fd
        self._send = sock.send
        self.staged: list[bytes] = []  # what was pushed since the last `send`
        self.push: Callable[[bytes], None] = self.staged.append
        self.unsent: list[bytes | memoryview | FilePart] = []  # what the socket has not taken yet
        self.sent = 0
        self.yielded = False  # the last `send` stopped though the socket takes more

    def push_each(self, pieces: Iterable[bytes]) -> None:
        """Push pieces that are too large to be joined."""
        self._stage()
        self.unsent.extend(pieces)

    def push_file(self, fd: int, offset: int, count: int) -> None:
        """Push a part of an open file; the caller may close its descriptor."""
        self._stage()
        if count:
            self.unsent.append(FilePart(os.dup(fd), offset, count))

    def push_shared(self, file: Lender, offset: int, count: int) -> None:
        """Push one of many parts of a file."""
        self._stage()
        self.unsent.append(FilePart(file.borrow(), offset, count, file))

    def _stage(self) -> None:
        if not self.staged:
            return
        data = b"".join(self.staged)
        self.staged.clear()
        last = self.unsent[-1] if self.unsent else None
        if isinstance(last, bytes) and len(last) + len(data) <= _JOINED:
            self.unsent[-1] = last + data
        else:
            self.unsent.append(data)

    def memory(self) -> int:
        """How many octets wait in memory."""
        return sum(len(piece) for piece in self.unsent if not isinstance(piece, FilePart))

    def send(self) -> bool:
        """Write what there is; True when all of it is out. Raises OSError when the peer is gone."""
        staged = self.staged
        if self.unsent:
            self._stage()
            return self._send_unsent()
        if not staged:
            return True
        data = staged[0] if len(staged) == 1 else b"".join(staged)
        staged.clear()
        try:
            written = self._send(data)
        except BlockingIOError:
            written = 0
        self.sent += written
        if written == len(data):
            return True
        self.unsent.append(memoryview(data)[written:])
        return False

    def _send_unsent(self) -> bool:
        unsent = self.unsent
        until = self.sent + self._MOST
        self.yielded = False
        try:
            while unsent:
                first = unsent[0]
                if isinstance(first, FilePart):
                    if self.sent >= until:
                        self.yielded = True
                        return False
                    self._send_part(first)
                    continue
                written = self._send(first)
                self.sent += written
                if written < len(first):
                    unsent[0] = memoryview(first)[written:]
                else:
                    unsent.pop(0)
        except BlockingIOError:
            return False
        return True

    def _send_part(self, part: FilePart) -> None:
        written = os.sendfile(self._fd, part.fd, part.offset, min(part.count, self._MOST))
        if written == 0:
            # the file has shrunk since: the length that was promised cannot be kept
            raise OSError(errno.EIO, "file was truncated")
        self.sent += written
        part.offset += written
        part.count -= written
        if not part.count:
            self.unsent.pop(0)
            part.close()

    def spill(self, spool: Spool) -> None:
        """Move what waits in memory to a file, neighbours as one part. OSError: the disk is full."""
        unsent = self.unsent
        kept: list[bytes | memoryview | FilePart] = []
        try:
            while unsent:
                piece = unsent[0]
                if not isinstance(piece, FilePart):
                    start = spool.write(piece)
                    last = kept[-1] if kept else None
                    if isinstance(last, FilePart) and last.spool is spool and last.end == start:
                        last.count += len(piece)
                        unsent.pop(0)
                        continue
                    piece = FilePart(spool.borrow(), start, len(piece), spool)
                unsent.pop(0)
                kept.append(piece)
        finally:
            unsent[:0] = kept

    def lift_limit(self) -> None:
        """What is left goes as fast as the socket takes it."""

    def close(self) -> None:
        """Drop what is left; idempotent."""
        self.staged.clear()
        while self.unsent:
            piece = self.unsent.pop(0)
            if isinstance(piece, FilePart):
                piece.close()

    def __repr__(self) -> str:
        return f"<SendQueue sent={self.sent} staged={len(self.staged)} unsent={list(self.unsent)!r:.60}>"
