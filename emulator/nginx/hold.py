"""A request held back for a while, as limit_req and auth_delay do, while ngx_http_test_reading watches."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from emulator.nginx.request import AGAIN

if TYPE_CHECKING:
    from emulator.nginx.connection import Connection
    from emulator.nginx.event import Timer
    from emulator.nginx.request import Request


def hold(r: Request, delay: float, go_on: Callable[[], object]) -> int:
    """Call `go_on` in `delay` seconds, unless the client leaves before."""
    held = _Held(r, go_on)
    connection = r.connection
    held.timer = connection.worker.loop.call_later(delay, held.over)
    if connection.reader == connection.watch_client:
        connection.reader = held.watch
        if connection.peer_closed:  # it has left before it was noticed that it was to wait
            connection.worker.loop.post(held.watch)
    return AGAIN


class _Held:
    """A request on hold, known to the loop with the `connection` that a fault ends."""

    __slots__ = ("_go_on", "_r", "connection", "timer")

    timer: Timer

    def __init__(self, r: Request, go_on: Callable[[], object]) -> None:
        self._r = r
        self._go_on = go_on
        self.connection: Connection = r.connection

    def over(self) -> None:
        connection = self.connection
        if connection.closed or connection.request is not self._r:
            return
        connection.reader = connection.watch_client
        self._go_on()
        if connection.out.staged:
            connection.flush()

    def watch(self) -> None:
        connection = self.connection
        if connection.peer_closed and connection.reader == self.watch:
            self.timer.cancel()
            connection.reader = connection.watch_client
            self._r.log_error("info", "client prematurely closed connection")
            self._r.finalize(499)
