"""limit_rate: how much of an answer may leave at a time (ngx_http_write_filter), or come in (ngx_event_pipe).

Seconds are counted in whole ones, as nginx does; between two writes a timer waits, never a loop.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from emulator.nginx.conf import ENCODING
from emulator.nginx.sendqueue import FilePart, SendQueue
from emulator.nginx.values import size
from emulator.nginx.variables import compile_template

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.nginx.directives import Block
    from emulator.nginx.event import Timer
    from emulator.nginx.request import Request
    from emulator.nginx.upstreamsocket import UpstreamSocket
    from emulator.nginx.worker import Worker

    Rate = Callable[[Request], int]

_PIECE = 32768  # of output_buffers: so much leaves at once, then its time is waited for
_DIGITS = re.compile(rb"[0-9]{1,18}\Z")


def allowance(rate: int, seconds: int, sent: int) -> int:
    """How many octets may follow those `sent`, so many whole seconds after the start."""
    return rate * (seconds + 1) - sent


def compile_size(text: str, own: frozenset[str]) -> Rate:
    """A size that may hold variables; one that is none counts as 0 (ngx_http_complex_value_size)."""
    if "$" not in text:
        constant = size(text) or 0
        return lambda r: constant
    template = compile_template(text, own)

    def measure(r: Request) -> int:
        value = template(r).decode(*ENCODING)
        found = size(value)
        if found is None:
            r.log_error("error", f'invalid size "{value}"')
        return found or 0

    return measure


def compile_rate(block: Block, own: frozenset[str]) -> Callable[[Request], None]:
    """What slows the answers of a location down, as soon as their head is known."""
    rate = compile_size(block.inherited("limit_rate"), own)

    def start(r: Request) -> None:
        if not isinstance(r.connection.out, Pace):
            found = rate(r)
            if found:
                Pace(r, found)

    return start


def set_rate(r: Request, rate: int) -> None:
    """This rate and no other, whatever the location says."""
    out = r.connection.out
    if r.subrequest:
        return
    if isinstance(out, Pace):
        out.rate = rate
    else:
        Pace(r, rate)


def set_rate_by_text(r: Request, value: bytes) -> None:
    """As ngx_http_variable_request_set_size: `set $limit_rate`."""
    text = value.decode(*ENCODING)
    rate = size(text)
    if rate is None:
        r.log_error("error", f'invalid $limit_rate "{text}"')
    else:
        set_rate(r, rate)


def obey(r: Request, value: bytes) -> None:
    """As ngx_http_upstream_process_limit_rate: an upstream's X-Accel-Limit-Rate."""
    if _DIGITS.match(value):
        set_rate(r, int(value))


def rate_of(r: Request) -> int:
    """The rate that holds for a request by now; 0: none."""
    out = r.connection.out
    return out.rate if isinstance(out, Pace) else 0


class Pace(SendQueue):
    """A connection's queue for the time of one request: it lets through what the rate allows."""

    __slots__ = ("_after", "_inner", "_r", "_timer", "delayed", "rate")

    def __init__(self, r: Request, rate: int) -> None:
        connection = r.connection
        inner = self._inner = connection.out
        self._r = r
        self._after = -1  # not asked for yet
        self._timer: Timer | None = None
        self.delayed = False
        self.rate = rate
        self.staged, self.unsent, self.push = inner.staged, inner.unsent, inner.push
        self.sent, self.yielded = inner.sent, inner.yielded
        connection.out = self
        r.at_end(self._end)

    def send(self) -> bool:
        inner, rate = self._inner, self.rate
        if self.delayed:
            self._stage()
            return not self.unsent
        if not rate or not (self.staged or self.unsent):
            return self._send(None)
        r = self._r
        if self._after < 0:
            self._after = r.location.limit_rate_after(r) if r.location.limit_rate_after is not None else 0
        free = r.sent_before + self._after
        before = inner.sent - free
        allowed = allowance(rate, r.worker.time() - int(r.started), before)
        if allowed <= 0:
            self._delay(-allowed * 1000 // rate + 1)
            return False
        done = self._send(min(allowed, max(0, -before) + max(_PIECE, rate >> 4)))
        delay = (max(0, inner.sent - free) - max(0, before)) * 1000 // rate
        if delay:
            self._delay(delay)
        elif self.unsent and done:
            self.yielded = True
        return done and not self.unsent

    def _send(self, most: int | None) -> bool:  # type: ignore[override]
        """Send at most so much; what is beyond it waits in the same list."""
        inner = self._inner
        rest = [] if most is None else self._cut(most)
        try:
            done = inner.send()
        finally:
            self.unsent.extend(rest)
            self.sent, self.yielded = inner.sent, inner.yielded
        return done

    def _cut(self, most: int) -> list[bytes | memoryview | FilePart]:
        """Take away what lies beyond the first `most` octets."""
        self._stage()
        unsent = self.unsent
        for place, piece in enumerate(unsent):
            length = piece.count if isinstance(piece, FilePart) else len(piece)
            if length > most:
                rest = unsent[place:]
                del unsent[place:]
                if most and isinstance(piece, FilePart):
                    unsent.append(FilePart(os.dup(piece.fd), piece.offset, most))
                    piece.offset += most
                    piece.count -= most
                elif most and not isinstance(piece, FilePart):
                    unsent.append(memoryview(piece)[:most])
                    rest[0] = memoryview(piece)[most:]
                return rest
            most -= length
        return []

    def _delay(self, milliseconds: int) -> None:
        self.delayed = True
        self._timer = self._r.worker.loop.call_later(milliseconds / 1000, self._go_on)

    def _go_on(self) -> None:
        self._timer = None
        self.delayed = False
        connection = self._r.connection
        if (self.staged or self.unsent) and not connection.closed:
            connection.flush()

    def _end(self) -> None:
        """The request is over: the connection has its own queue back."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.delayed = False
        connection = self._r.connection
        if connection.out is self:
            connection.out = self._inner

    def lift_limit(self) -> None:
        self.rate = 0

    def close(self) -> None:
        self._end()
        self._inner.close()

    def __repr__(self) -> str:
        return f"<Pace of {self.rate} a second, {'delayed, ' * self.delayed}{self._inner!r}>"


class Throttle:
    """What is read of one upstream's body in a second (proxy_limit_rate); `waiting` while nothing may be."""

    __slots__ = ("_go_on", "_most", "_rate", "_read", "_started", "_timer", "_upstream", "_worker", "waiting")

    def __init__(
        self, upstream: UpstreamSocket, worker: Worker, rate: int, most: int, go_on: Callable[[], None]
    ) -> None:
        self._upstream = upstream
        self._worker = worker
        self._rate = rate
        self._most = most
        self._go_on = go_on
        self._read = 0
        self._started = worker.time()
        self._timer: Timer | None = None
        self.waiting = False
        upstream.read_size = min(most, max(1, rate))

    def took(self, count: int) -> None:
        """So much was read: the upstream waits until it has been paid for."""
        self._read += count
        self._wait(count * 1000 // self._rate)

    def _wait(self, milliseconds: int) -> None:
        if milliseconds > 0:
            self.waiting = True
            self._upstream.pause()
            self._timer = self._worker.loop.call_later(milliseconds / 1000, self._over)
        elif not self._next():
            self._upstream.pause()

    def _next(self) -> bool:
        """Set how much may be read at once now, or wait on."""
        allowed = allowance(self._rate, self._worker.time() - self._started, self._read)
        if allowed <= 0:
            self._wait(-allowed * 1000 // self._rate + 1)
            return False
        self._upstream.read_size = min(allowed, self._most)
        return True

    def _over(self) -> None:
        self._timer = None
        self.waiting = False
        if self._next():
            self._go_on()

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def __repr__(self) -> str:
        return f"<Throttle of {self._rate} a second, {'waiting' if self.waiting else 'open'}>"
