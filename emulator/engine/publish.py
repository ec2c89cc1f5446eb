"""Published ports: found free before anything starts, and held until their task listens."""

from __future__ import annotations

import socket

from ..container import busy
from ..settings import Port, Service
from .state import CannotStart

_HOST = "127.0.0.1"


class Reservations:
    """One bound socket for each published port; a task may listen there all the same (SO_REUSEADDR)."""

    def __init__(self) -> None:
        self._sockets: dict[int, socket.socket] = {}

    def take(self, service: Service) -> tuple[Port, ...]:
        """The service's ports with 0 made a number; raises CannotStart for a busy one."""
        return tuple(port._replace(published=self._take(service.name, port)) for port in service.ports)

    def release(self) -> None:
        for sock in self._sockets.values():
            sock.close()
        self._sockets.clear()

    def hand_over(self, port: int) -> socket.socket | None:
        """The socket of a port that was reserved; who asks keeps it from now on."""
        return self._sockets.pop(port, None)

    def _take(self, service: str, port: Port) -> int:
        if port.protocol != "tcp":
            raise CannotStart(f"{service}: published port {port.published}/{port.protocol} is not supported")
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((_HOST, port.published))
        except OSError as error:
            sock.close()
            words = busy.words(_HOST, port.published, error)
            raise CannotStart(f"{service}: cannot publish port {port.published}: {words}") from None
        published = int(sock.getsockname()[1])
        self._sockets[published] = sock
        return published
