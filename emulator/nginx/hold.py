"""A request held back for a while, as limit_req and auth_delay do, while ngx_http_test_reading watches."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from emulator.nginx.request import AGAIN

if TYPE_CHECKING:
    from emulator.nginx.request import Request


def hold(r: Request, delay: float, go_on: Callable[[], object]) -> int:
    """Call `go_on` in `delay` seconds, unless the client leaves before."""
    connection = r.connection

    def over() -> None:
        if connection.closed or connection.request is not r:
            return
        connection.reader = connection.watch_client
        go_on()
        if connection.out.staged:
            connection.flush()

    def watch() -> None:
        if connection.peer_closed and connection.reader == watch:
            timer.cancel()
            connection.reader = connection.watch_client
            r.log_error("info", "client prematurely closed connection")
            r.finalize(499)

    timer = connection.worker.loop.call_later(delay, over)
    if connection.reader == connection.watch_client:
        connection.reader = watch
        if connection.peer_closed:  # it has left before it was noticed that it was to wait
            connection.worker.loop.post(watch)
    return AGAIN
