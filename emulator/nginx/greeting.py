"""A client's connection until the PROXY header has come: it must be in the first octets that arrive."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from emulator.nginx.deadline import Deadline
from emulator.nginx.proxyprotocol import MOST, BrokenHeader, Proxied, read_header

if TYPE_CHECKING:
    from emulator.nginx.listener import Listener
    from emulator.nginx.worker import Worker

Begin = Callable[[int, Proxied | None], None]  # the connection's number


class Greeting:
    """Stands among a worker's connections; `begin` makes the real one of the socket."""

    request = None
    requests = 0
    waiting, idle = True, False
    kept_until = 0.0
    sent = 0

    def __init__(
        self,
        worker: Worker,
        sock: socket.socket,
        peer: tuple[str, int] | str,
        listener: Listener,
        begin: Begin,
    ) -> None:
        self.worker = worker
        self.listener = listener
        self.address, self.port = worker.client_of(peer)
        self.number = worker.next_number()
        self._sock = sock
        self._begin = begin
        self.deadline: Deadline = Deadline(worker.loop, self)  # type: ignore[arg-type]
        self.deadline.set(listener.default.client_header_timeout, self._timeout)
        worker.loop.add(sock.fileno(), lambda mask: self._read())

    def _read(self) -> None:
        try:
            data = self._sock.recv(MOST, socket.MSG_PEEK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._fail("info", "client closed connection while reading PROXY protocol")
            return
        try:
            proxied, size = read_header(data)
        except BrokenHeader as broken:
            self._fail("error", f"{broken} while reading PROXY protocol" if str(broken) else "")
            return
        self._sock.recv(size)
        self.worker.loop.remove(self._sock.fileno())
        self.deadline.close()
        self.worker.forget(self)  # type: ignore[arg-type]
        self._begin(self.number, proxied)

    def _timeout(self) -> None:
        self._fail("info", "client timed out (110: Connection timed out) while reading PROXY protocol")

    def _fail(self, level: str, message: str) -> None:
        if message:
            self.worker.errors.connection(self, level, message)  # type: ignore[arg-type]
        self.close()

    def close(self) -> None:
        self.deadline.close()
        self.worker.loop.forget(self._sock.fileno())
        self._sock.close()
        self.worker.forget(self)  # type: ignore[arg-type]

    def __repr__(self) -> str:
        return f"<Greeting {self.number} from {self.address}:{self.port}>"
