"""One address on which a service answers: connections go round robin to the tasks that would answer now.

The layer-4 part of Docker's VIPs and routing mesh. What IPVS does, this does:

1. A connection belongs to one task from its start to its end, also when that task leaves the rotation.
2. Without any task the port is shut, and the kernel refuses connections.
3. An end of one direction is passed on as such, an abort as an abort.
4. A connection that is silent for 15 minutes is forgotten, for two once one end is over (ip_vs_proto_tcp).

Each direction has one bounded buffer: who reads slowly is read from slowly.
"""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Callable, Sequence
from functools import partial

from .loop import Loop, Timer

Address = tuple[str, int]
_BUFFER = 64 * 1024
_BACKLOG = 1024
_ACCEPTS_PER_TURN = 64
_PAUSE_WITHOUT_DESCRIPTORS = 0.1
_UNDER_WAY = (0, errno.EINPROGRESS, errno.EWOULDBLOCK)
_IDLE, _IDLE_HALF_CLOSED, _SWEEP = 900.0, 120.0, 30.0
_IP_BIND_ADDRESS_NO_PORT = 24


def reserve(address: Address) -> socket.socket:
    """A socket that has an address, and leaves it to a task that binds it too; raises OSError."""
    sock = socket.socket()
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
    except OSError:
        sock.close()
        raise
    return sock


class Balancer:
    """One port; `choose` names the addresses that would answer now, in the order to try them.

    `source` is where its own connections come from.
    """

    def __init__(
        self,
        loop: Loop,
        listener: socket.socket,
        choose: Callable[[], Sequence[Address]],
        source: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._loop, self._listener, self.choose, self.source = loop, listener, choose, source
        self._connections: set[_Connection] = set()
        self._sweeping: Timer | None = None
        host, port = listener.getsockname()
        self.address: Address = str(host), int(port)
        self.is_open = False
        listener.setblocking(False)

    def __repr__(self) -> str:
        state = "open" if self.is_open else "shut"
        return f"<Balancer {self.address} {state}, {len(self._connections)} connections>"

    def open(self) -> bool:
        """Listen from now on; False while a task does so itself."""
        if not self.is_open:
            if self._listener.fileno() < 0 and not self._reserve():
                return False
            try:
                self._listener.listen(_BACKLOG)
            except OSError:
                return False
            self.is_open = True
            self._loop.add_reader(self._listener.fileno(), self._accept)
        return True

    def shut(self) -> None:
        """Refuse connections; the address stays ours, and those that there are go on."""
        if self.is_open:
            self.retire()
            self._reserve()

    def retire(self) -> None:
        """Give the address back; those that there are go on."""
        if self.is_open:
            self.is_open = False
            self._loop.remove_reader(self._listener.fileno())
        self._listener.close()

    def close(self) -> None:
        self.retire()
        if self._sweeping is not None:
            self._sweeping.cancel()
        for connection in tuple(self._connections):
            connection.reset()

    def _reserve(self) -> bool:
        """The address anew: a listener that was shut down would come back with another port."""
        try:
            self._listener = reserve(self.address)
        except OSError:
            return False
        self._listener.setblocking(False)
        return True

    def _accept(self) -> None:
        for _ in range(_ACCEPTS_PER_TURN):
            try:
                client, _ = self._listener.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError:
                self._pause()
                return
            self._take(client)

    def _pause(self) -> None:
        """No descriptor is to be had: the connections wait in the kernel."""
        self._loop.remove_reader(self._listener.fileno())
        self._loop.call_later(_PAUSE_WITHOUT_DESCRIPTORS, self._resume)

    def _resume(self) -> None:
        if self.is_open:
            self._loop.add_reader(self._listener.fileno(), self._accept)

    def _take(self, client: socket.socket) -> None:
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = _Connection(self._loop, client, self.source(), self._connections.discard)
        self._connections.add(connection)
        if self._sweeping is None:
            self._sweeping = self._loop.call_later(_SWEEP, self._sweep)
        connection.dial(self.choose())

    def _sweep(self) -> None:
        self._sweeping = self._loop.call_later(_SWEEP, self._sweep) if self._connections else None
        now = self._loop.time()
        for connection in tuple(self._connections):
            if now - connection.active > connection.patience:
                connection.reset()


class _Connection:
    """One client and the task that it was given to, from the dial to both ends."""

    def __init__(
        self, loop: Loop, client: socket.socket, source: str | None, closed: Callable[[_Connection], None]
    ) -> None:
        self._loop, self._client, self._source, self._closed = loop, client, source, closed
        self._server: socket.socket | None = None
        self._halves: tuple[_Half, ...] = ()
        self.active = loop.time()

    @property
    def patience(self) -> float:
        return _IDLE_HALF_CLOSED if any(half.ended for half in self._halves) else _IDLE

    def dial(self, addresses: Sequence[Address]) -> None:
        """One address after the other, each once; without any the client is reset, as by a dead port."""
        for at, address in enumerate(addresses):
            server = self._server = self._socket()
            if server.connect_ex(address) in _UNDER_WAY:
                self._loop.add_writer(server.fileno(), partial(self._decided, server, addresses[at + 1 :]))
                return
            self._drop(server)
        self.reset()

    def touch(self) -> None:
        self.active = self._loop.time()

    def reset(self) -> None:
        """Close both ends so that they hear of a failure, not of an end."""
        for sock in filter(None, (self._client, self._server)):
            if sock.fileno() >= 0:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.close()

    def close(self) -> None:
        for sock in filter(None, (self._client, self._server)):
            self._drop(sock)
        self._closed(self)

    def ended(self) -> None:
        if all(half.ended for half in self._halves):
            self.close()

    def _socket(self) -> socket.socket:
        sock = socket.socket()
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._source is not None:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
                sock.bind((self._source, 0))
        return sock

    def _decided(self, server: socket.socket, others: Sequence[Address]) -> None:
        self._loop.remove_writer(server.fileno())
        if server.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self._drop(server)
            self.dial(others)
            return
        client = self._client
        self._halves = (_Half(self._loop, client, server, self), _Half(self._loop, server, client, self))

    def _drop(self, sock: socket.socket) -> None:
        if sock.fileno() >= 0:
            self._loop.remove_reader(sock.fileno())
            self._loop.remove_writer(sock.fileno())
            sock.close()


class _Half:
    """What comes from `source` and goes to `target`."""

    def __init__(self, loop: Loop, source: socket.socket, target: socket.socket, whole: _Connection) -> None:
        self._loop, self._source, self._target, self._whole = loop, source, target, whole
        self._waiting = b""
        self.ended = False
        loop.add_reader(source.fileno(), self._read)

    def _read(self) -> None:
        self._whole.touch()
        try:
            data = self._source.recv(_BUFFER)
            if not data:
                self._end()
                return
            sent = self._send(data)
        except BlockingIOError:
            return
        except OSError:
            self._whole.reset()
            return
        if sent < len(data):
            self._waiting = data[sent:]
            self._loop.remove_reader(self._source.fileno())
            self._loop.add_writer(self._target.fileno(), self._write)

    def _send(self, data: bytes) -> int:
        try:
            return self._target.send(data)
        except BlockingIOError:
            return 0

    def _write(self) -> None:
        self._whole.touch()
        try:
            self._waiting = self._waiting[self._send(self._waiting) :]
        except OSError:
            self._whole.reset()
            return
        if not self._waiting:
            self._loop.remove_writer(self._target.fileno())
            self._loop.add_reader(self._source.fileno(), self._read)

    def _end(self) -> None:
        self.ended = True
        self._loop.remove_reader(self._source.fileno())
        with contextlib.suppress(OSError):
            self._target.shutdown(socket.SHUT_WR)
        self._whole.ended()
