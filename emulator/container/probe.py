"""Readiness of what is not Python: connect until somebody listens, with growing pauses."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable

from ..swarm.loop import Loop, Timer

_FIRST, _GROWTH, _LONGEST = 0.005, 1.5, 0.5
_UNDER_WAY = (0, errno.EINPROGRESS, errno.EWOULDBLOCK)


class Probe:
    """Tries one address until it answers or `end`; the connection that succeeds is closed at once."""

    def __init__(self, loop: Loop, host: str, port: int, answered: Callable[[], None]) -> None:
        self._loop, self._address, self._answered = loop, (host, port), answered
        self._pause = _FIRST
        self._timer: Timer | None = None
        self._socket: socket.socket | None = None
        self._try()

    def end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._close()

    def _try(self) -> None:
        self._socket = socket.socket()
        self._socket.setblocking(False)
        if self._socket.connect_ex(self._address) in _UNDER_WAY:
            self._loop.add_writer(self._socket.fileno(), self._decided)
        else:
            self._again()

    def _decided(self) -> None:
        assert self._socket is not None
        failed = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if failed:
            self._again()
        else:
            self._close()
            self._answered()

    def _again(self) -> None:
        self._close()
        self._timer = self._loop.call_later(self._pause, self._try)
        self._pause = min(self._pause * _GROWTH, _LONGEST)

    def _close(self) -> None:
        if self._socket is not None:
            self._loop.remove_writer(self._socket.fileno())
            self._socket.close()
            self._socket = None
