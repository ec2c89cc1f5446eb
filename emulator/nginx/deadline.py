"""A moment that is moved at every step and rarely comes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emulator.nginx.connection import Connection
    from emulator.nginx.event import Loop, Timer


class Deadline:
    """One of a connection's timeouts. Its timer is re-armed only when it fires: most requests push none."""

    __slots__ = ("_callback", "_loop", "_timer", "_when", "connection")

    def __init__(self, loop: Loop, connection: Connection) -> None:
        self.connection: Connection | None = connection
        self._loop = loop
        self._when = 0.0
        self._timer: Timer | None = None
        self._callback: Callable[[], None] | None = None

    def set(self, delay: float, callback: Callable[[], None]) -> None:
        """Call back in `delay` seconds, unless it is set again or cleared before."""
        loop = self._loop
        self._callback = callback
        self._when = when = loop.now + delay
        timer = self._timer
        if timer is None or timer.when > when:
            if timer is not None:
                timer.cancel()
            self._timer = loop.call_at(when, self._fire)

    @property
    def when(self) -> float:
        """When it is over, or was, or would have been."""
        return self._when

    def clear(self) -> None:
        self._callback = None

    def close(self) -> None:
        """Let go of the timer and of the connection."""
        self._callback = None
        self.connection = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fire(self) -> None:
        self._timer = None
        callback = self._callback
        if callback is None:
            return
        if self._loop.now < self._when:
            self._timer = self._loop.call_at(self._when, self._fire)
            return
        self._callback = None
        callback()

    def __repr__(self) -> str:
        state = "clear" if self._callback is None else f"in {self._when - self._loop.now:.3f} s"
        return f"<Deadline {state}>"
