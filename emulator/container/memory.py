"""A container's memory limit, kept by watching: who is over it loses its largest process to SIGKILL.

As the kernel does it in a container's cgroup, one process is killed and not the container, unless it is the
first: gunicorn replaces a worker that it has lost so. A watcher sees the excess up to a tenth of a second
later than a cgroup would.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from ..swarm.loop import Loop, Timer
from .usage import family, proportional, resident

# Far below the limit a container is looked at less often.
_OFTEN, _SELDOM = 0.1, 0.5
_NEAR = 0.5


class MemoryLimit:
    """Looks until `end`; `killed` hears of each process that had to go."""

    def __init__(self, loop: Loop, pid: int, limit: int, killed: Callable[[], None]) -> None:
        self._loop, self._pid, self._limit, self._killed = loop, pid, limit, killed
        self._timer: Timer = loop.call_later(_OFTEN, self._look)

    def end(self) -> None:
        self._timer.cancel()

    def _look(self) -> None:
        sizes = {pid: resident(pid) for pid in family(self._pid)}
        used = sum(sizes.values())
        if used > self._limit:
            used = sum(map(proportional, sizes))
        if used > self._limit:
            self._kill(max(sizes, key=lambda pid: sizes[pid]))
        near = used > self._limit * _NEAR
        self._timer = self._loop.call_later(_OFTEN if near else _SELDOM, self._look)

    def _kill(self, pid: int) -> None:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        self._killed()
