"""After 101: bytes both ways until either side ends (ngx_http_upstream_process_upgraded)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from emulator.nginx.event import WRITE
from emulator.nginx.sendqueue import SendQueue

if TYPE_CHECKING:
    import socket

    from emulator.http1.message import Header, ResponseHead
    from emulator.nginx.attempt import Attempt
    from emulator.nginx.connection import Connection
    from emulator.nginx.deadline import Deadline
    from emulator.nginx.exchange import Exchange
    from emulator.nginx.upstreamsocket import UpstreamSocket

_READ_SIZE = 16384
_DOING = "proxying upgraded connection"


def was_asked_for(exchange: Exchange) -> bool:
    """Whether client and we have both asked to switch protocols (RFC 9110 section 7.8); HTTP/1.0 cannot."""
    r = exchange.r
    passed_on = any(name.lower() == b"upgrade" and value(r) for name, value in exchange.proxy.headers)
    return passed_on and r.version > 10 and bool(r.index.get(b"upgrade")) and not r.subrequest


class Tunnel:
    """Client and upstream as raw streams, each read only as fast as the other takes it."""

    __slots__ = (
        "_attempt",
        "_deadline",
        "_exchange",
        "_fd",
        "_out",
        "_sock",
        "connection",
        "head",
        "trailers",
    )

    def __init__(self, exchange: Exchange, upstream: UpstreamSocket) -> None:
        self.connection: Connection = exchange.r.connection
        self.head: ResponseHead | None = exchange.head
        self.trailers: list[Header] | None = None
        self._exchange = exchange
        self._attempt = upstream.attempt
        self._deadline: Deadline = upstream.deadline
        self._fd = upstream.fd
        self._sock: socket.socket | None = upstream.release()
        self._out = SendQueue(self._sock, self._fd)

    def start(self) -> None:
        r = self._exchange.r
        connection = self.connection
        r.upstream = self
        r.keepalive = False
        r.worker.loop.watch(self._fd, self._on_upstream)
        r.worker.loop.add_room(self._fd)
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
        self._deadline.set(self._exchange.proxy.read_timeout, self._timed_out)

    def _timed_out(self) -> None:
        self._exchange.r.log_error("error", "upstream timed out (110: Connection timed out)")
        self._end()

    def _on_upstream(self, mask: int) -> None:
        if mask & WRITE and self._out.unsent and self._flush():
            self._from_client()
        if mask & ~WRITE:
            self._from_upstream()

    def _from_client(self) -> None:
        connection = self.connection
        while self._sock is not None and not self._out.unsent and not connection.closed:
            data = connection.receive(_READ_SIZE)
            if data is None:
                return
            if not data:
                self._end()
                return
            self._touch()
            self._to_upstream(data)

    def _to_upstream(self, data: bytes) -> None:
        if self._sock is not None:
            self._out.push(data)
            self._attempt.sent += len(data)
            self._flush()

    def _flush(self) -> bool:
        """True if all that was read from the client is out."""
        try:
            return self._out.send()
        except OSError:
            self._end()
            return False

    def _from_upstream(self) -> None:
        connection = self.connection
        while self._sock is not None and not connection.closed and not connection.out.unsent:
            try:
                data = self._sock.recv(_READ_SIZE)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._end()
                return
            self._touch()
            self._attempt.received += len(data)
            connection.queue(data)
            connection.flush()

    def _end(self) -> None:
        self.close()
        self.connection.on_drain = None
        self.connection.finish(self._exchange.r)

    def client_gone(self) -> None:
        """Nothing of its own: `_from_client` sees the end after the last bytes."""

    def close(self) -> None:
        sock, self._sock = self._sock, None
        if sock is not None:
            self._deadline.clear()
            self._exchange.r.worker.loop.forget(self._fd)
            sock.close()
            self._out.close()
            self._exchange.close()

    def circumstances(self) -> tuple[str, str] | None:
        shown = self._exchange.circumstances()
        return None if shown is None else (_DOING, shown[1])

    def tries(self) -> Sequence[Attempt | None]:
        return self._exchange.tries()

    def moved_on(self) -> None:
        """A tunnel has no other URI."""

    def log_value(self, attribute: str) -> bytes | None:
        return self._exchange.log_value(attribute)

    def __repr__(self) -> str:
        return f"<Tunnel to {self._attempt.address}>"
