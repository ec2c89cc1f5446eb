"""The Engine API, loaded when it is first asked for or when there is time.

aiohttp takes longer to import than everything else to start, so its socket listens from the first, a
thread imports it, and the loop moves to asyncio when it is there.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..swarm.loop import Loop

if TYPE_CHECKING:
    import asyncio

    from ..api.server import Server
    from ..api.world import World

_IDLE = 1.0


class Serving:
    """The API's socket before and after there is an API."""

    def __init__(self, loop: Loop, sock: socket.socket, world: Callable[[], World]) -> None:
        self._loop, self._socket, self._world = loop, sock, world
        self._reading, self._writing = os.pipe()
        self._asyncio: asyncio.AbstractEventLoop | None = None
        self._server: Server | None = None
        loop.add_reader(sock.fileno(), self.load)

    def later(self) -> None:
        """Nobody asks yet: load it all the same, so that the first who does need not wait."""
        self._loop.call_later(_IDLE, self.load)

    def load(self) -> None:
        if self._writing < 0:
            return
        self._loop.remove_reader(self._socket.fileno())
        self._loop.add_reader(self._reading, self._begin)
        writing, self._writing = self._writing, -1

        def import_it() -> None:
            try:
                from ..api import server  # noqa: F401
            finally:
                os.write(writing, b".")
                os.close(writing)

        from threading import Thread

        Thread(target=import_it, name="imports", daemon=True).start()

    def close(self) -> None:
        if self._asyncio is not None and self._server is not None:
            self._asyncio.run_until_complete(self._server.stop())
            self._asyncio.close()

    def _begin(self) -> None:
        self._loop.remove_reader(self._reading)
        os.close(self._reading)
        import asyncio

        from ..api.server import Server

        self._asyncio = asyncio.new_event_loop()
        self._server = Server(self._world(), self._socket)
        self._loop.hand_over(self._asyncio)
        self._asyncio.create_task(self._server.start()).add_done_callback(_tell)


def _tell(task: asyncio.Task[None]) -> None:
    error = None if task.cancelled() else task.exception()
    if error is not None:
        sys.excepthook(type(error), error, error.__traceback__)
