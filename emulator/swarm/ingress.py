"""A published port that no task binds itself: connections to it go round robin to the tasks that are ready.

The layer-4 part of Docker's routing mesh. Each direction of a connection has one bounded buffer: who
reads slowly is read from slowly.
"""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Callable, Sequence

from .loop import Loop

Address = tuple[str, int]
_BUFFER = 64 * 1024
_UNDER_WAY = (0, errno.EINPROGRESS, errno.EWOULDBLOCK)


class Ingress:
    """One published port; `choose` names the addresses that would answer now."""

    def __init__(self, loop: Loop, listener: socket.socket, choose: Callable[[], Sequence[Address]]) -> None:
        self._loop, self._listener, self._choose = loop, listener, choose
        self._connections: set[_Connection] = set()
        self._turn = 0
        listener.setblocking(False)
        listener.listen(512)
        loop.add_reader(listener.fileno(), self._accept)

    def close(self) -> None:
        self._loop.remove_reader(self._listener.fileno())
        self._listener.close()
        for connection in tuple(self._connections):
            connection.reset()

    def _accept(self) -> None:
        try:
            client, _ = self._listener.accept()
        except OSError:
            return
        client.setblocking(False)
        self._turn += 1
        found = list(self._choose())
        at = self._turn % len(found) if found else 0
        connection = _Connection(self._loop, client, self._connections.discard)
        self._connections.add(connection)
        connection.dial(found[at:] + found[:at])


class _Connection:
    """One client and the task that it was given to, from the dial to both ends."""

    def __init__(self, loop: Loop, client: socket.socket, closed: Callable[[_Connection], None]) -> None:
        self._loop, self._client, self._closed = loop, client, closed
        self._server: socket.socket | None = None
        self._halves: list[_Half] = []

    def dial(self, addresses: list[Address]) -> None:
        """One address after the other, each once; without any the client is reset, as by a dead port."""
        if not addresses:
            self.reset()
            return
        server = self._server = socket.socket()
        server.setblocking(False)
        if server.connect_ex(addresses[0]) in _UNDER_WAY:
            self._loop.add_writer(server.fileno(), lambda: self._decided(server, addresses[1:]))
        else:
            self._drop(server)
            self.dial(addresses[1:])

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

    def _decided(self, server: socket.socket, others: list[Address]) -> None:
        self._loop.remove_writer(server.fileno())
        if server.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self._drop(server)
            self.dial(others)
            return
        client = self._client
        self._halves = [_Half(self._loop, client, server, self), _Half(self._loop, server, client, self)]

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
        try:
            self._waiting = self._source.recv(_BUFFER)
        except BlockingIOError:
            return
        except OSError:
            self._whole.reset()
            return
        self._loop.remove_reader(self._source.fileno())
        if self._waiting:
            self._write()
        else:
            self._end()

    def _write(self) -> None:
        try:
            self._waiting = self._waiting[self._target.send(self._waiting) :]
        except BlockingIOError:
            pass
        except OSError:
            self._whole.reset()
            return
        if self._waiting:
            self._loop.add_writer(self._target.fileno(), self._write)
        else:
            self._loop.remove_writer(self._target.fileno())
            self._loop.add_reader(self._source.fileno(), self._read)

    def _end(self) -> None:
        self.ended = True
        with contextlib.suppress(OSError):
            self._target.shutdown(socket.SHUT_WR)
        self._whole.ended()
