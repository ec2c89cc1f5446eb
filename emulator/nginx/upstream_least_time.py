"""The peer that will be done first, as far as one can tell (ngx_http_upstream_least_time_module.c). Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.nginx.upstream import Group, Peer
from emulator.nginx.upstream_least_conn import LeastConnTurn

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.nginx.request import Request
    from emulator.nginx.upstream import Choosing, Tried

# What is measured of a peer, in milliseconds: until its answer's head, until its end, and what is in flight.
HEADER, RESPONSE, FLIGHT, FLIGHT_SUM, FLIGHT_CHANGED, FLIGHT_COUNT = range(6)

_LONGEST = 5000  # slower ones are all alike
_CLOSE = 20  # faster or slower by less is the same


def average(earlier: int, value: int) -> int:
    """A moving average that trusts the past by 95 %."""
    return int(0.5 + value * 0.05 + earlier * 0.95) if earlier else value


class LeastTimeTurn(LeastConnTurn):
    """`inflight`: what has not been answered yet counts, too."""

    __slots__ = ("_flying", "_inflight", "_mode")

    def __init__(self, group: Group, mode: int, inflight: bool) -> None:
        super().__init__(group)
        self._mode = mode
        self._inflight = inflight
        self._flying = False

    def choose(self, now: float) -> Peer | None:
        peer = super().choose(now)
        if peer is not None and self._inflight and not self.group.single:
            times, ms = _times(peer), int(now * 1000)
            times[FLIGHT_SUM] += (ms - times[FLIGHT_CHANGED]) * times[FLIGHT_COUNT]
            times[FLIGHT_CHANGED] = ms
            times[FLIGHT_COUNT] += 1
            self._flying = True
        return peer

    def load(self, peer: Peer, now: float) -> int:
        """How long a peer will be busy with what it has and one more."""
        times, ms = _times(peer), int(now * 1000)
        if times[FLIGHT_COUNT]:
            flight = times[FLIGHT_SUM] // times[FLIGHT_COUNT] + ms - times[FLIGHT_CHANGED]
            times[FLIGHT] = average(times[FLIGHT], flight)
        time, idle = times[self._mode], int(now) - peer.checked
        if idle > peer.fail_timeout:
            time >>= idle // (int(peer.fail_timeout) + 1)  # a slow one gets its chance from time to time
        if times[FLIGHT_COUNT]:
            time = max(time, times[FLIGHT])
        time = _LONGEST if time > _LONGEST else time + _CLOSE - time % _CLOSE
        return time * (1 + peer.connections)

    def answered(self, peer: Peer, attempt: Tried, now: float) -> None:
        if not self._inflight or self._mode != HEADER:
            return
        last = _milliseconds(attempt.started, attempt.header_at)
        times = _times(peer)
        times[HEADER] = average(times[HEADER], last)
        self._land(times, last, int(now * 1000))

    def measure(self, peer: Peer, now: float, attempt: Tried | None) -> None:
        times = _times(peer)
        last = 0 if attempt is None else _milliseconds(attempt.started, attempt.ended)
        self._land(times, last, int(now * 1000))
        if attempt is None or attempt.header_at is None:
            return
        times[RESPONSE] = average(times[RESPONSE], last)
        if not (self._inflight and self._mode == HEADER):
            times[HEADER] = average(times[HEADER], _milliseconds(attempt.started, attempt.header_at))

    def _land(self, times: list[int], last: int, ms: int) -> None:
        if not self._flying:
            return
        self._flying = False
        if times[FLIGHT_COUNT] <= 1:
            times[FLIGHT_SUM] = 0
        else:
            times[FLIGHT_SUM] += (ms - times[FLIGHT_CHANGED]) * times[FLIGHT_COUNT] - last
            times[FLIGHT_CHANGED] = ms
        times[FLIGHT_COUNT] = max(0, times[FLIGHT_COUNT] - 1)


def _times(peer: Peer) -> list[int]:
    if peer.times is None:
        peer.times = [0] * 6
    return peer.times


def _milliseconds(start: float, end: float | None) -> int:
    return 0 if end is None else max(0, int((end - start) * 1000))


def compile_least_time(group: Group, words: tuple[str, ...]) -> Callable[[Request], Choosing]:
    mode = HEADER if words[0] == "header" else RESPONSE
    inflight = len(words) > 1
    return lambda r: LeastTimeTurn(group, mode, inflight)
