"""A file on its way through filters, in pieces and at the client's pace (ngx_output_chain.c)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from emulator.nginx import output

if TYPE_CHECKING:
    from emulator.nginx.connection import Connection
    from emulator.nginx.openfiles import OpenFile
    from emulator.nginx.request import Request

_PIECE = 32768  # as output_buffers
_TURN = 1 << 18  # how much is read before others have their turn

Part = tuple[bytes, int, int]


def feed(r: Request, file: OpenFile, parts: list[Part], tail: bytes = b"") -> None:
    """Send parts of a file, each with what stands before it, then the end of the answer."""
    FileFeed(r, file, parts, tail).run()


class FileFeed:
    """One answer; `borrow` keeps the descriptor until the request is over."""

    __slots__ = ("_at", "_fd", "_parts", "_r", "_tail")

    def __init__(self, r: Request, file: OpenFile, parts: list[Part], tail: bytes) -> None:
        self._r = r
        self._fd = file.borrow()
        r.at_end(file.give_back)
        self._parts = iter(parts)
        self._tail = tail
        self._at = (0, 0)

    def run(self) -> None:
        """Read on until the client is too slow or the turn is over."""
        r = self._r
        connection = r.connection
        connection.on_drain = None
        if connection.request is not r:
            return
        left = _TURN
        while left > 0:
            try:
                data, over = self._piece()
            except (EOFError, OSError) as error:
                self._failed(error)
                return
            output.send_body(r, data)
            if over:
                r.finalize_output()
                return
            left -= len(data)
        if connection.flush():
            connection.worker.loop.post(self.run)
        elif not connection.closed:
            connection.on_drain = self._drained

    def _failed(self, error: EOFError | OSError) -> None:
        """The length that was promised, or the end of what is unpacked, cannot be kept."""
        r = self._r
        name, (start, end) = r.location.map_path(r), self._at
        if isinstance(error, OSError):
            level, message = "crit", f'pread() "{name}" failed ({error.errno}: {error.strerror})'
        else:
            level, message = "alert", f'pread() read only 0 of {min(_PIECE, end - start)} from "{name}"'
        r.log_error(level, f"{message} while sending response to client")
        r.connection.abort(r)

    @property
    def connection(self) -> Connection:
        """Whose end it is if something goes wrong here."""
        return self._r.connection

    def _drained(self) -> None:
        self._r.connection.worker.loop.post(self.run)

    def _piece(self) -> tuple[bytes, bool]:
        """What comes next, and whether that is all: small parts together, a large one bit by bit."""
        pieces: list[bytes] = []
        size = 0
        start, end = self._at
        while size < _PIECE:
            if start == end:
                part = next(self._parts, None)
                if part is None:
                    return b"".join((*pieces, self._tail)), True
                before, start, end = part
                self._at = (start, end)
                pieces.append(before)
                continue
            data = os.pread(self._fd, min(_PIECE, end - start), start)
            if not data:
                raise EOFError
            pieces.append(data)
            size += len(data)
            start += len(data)
            self._at = (start, end)
        return b"".join(pieces), False
