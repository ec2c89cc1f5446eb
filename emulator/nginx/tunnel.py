"""After 101: bytes both ways until either side ends (ngx_http_upstream_process_upgraded)."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from emulator.nginx.event import WRITE

if TYPE_CHECKING:
    from emulator.nginx.exchange import Exchange

_READ_SIZE = 16384


class Tunnel:
    """Client and upstream as raw streams, each read only as fast as the other takes it."""

    __slots__ = ("_exchange", "_fd", "_pending", "_sock", "_upstream_ended")

    def __init__(self, exchange: Exchange, sock: socket.socket, fd: int) -> None:
        self._exchange = exchange
        self._sock: socket.socket | None = sock
        self._fd = fd
        self._pending: bytes | memoryview = b""
        self._upstream_ended = False

    def start(self) -> None:
        r = self._exchange.r
        connection = r.connection
        r.upstream = self
        r.keepalive = False
        r.worker.loop.watch(self._fd, self._on_upstream)
        connection.reader = self._from_client
        connection.on_drain = self._from_upstream
        early, connection.buffer = connection.buffer, b""
        self._touch()
        if early:
            self._to_upstream(early)
        connection.flush()
        connection.readable = True
        self._from_client()
        self._from_upstream()

    def _touch(self) -> None:
        self._exchange.deadline.set(self._exchange.proxy.read_timeout, self._timed_out)

    def _timed_out(self) -> None:
        self._exchange.r.log_error(
            "error", "upstream timed out (110: Connection timed out) while proxying upgraded connection"
        )
        self._end()

    def _on_upstream(self, mask: int) -> None:
        if mask & WRITE and self._pending:
            data, self._pending = self._pending, b""
            self._to_upstream(data)
            if not self._pending:
                self._from_client()
        if mask & ~WRITE:
            self._from_upstream()

    def _from_client(self) -> None:
        connection = self._exchange.r.connection
        while self._sock is not None and not self._pending and not connection.closed:
            data = connection.receive(_READ_SIZE)
            if data is None:
                return
            if not data:
                self._end()
                return
            self._touch()
            self._to_upstream(data)

    def _to_upstream(self, data: bytes | memoryview) -> None:
        if self._sock is None:
            return
        try:
            written = self._sock.send(data)
        except (BlockingIOError, InterruptedError):
            written = 0
        except OSError:
            self._end()
            return
        if written < len(data):
            self._pending = memoryview(data)[written:]

    def _from_upstream(self) -> None:
        connection = self._exchange.r.connection
        while self._sock is not None and not connection.closed:
            if connection.unsent:
                return
            try:
                data = self._sock.recv(_READ_SIZE)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:
                data = b""
            if not data:
                self._end()
                return
            self._touch()
            connection.queue(data)
            connection.flush()

    def _end(self) -> None:
        self.close()
        connection = self._exchange.r.connection
        connection.on_drain = None
        connection.finish(self._exchange.r)

    def client_gone(self) -> None:
        """Nothing of its own: `_from_client` sees the end after the last bytes."""

    def close(self) -> None:
        sock, self._sock = self._sock, None
        if sock is not None:
            self._exchange.deadline.clear()
            self._exchange.r.worker.loop.forget(self._fd)
            sock.close()

    def log_value(self, attribute: str) -> bytes | None:
        return self._exchange.log_value(attribute)

    @property
    def head(self) -> object:
        return self._exchange.head
