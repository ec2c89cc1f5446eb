"""A response's body on its way from the upstream to the client (ngx_event_pipe.c).

Rules:
- with buffering, what has not filled its buffer waits for more of it; whole buffers go on;
- with buffering, a slow client costs memory up to proxy_buffers and then a temporary file, and the
  upstream is let go early; without, the upstream waits for the client;
- the end of a body is told apart from a body that broke off.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING

from emulator.http1 import body as framing
from emulator.http1.message import BadMessage
from emulator.nginx import output
from emulator.nginx.spool import Spool

if TYPE_CHECKING:
    from emulator.http1.message import ResponseHead
    from emulator.nginx.attempt import Attempt
    from emulator.nginx.proxy import Proxy
    from emulator.nginx.request import Request

WORTH_A_WRITE = 32768
_FAULT = "upstream sent invalid chunked response"


class Body(Enum):
    """Where a response's body stands."""

    COMING = "more is to come"
    WHOLE = "complete"
    SURPLUS = "complete, and something that does not belong to it came after it"
    CLOSED = "ended by the end of the connection, as it was meant to"
    BROKEN = "broken off"
    INVALID = "not framed as it said"


def framing_of(r: Request, proxy: Proxy, head: ResponseHead) -> framing.BodyReader:
    """How the end of the body of a response to this request is found (RFC 9112 section 6.3)."""
    if r.method == b"HEAD" or head.status in (204, 304):
        return framing.LengthReader(0)
    if b"transfer-encoding" in head.index:
        return framing.ChunkedReader() if not proxy.pass_trailers else _keeping_trailers(r, proxy)
    length = head.index.get(b"content-length")
    return framing.LengthReader(int(length)) if length is not None else framing.UntilCloseReader()


def _keeping_trailers(r: Request, proxy: Proxy) -> framing.BodyReader:
    from emulator.nginx.trailers import TrailerReader

    if r.upstream is not None:
        reader = TrailerReader(proxy.buffer_size)
        r.upstream.trailers = reader.trailers
        return reader
    return framing.ChunkedReader()


class Pipe:
    """One body; `room` is what its head has left of the first buffer."""

    __slots__ = (
        "_attempt",
        "_chunked",
        "_held",
        "_proxy",
        "_r",
        "_reader",
        "_room",
        "_spool",
        "_warn",
        "_whole_buffers",
        "begun",
        "buffering",
        "fault",
    )

    def __init__(
        self,
        r: Request,
        proxy: Proxy,
        reader: framing.BodyReader,
        buffering: bool,
        room: int,
        attempt: Attempt,
        warn: Callable[[str], None],
    ) -> None:
        self._r = r
        self._proxy = proxy
        self._reader = reader
        self._attempt = attempt
        self._warn = warn
        self._room = room
        self._held = b""  # the part that has not filled its buffer
        self.buffering = buffering
        self.begun = not buffering  # what is there may go to the client
        self._chunked = reader if buffering and isinstance(reader, framing.ChunkedReader) else None
        self._whole_buffers = buffering and self._chunked is None
        self._spool: Spool | None = None
        self.fault = ""

    @property
    def done(self) -> bool:
        return self._reader.done

    def feed(self, data: bytes) -> Body:
        """Pass on what came; b"" says that the upstream has closed."""
        reader = self._reader
        self._attempt.length += len(data)
        if not data and not reader.done:
            return self._closed()
        if self._chunked is not None and not (data := self._enough(self._chunked, data)):
            return Body.COMING
        return self._read(data)

    def _closed(self) -> Body:
        held, self._held = self._held, b""
        if self._chunked is not None and held:
            state = self._read(held)
            return Body.BROKEN if state is Body.COMING else state
        output.send_body(self._r, held)
        return Body.CLOSED if isinstance(self._reader, framing.UntilCloseReader) else Body.BROKEN

    def _enough(self, reader: framing.ChunkedReader, data: bytes) -> bytes:
        """Chunks are read when they may be whole, or fill a buffer; b"" while they have to wait."""
        data, self._held = self._held + data, b""
        if len(data) < self._room and len(data) < reader.needed:
            self._held, data = data, b""
        else:
            self._room = self._proxy.buffer_unit
        return data

    def _read(self, data: bytes) -> Body:
        reader = self._reader
        try:
            payload = reader.feed(data)
        except BadMessage as bad:
            self.fault = str(bad) if str(bad).startswith("upstream") else _FAULT
            return Body.INVALID
        if reader.done:
            output.send_body(self._r, self._held + payload if self._held else payload)
            return Body.SURPLUS if reader.rest else Body.WHOLE
        if payload and self._whole_buffers:
            payload = self._fill(payload)
        if payload:
            self.begun = True
        output.send_body(self._r, payload)
        if not self.buffering:
            output.flush_body(self._r)
        return Body.COMING

    def _fill(self, payload: bytes) -> bytes:
        """What fills its buffers goes on; the rest waits for more (ngx_event_pipe_read_upstream)."""
        if self._held:
            payload = self._held + payload
        if len(payload) < self._room:
            self._held = payload
            return b""
        size = self._proxy.buffer_unit
        whole = self._room + (len(payload) - self._room) // size * size
        self._held = payload[whole:]
        self._room = size
        return payload[:whole]

    def warn_of_surplus(self) -> None:
        if isinstance(self._reader, framing.ChunkedReader):
            self._warn("upstream sent data after final chunk")
        else:
            self._warn('upstream sent more data than specified in "Content-Length" header')

    # the client's pace

    def push(self) -> bool:
        """Write what has come to the client; False if the upstream must wait. OSError: the disk is full."""
        connection = self._r.connection
        if connection.flush() or connection.closed:
            return True
        proxy = self._proxy
        if not self.buffering or not proxy.max_temp_file_size:
            return False
        if connection.out.memory() <= proxy.memory_limit:
            return True
        if self._spool is None:
            self._spool = Spool()
            self._warn("an upstream response is buffered to a temporary file")
        connection.out.spill(self._spool)
        return self._spool.size <= proxy.max_temp_file_size

    def close(self) -> None:
        """Nothing more comes; what is in the temporary file still goes out. Idempotent."""
        if self._spool is not None:
            self._spool.close()
