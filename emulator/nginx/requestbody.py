"""The request's body on its way in: read past, kept until it is whole, or handed on piece by piece."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from emulator.http1.body import BodyReader, ChunkedReader, LengthReader
from emulator.http1.message import BadMessage
from emulator.nginx.spool import Spool

if TYPE_CHECKING:
    from emulator.nginx.bodyfiles import BodyFiles
    from emulator.nginx.connection import Connection
    from emulator.nginx.request import Request

_READ = 1 << 18
_READS_PER_TURN = 4  # a client that sends as fast as we read does not keep the others waiting


def send_continue(request: Request) -> None:
    """100 Continue, once, to a client that waits for it (ngx_http_test_expect)."""
    expect = request.index.get(b"expect")
    if expect is None or request.expect_tested or request.version < 11:
        return
    request.expect_tested = True
    if expect.lower() == b"100-continue":
        request.connection.queue(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.connection.flush()


def _reader_for(request: Request) -> BodyReader:
    length = request.length_in
    if length is not None:
        return LengthReader(length)
    return ChunkedReader(0 if request.discarded else request.location.max_body_size)


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
        "connection",
        "done",
        "memory",
        "octets",
        "size",
        "spool",
        "wanted",
    )

    def __init__(self, request: Request) -> None:
        self._request = request
        self.connection: Connection = request.connection
        self._reader: BodyReader = _reader_for(request)
        self._on_done: Callable[[], None] | None = None
        self._on_piece: Callable[[bytes], None] | None = None
        self._paused = False
        self._until = 0.0
        self.memory: list[bytes] = []
        self.spool: Spool | None = None
        self.size = 0
        self.octets = 0  # with the framing
        self.done = self._reader.done
        self.closed = False
        self.wanted = False  # somebody wants the body

    def discard(self) -> int:
        """Read and drop; what is not there yet may come after the response. 0, or 400 for what is no body."""
        connection = self.connection
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
        connection = self.connection
        data, connection.buffer = connection.buffer, b""
        if data:
            self._reader.feed(data)
        self.done = self._reader.done
        if self.done:
            connection.buffer = self._reader.rest
        return self.done

    def _readable_later(self) -> None:
        connection = self.connection
        mine = connection.request is self._request and connection.reader == self._readable
        if mine and not self.closed and not self.done:
            self._readable()

    def collect(self, on_done: Callable[[], None]) -> None:
        """Keep the body, and call back when it is whole."""
        self._on_done = on_done
        self.wanted = True
        self._start()

    def stream(self, on_piece: Callable[[bytes], None], on_done: Callable[[], None]) -> None:
        """Hand each piece on as it comes."""
        self._on_piece = on_piece
        self._on_done = on_done
        self.wanted = True
        self._start()

    @property
    def kept(self) -> bool:
        """Whether the body is here to be sent, more than once if need be."""
        return self.wanted and self._on_piece is None

    def pause(self) -> None:
        self._paused = True
        self.connection.deadline.clear()

    def resume(self) -> None:
        if self._paused and not self.closed:
            self._paused = False
            self._readable()

    def when_done(self, callback: Callable[[], None]) -> None:
        """The response is out: wait for the rest of a discarded body, for lingering_time at most."""
        self._until = self.connection.worker.loop.now + self._request.location.lingering_time
        self._on_done = callback
        self._set_deadline()

    def close(self) -> None:
        self.closed = True
        if self.spool is not None:
            self.spool.close()
            self.spool = None
        self.memory.clear()

    def _start(self) -> None:
        send_continue(self._request)
        files = self._request.location.body_files
        if files is not None and self._on_piece is None and not self._open_file(files):
            return
        connection = self.connection
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

    def _set_deadline(self) -> None:
        location = self._request.location
        if self.wanted:
            self.connection.deadline.set(location.client_body_timeout, self._timeout)
        elif self._until:
            self.connection.deadline.set(location.lingering_timeout, self._too_late)

    def _timeout(self) -> None:
        request = self._request
        request.status = 408
        self.connection.time_out(request)

    def _too_late(self) -> None:
        self.connection.time_out(self._request)

    def _readable(self) -> None:
        connection = self.connection
        reads = 0
        while not (self.done or self._paused or self.closed):
            if reads == _READS_PER_TURN:
                self._set_deadline()
                connection.worker.loop.post(self._readable_later)
                return
            reads += 1
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
                connection.abort(self._request)
                return
        if self.done and not self.closed:
            self._finish()

    def _client_closed(self) -> None:
        request = self._request
        if self.wanted:
            request.log_error("info", "client prematurely closed connection")
            request.status = 400
            self.connection.abort(request)
        elif self._on_done is not None:
            self.connection.abort(request)
        else:
            self.done = True
            request.keepalive = False

    def _take(self, data: bytes) -> bool:
        try:
            payload = self._reader.feed(data)
            self.octets += len(data) - len(self._reader.rest)
        except BadMessage as bad:
            return self._fail(bad.status, str(bad))
        self.done = self._reader.done
        if not payload:
            return True
        self.size += len(payload)
        if self._on_piece is not None:
            self._on_piece(payload)
        elif self.wanted:
            self._keep(payload)
        return not self.closed

    def _open_file(self, files: BodyFiles) -> bool:
        """client_body_in_file_only: a file of its own for each request that says what its body is."""
        request = self._request
        if request.length_in == 0 and b"content-length" not in request.index:
            return True
        try:
            self.spool = files.open(request)
        except OSError as error:
            self._disk_failed(error)
            return False
        return True

    def _keep(self, payload: bytes) -> None:
        if self.spool is None:
            self.memory.append(payload)
            if self.size > self._memory_limit():
                self._move_to_file()
            return
        try:
            self.spool.write(payload)
        except OSError as error:
            self._disk_failed(error)

    def _move_to_file(self) -> None:
        try:
            spool = self.spool = Spool()
            name = self._request.worker.conf.next_body_temp(self._request.location.body_folder)
            self._request.log_error("warn", f"a client request body is buffered to a temporary file {name}")
            for piece in self.memory:
                spool.write(piece)
            self.memory.clear()
        except OSError as error:
            self._disk_failed(error)

    def _disk_failed(self, error: OSError) -> None:
        self._fail(500, f"pwrite() failed ({error.errno}: {error.strerror})", "crit")

    def _memory_limit(self) -> int:
        """client_body_buffer_size, and a quarter more for a body that then fits as a whole."""
        size = self._request.location.client_body_buffer_size
        length = self._request.length_in
        if length is not None and length < size + (size >> 2):
            return length
        # what still fits behind the head stays where the head is
        return max(size, self._request.server.client_header_buffer_size - len(self._request.request_line))

    def _fail(self, status: int, reason: str, level: str = "error") -> bool:
        """A body that is not one: answer if nothing has been answered yet, and never reuse the connection."""
        request = self._request
        self.done = True
        request.discarded = True
        request.keepalive = False
        connection = request.connection
        connection.buffer = b""
        connection.reader = connection.watch_client
        if not self.wanted:
            if self._on_done is not None:
                connection.abort(request)
            return False
        self.closed = True
        request.log_error(level, reason)
        upstream = request.upstream
        if upstream is not None:
            upstream.close()
        request.finalize(status)
        return False

    def _finish(self) -> None:
        connection = self.connection
        connection.deadline.clear()
        connection.buffer = self._reader.rest
        connection.reader = connection.watch_client
        callback, self._on_done = self._on_done, None
        if callback is not None:
            callback()
