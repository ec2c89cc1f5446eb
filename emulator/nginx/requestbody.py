"""The request's body on its way in: read past, kept until it is whole, or handed on piece by piece."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from typing import TYPE_CHECKING

from emulator.http1.body import BodyReader, ChunkedReader, LengthReader
from emulator.http1.message import BadMessage

if TYPE_CHECKING:
    from emulator.nginx.request import Request

_READ = 1 << 18
TIMED_OUT = "client timed out (110: Connection timed out) while reading client request body"


class Spool:
    """Bytes that outgrew memory: an unlinked file, written at its end, read from anywhere."""

    __slots__ = ("fd", "size")

    def __init__(self) -> None:
        self.fd, name = tempfile.mkstemp(prefix="nginx-")
        os.unlink(name)  # noqa: PTH108
        self.size = 0

    def write(self, data: bytes | memoryview) -> None:
        view = memoryview(data)
        while view:
            written = os.pwrite(self.fd, view, self.size)
            self.size += written
            view = view[written:]

    def read(self, offset: int, count: int) -> bytes:
        return os.pread(self.fd, count, offset)

    def reset(self) -> None:
        """Everything has been read: start over, so that the file does not grow with the response."""
        os.ftruncate(self.fd, 0)
        self.size = 0

    def close(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


class RequestBody:
    """Reads one request's body; `discard`, `collect` or `stream` says what for.

    After `collect`, the body is in `memory` (a list of pieces) or, larger than client_body_buffer_size,
    in `spool`; `size` counts the payload. `stream` gives each piece to `on_piece` and may be paused.
    """

    __slots__ = (
        "_on_done",
        "_on_piece",
        "_paused",
        "_reader",
        "_request",
        "_until",
        "closed",
        "done",
        "memory",
        "size",
        "spool",
        "spooling",
    )

    def __init__(self, request: Request) -> None:
        self._request = request
        length = request.length_in
        self._reader: BodyReader = (
            ChunkedReader(0 if request.discarded else request.location.max_body_size)
            if length is None
            else LengthReader(length)
        )
        self._on_done: Callable[[], None] | None = None
        self._on_piece: Callable[[bytes], None] | None = None
        self._paused = False
        self._until = 0.0
        self.memory: list[bytes] = []
        self.spool: Spool | None = None
        self.size = 0
        self.done = self._reader.done
        self.closed = False
        self.spooling = False  # somebody wants the body

    def discard(self) -> int:
        """Read and drop; what is not there yet may come after the response. 0, or 400 for what is no body."""
        connection = self._request.connection
        try:
            payload_end = self._drop_buffered()
        except BadMessage as bad:
            self.done = True
            self._request.keepalive = False
            self._request.log_error("error", str(bad))
            return 400
        if not payload_end:
            connection.reader = self._readable
            if connection.readable:
                connection.worker.loop.post(self._readable_later)
        return 0

    def _drop_buffered(self) -> bool:
        connection = self._request.connection
        data, connection.buffer = connection.buffer, b""
        if data:
            self._reader.feed(data)
        self.done = self._reader.done
        if self.done:
            connection.buffer = self._reader.rest
        return self.done

    def _readable_later(self) -> None:
        connection = self._request.connection
        if connection.request is self._request and connection.reader == self._readable and not self.closed:
            self._readable()

    def collect(self, on_done: Callable[[], None]) -> None:
        """Keep the body, and call back when it is whole."""
        self._on_done = on_done
        self.spooling = True
        self._start()

    def stream(self, on_piece: Callable[[bytes], None], on_done: Callable[[], None]) -> None:
        """Hand each piece on as it comes."""
        self._on_piece = on_piece
        self._on_done = on_done
        self.spooling = True
        self._start()

    def pause(self) -> None:
        self._paused = True
        self._request.connection.deadline.clear()

    def resume(self) -> None:
        if self._paused and not self.closed:
            self._paused = False
            self._readable()

    def when_done(self, callback: Callable[[], None]) -> None:
        """The response is out: wait for the rest of a discarded body, for lingering_time at most."""
        connection = self._request.connection
        self._until = connection.worker.loop.now + self._request.location.lingering_time
        self._on_done = callback
        connection.deadline.set(self._request.location.lingering_timeout, connection.close)

    def close(self) -> None:
        self.closed = True
        if self.spool is not None:
            self.spool.close()
            self.spool = None
        self.memory.clear()

    def _start(self) -> None:
        self.send_continue()
        connection = self._request.connection
        connection.reader = self._readable
        if connection.buffer:
            data, connection.buffer = connection.buffer, b""
            if not self._take(data):
                return
        if self.done:
            self._finish()
            return
        self._set_deadline()
        self._readable()

    def send_continue(self) -> None:
        """100 Continue, once, to a client that waits for it (ngx_http_test_expect)."""
        request = self._request
        if request.expect_tested or request.version < 11:
            return
        expect = request.index.get(b"expect")
        if expect is None:
            return
        request.expect_tested = True
        if expect.lower() == b"100-continue":
            request.connection.queue(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.connection.flush()

    def _set_deadline(self) -> None:
        connection = self._request.connection
        if self.spooling:
            connection.deadline.set(self._request.location.client_body_timeout, self._timeout)

    def _timeout(self) -> None:
        request = self._request
        request.log_error("info", TIMED_OUT)
        request.status = 408
        request.connection.abort(request)

    def _readable(self) -> None:
        connection = self._request.connection
        while not (self.done or self._paused or self.closed):
            data = connection.receive(_READ)
            if data is None:
                self._set_deadline()
                return
            if not data:
                self._client_closed()
                return
            if not self._take(data):
                return
            if self._until and connection.worker.loop.now > self._until:
                connection.close()
                return
        if self.done and not self.closed:
            self._finish()

    def _client_closed(self) -> None:
        request = self._request
        if self.spooling:
            request.log_error("info", "client prematurely closed connection")
            request.status = 400
            request.connection.abort(request)
        elif self._on_done is not None:
            request.connection.close()
        else:
            self.done = True
            request.keepalive = False

    def _take(self, data: bytes) -> bool:
        try:
            payload = self._reader.feed(data)
        except BadMessage as bad:
            return self._fail(bad.status, str(bad))
        self.done = self._reader.done
        if not payload:
            return True
        self.size += len(payload)
        if self._on_piece is not None:
            self._on_piece(payload)
        elif self.spooling:
            self._keep(payload)
        return not self.closed

    def _keep(self, payload: bytes) -> None:
        if self.spool is None:
            self.memory.append(payload)
            if self.size <= self._memory_limit():
                return
            self.spool = Spool()
            name = self._request.worker.conf.next_body_temp()
            self._request.log_error("warn", f"a client request body is buffered to a temporary file {name}")
            for piece in self.memory:
                self.spool.write(piece)
            self.memory.clear()
            return
        self.spool.write(payload)

    def _memory_limit(self) -> int:
        """client_body_buffer_size, and a quarter more for a body that then fits as a whole."""
        size = self._request.location.client_body_buffer_size
        length = self._request.length_in
        return length if length is not None and length < size + (size >> 2) else size

    def _fail(self, status: int, reason: str) -> bool:
        """A body that is not one: answer if nothing has been answered yet, and never reuse the connection."""
        request = self._request
        self.done = True
        request.discarded = True
        request.keepalive = False
        connection = request.connection
        connection.buffer = b""
        connection.reader = connection._request_event
        if not self.spooling:
            if self._on_done is not None:
                connection.close()
            return False
        self.closed = True
        request.log_error("error", reason)
        upstream = request.upstream
        if upstream is not None:
            upstream.close()
        request.finalize(status)
        return False

    def _finish(self) -> None:
        connection = self._request.connection
        connection.deadline.clear()
        connection.buffer = self._reader.rest
        connection.reader = connection._request_event
        callback, self._on_done = self._on_done, None
        if callback is not None:
            callback()
