"""A worker inside the test's own process, turned by hand, with a clock that stands still until it is moved.

Clients and upstreams are real sockets in the same thread: nothing happens between two turns, so what a
test looks at cannot change under it, and nothing has to be waited for.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

from emulator.namespace import HostNamespace
from emulator.nginx.event import Loop
from emulator.nginx.request import AGAIN, Request
from emulator.nginx.server import Source, load
from emulator.nginx.worker import Worker

_TURNS = 2000
_CONF = """
error_log error.log info;
events {}
http {
    access_log off;
    %s
}
"""


class Clock:
    """Monotonic seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Turning:
    """Something with a loop and a clock of its own; `turn` never waits."""

    clock: Clock
    loop: Loop

    def turn(self, seconds: float = 0.0) -> None:
        self.clock.now += seconds
        self.loop.post(lambda: None)
        self.loop.turn()


class Upstream:
    """A listening socket of which the test is the server."""

    def __init__(self) -> None:
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.sock.settimeout(5)
        self.port: int = self.sock.getsockname()[1]

    def accept(self) -> socket.socket:
        found, _ = self.sock.accept()
        found.settimeout(5)
        return found

    def has_caller(self) -> bool:
        self.sock.setblocking(False)
        try:
            self.sock.accept()[0].close()
        except BlockingIOError:
            return False
        finally:
            self.sock.settimeout(5)
        return True


class Serving:
    """`http` is what stands in the http block; {upstream} and {upstream2} are ports, {root} is a folder."""

    def __init__(self, folder: Path, http: str) -> None:
        self.folder = folder
        self.upstream, self.upstream2 = Upstream(), Upstream()
        for name, value in (
            ("{upstream}", str(self.upstream.port)),
            ("{upstream2}", str(self.upstream2.port)),
            ("{root}", str(folder)),
        ):
            http = http.replace(name, value)
        file = folder / "nginx.conf"
        file.write_text(_CONF % http)
        namespace = HostNamespace("here")
        self.conf = load(Source(str(file), str(folder)), namespace)
        self.conf.shared.allocate()
        self.clock = Clock()
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._listening.setblocking(False)
        self.worker = Worker(
            self.conf, namespace, [(self._listening, self.conf.listeners[0])], clock=self.clock
        )
        self.worker.listen()
        self._open: list[socket.socket] = []

    def client(self, data: bytes = b"") -> socket.socket:
        """A connection that has been accepted, and has sent `data`."""
        sock = socket.create_connection(self._listening.getsockname(), timeout=5)
        self._open.append(sock)
        sock.sendall(data)
        self.turn()
        return sock

    def turn(self, count: int = 3) -> None:
        """Turn without waiting; three turns are enough for what is already there."""
        for _ in range(count):
            self.worker.loop.post(_nothing)
            self.worker.loop.turn()

    def until(self, condition: Callable[[], object]) -> None:
        """Turn until something is so."""
        for _ in range(_TURNS):
            if condition():
                return
            self.turn(1)
        raise AssertionError("it never came true")

    def after(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.now += seconds
        self.turn()

    def answer(self, sock: socket.socket) -> bytes:
        """All that has come for a client; `<end>` or `<reset>` stand for how the server has closed."""
        sock.setblocking(False)
        received = b""
        for _ in range(_TURNS):
            try:
                data = sock.recv(1 << 20)
            except BlockingIOError:
                if not self._busy():
                    break
                continue
            except ConnectionResetError:
                received += b"<reset>"
                break
            if not data:
                received += b"<end>"
                break
            received += data
        sock.settimeout(5)
        return received

    def _busy(self) -> bool:
        """Whether the worker still has something to write, which another turn may bring forward."""
        before = sum(connection.sent for connection in self.worker.connections)
        self.turn()
        return sum(connection.sent for connection in self.worker.connections) != before

    def get(self, target: str) -> bytes:
        """The answer to one request on a connection of its own."""
        return self.answer(self.client(f"GET {target} HTTP/1.1\r\nHost: s\r\n\r\n".encode()))

    def requested(self, raw: bytes) -> Request:
        """A request as the content handler of `location /` gets it; it stays unanswered."""
        taken: list[Request] = []

        def keep(r: Request) -> int:
            taken.append(r)
            return AGAIN

        location, _ = self.conf.listeners[0].default.find(b"/")
        location.handlers = (keep,)
        self.client(raw)
        return taken[0]

    def errors(self) -> list[str]:
        """The error log's lines, from their level on."""
        text = (self.folder / "error.log").read_text()
        return [line.partition(" ")[2].partition(" ")[2] for line in text.splitlines()]

    def close(self) -> None:
        for sock in (*self._open, self._listening, self.upstream.sock, self.upstream2.sock):
            sock.close()
        self.worker.close()
        self.worker.loop.close()


def _nothing() -> None:
    """Posted, so that a turn does not wait."""
