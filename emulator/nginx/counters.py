"""What stub_status counts, of all workers together: each writes its own figures after each turn of its loop.

Nothing of this runs where neither `stub_status` nor a `$connections_…` variable is configured.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
import tempfile
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from emulator.nginx.worker import Worker

_FIGURES = struct.Struct("=qqqqqqq")  # whose they are (a process id), then what Figures has
_WORKERS = 512  # the first slot is for those that are gone


class Figures(NamedTuple):
    """Connections and requests since the start, and what the connections that are open now are doing."""

    accepted: int = 0
    requests: int = 0
    active: int = 0
    reading: int = 0
    writing: int = 0
    waiting: int = 0


def figures_of(worker: Worker) -> Figures:
    """One worker's own: a connection waits for a request, has one, or has a part of its head."""
    waiting = writing = 0
    for connection in worker.connections:
        if connection.request is not None:
            writing += 1
        elif connection.waiting:
            waiting += 1
    active = len(worker.connections)
    return Figures(worker.accepted, worker.requests, active, active - waiting - writing, writing, waiting)


class Counters:
    """The figures of all workers in memory that they share."""

    __slots__ = ("_fd", "_memory")

    def __init__(self) -> None:
        # the lock is the file's: it is the kernel's to give back when a worker dies
        with tempfile.TemporaryFile() as file:
            file.truncate(_FIGURES.size * _WORKERS)
            self._fd = os.dup(file.fileno())
            self._memory = mmap.mmap(self._fd, _FIGURES.size * _WORKERS)

    def publisher(self, worker: Worker) -> Callable[[], None]:
        """Take a slot for a worker; the result writes its figures."""
        place = self._claim(os.getpid()) * _FIGURES.size + 8
        last = Figures()

        def publish() -> None:
            nonlocal last
            now = figures_of(worker)
            if now != last:
                struct.pack_into("=qqqqqq", self._memory, place, *now)
                last = now

        return publish

    def _claim(self, pid: int) -> int:
        fcntl.lockf(self._fd, fcntl.LOCK_EX)
        try:
            for slot in range(1, _WORKERS):
                owner, *figures = self._slot(slot)
                if owner and _lives(owner):
                    continue
                _, accepted, requests, *rest = self._slot(0)
                gone = (0, accepted + figures[0], requests + figures[1], *rest)
                _FIGURES.pack_into(self._memory, 0, *gone)
                _FIGURES.pack_into(self._memory, slot * _FIGURES.size, pid, *Figures())
                return slot
        finally:
            fcntl.lockf(self._fd, fcntl.LOCK_UN)
        return 0

    def _slot(self, slot: int) -> tuple[int, ...]:
        return _FIGURES.unpack_from(self._memory, slot * _FIGURES.size)

    def total(self, worker: Worker) -> Figures:
        """Of all workers; what this one is doing is asked anew, and one that has died does nothing."""
        figures = [figures_of(worker)]
        for slot in range(_WORKERS):
            owner, *written = self._slot(slot)
            if slot and not owner:
                break
            if owner != os.getpid():
                alive = owner and _lives(owner)
                figures.append(Figures(*written) if alive else Figures(*written[:2]))
        return Figures(*(sum(column) for column in zip(*figures, strict=True)))


def total(worker: Worker) -> Figures:
    """Of all workers, or of this one where only one is run without a master."""
    counters = worker.conf.shared.counters
    return figures_of(worker) if counters is None else counters.total(worker)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True
