"""The engine's turn-taking: readers, timers and what is due next, on poll(2).

asyncio would cost more to import than a replica takes to answer, so the engine starts without it.
When the API is first needed, `hand_over` puts everything on an asyncio loop, and nobody notices:
callbacks keep using this object.
"""

from __future__ import annotations

import heapq
import select
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

Callback = Callable[[], object]


class Timer:
    """A callback to come; `cancel` may be called at any time."""

    __slots__ = ("callback", "order", "when")

    def __init__(self, when: float, order: int, callback: Callback) -> None:
        self.when, self.order = when, order
        self.callback: Callback | None = callback

    def __lt__(self, other: Timer) -> bool:
        return (self.when, self.order) < (other.when, other.order)

    def cancel(self) -> None:
        self.callback = None


class Loop:
    """One thread's callbacks; an error in one is told on stderr and ends none of the others."""

    def __init__(self) -> None:
        self._epoch = time.time() - time.monotonic()
        self._readers: dict[int, Callback] = {}
        self._writers: dict[int, Callback] = {}
        self._timers: list[Timer] = []
        self._soon: deque[Callback] = deque()
        self._order = 0
        self._stopped = False
        self._poll = select.poll()
        self._asyncio: asyncio.AbstractEventLoop | None = None
        self._alarm: asyncio.TimerHandle | None = None

    def time(self) -> float:
        """Seconds since the epoch that no change of the wall clock moves."""
        return self._epoch + time.monotonic()

    def add_reader(self, descriptor: int, callback: Callback) -> None:
        self._readers[descriptor] = callback
        self._watch(descriptor)

    def add_writer(self, descriptor: int, callback: Callback) -> None:
        self._writers[descriptor] = callback
        self._watch(descriptor)

    def remove_reader(self, descriptor: int) -> None:
        if self._readers.pop(descriptor, None) is not None:
            self._watch(descriptor)

    def remove_writer(self, descriptor: int) -> None:
        if self._writers.pop(descriptor, None) is not None:
            self._watch(descriptor)

    def call_at(self, when: float, callback: Callback) -> Timer:
        self._order += 1
        timer = Timer(when, self._order, callback)
        heapq.heappush(self._timers, timer)
        self._set_alarm()
        return timer

    def call_later(self, delay: float, callback: Callback) -> Timer:
        return self.call_at(self.time() + delay, callback)

    def call_soon(self, callback: Callback) -> None:
        self._soon.append(callback)
        self._set_alarm()

    def settle(self) -> None:
        """Run what is due without waiting for anything."""
        while self._soon:
            self._call(self._soon.popleft())

    def run(self) -> None:
        """Until `stop`, even one before; on poll(2) until `hand_over`, on asyncio from then on."""
        while not self._stopped:
            if self._asyncio is not None:
                self._set_alarm()
                self._asyncio.run_forever()
                return
            self._turn()

    def stop(self) -> None:
        self._stopped = True
        if self._asyncio is not None:
            self._asyncio.stop()

    def hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        self._asyncio = loop
        for descriptor in self._readers.keys() | self._writers.keys():
            self._watch(descriptor)
        self._set_alarm()

    def _turn(self) -> None:
        for descriptor, event in self._poll.poll(self._patience()):
            if event & ~select.POLLOUT:
                self._call(self._readers.get(descriptor))
            if event & ~select.POLLIN:
                self._call(self._writers.get(descriptor))
        self._due()

    def _due(self) -> None:
        now = self.time()
        while self._timers and self._timers[0].when <= now:
            timer = heapq.heappop(self._timers)
            self._call(timer.callback)
        self.settle()

    def _patience(self) -> float | None:
        """Milliseconds until something is due; None for ever."""
        if self._soon:
            return 0
        while self._timers and self._timers[0].callback is None:
            heapq.heappop(self._timers)
        if not self._timers:
            return None
        return max(0.0, (self._timers[0].when - self.time()) * 1000 + 0.5)

    def _call(self, callback: Callback | None) -> None:
        if callback is None:
            return
        try:
            callback()
        except Exception:
            sys.excepthook(*sys.exc_info())

    def _watch(self, descriptor: int) -> None:
        if self._asyncio is not None:
            self._watch_with_asyncio(self._asyncio, descriptor)
            return
        events = select.POLLIN if descriptor in self._readers else 0
        events |= select.POLLOUT if descriptor in self._writers else 0
        if events:
            self._poll.register(descriptor, events)
        else:
            self._poll.unregister(descriptor)

    def _watch_with_asyncio(self, loop: asyncio.AbstractEventLoop, descriptor: int) -> None:
        if descriptor in self._readers:
            loop.add_reader(descriptor, self._call, self._readers[descriptor])
        else:
            loop.remove_reader(descriptor)
        if descriptor in self._writers:
            loop.add_writer(descriptor, self._call, self._writers[descriptor])
        else:
            loop.remove_writer(descriptor)

    def _set_alarm(self) -> None:
        """Have asyncio wake us for what is due first."""
        if self._asyncio is None:
            return
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        patience = self._patience()
        if patience is not None:
            self._alarm = self._asyncio.call_later(patience / 1000, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        self._due()
        self._set_alarm()
