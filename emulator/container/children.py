"""Who has ended: by pidfd where the kernel has it, else by SIGCHLD."""

from __future__ import annotations

from collections.abc import Callable

from ..swarm.loop import Loop
from .process import Process


class Children:
    """Calls back once, in the loop, for each watched process that ends."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._unhandled: dict[int, tuple[Process, Callable[[int], None]]] = {}

    def watch(self, process: Process, ended: Callable[[int], None]) -> None:
        handle = process.handle
        if handle is None:
            self._unhandled[process.pid] = (process, ended)
            self._loop.call_soon(self.check)
            return

        def readable() -> None:
            code = process.reap()
            if code is not None:
                self._loop.remove_reader(handle)
                ended(code)

        self._loop.add_reader(handle, readable)

    def check(self) -> None:
        """After a SIGCHLD: look at those that have no handle."""
        for pid, (process, ended) in list(self._unhandled.items()):
            code = process.reap()
            if code is not None:
                del self._unhandled[pid]
                ended(code)
