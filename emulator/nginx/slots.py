"""worker_connections: how many a worker has at once, and who makes room (ngx_drain_connections)."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emulator.nginx.worker import Worker

_ENOUGH_AT_ONCE = 32
_OUR_OWN = 1  # the pipe of signals is watched, too, and is no connection of nginx's


class Slots:
    """All that is watched counts, as in nginx: listening sockets, clients, upstreams, the master's pipe."""

    __slots__ = ("_most", "_warned", "_worker", "near")

    def __init__(self, worker: Worker, most: int) -> None:
        self._worker = worker
        self._most = most + _OUR_OWN
        self._warned = -1
        self.near = self._most - most // 16  # from here on, somebody has to go for each who comes

    def make_room(self) -> bool:
        """Close those that have waited longest for a request; False where one more client is too many."""
        worker = self._worker
        now = worker.loop.now
        waiting = [each for each in worker.connections if each.waiting and each.kept_until <= now]
        if waiting:
            if self._warned != int(now):
                self._warned = int(now)
                worker.log_global("warn", f"{self._named} are not enough, reusing connections")
            count = max(min(_ENOUGH_AT_ONCE, len(waiting) // 8), 1)
            for connection in heapq.nsmallest(count, waiting, key=lambda each: each.deadline.when):
                connection.close()
        if worker.loop.watched < self._most:
            return True
        worker.log_global("alert", f"{self._named} are not enough")
        return False

    @property
    def _named(self) -> str:
        return f"{self._most - _OUR_OWN} worker_connections"
