"""Closing in peace with a client that is still sending (ngx_http_set_lingering_close)."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emulator.nginx.connection import Connection
    from emulator.nginx.location import Location
    from emulator.nginx.request import Request

_READ_SIZE = 65536


def part(connection: Connection, request: Request) -> None:
    """Close after a request that was the last one: at once if the client has nothing more to say."""
    location = request.location
    unread = request.body is not None and not request.body.done
    lingers = unread or connection.buffer or connection.readable or location.lingering_close == "always"
    if lingers and location.lingering_close != "off":
        Lingering(connection, location).start()
    else:
        connection.close()


class Lingering:
    """Shuts down our side and drops what comes for a while: a socket closed with octets unread would reset,
    and the client might lose the answer.
    """

    __slots__ = ("_connection", "_timeout", "_until")

    def __init__(self, connection: Connection, location: Location) -> None:
        self._connection = connection
        self._timeout = location.lingering_timeout
        self._until = connection.worker.loop.now + location.lingering_time

    def start(self) -> None:
        connection = self._connection
        try:
            connection.sock.shutdown(socket.SHUT_WR)
        except OSError:
            connection.close()
            return
        connection.buffer = b""
        connection.waiting = True
        connection.reader = self._read
        self._read()

    def _read(self) -> None:
        connection = self._connection
        now = connection.worker.loop.now
        while (data := connection.receive(_READ_SIZE)) is not None:
            if not data or now >= self._until:
                connection.close()
                return
        connection.deadline.set(min(self._timeout, max(0.0, self._until - now)), connection.close)
