"""Whether a container is well, as Docker counts it (moby's daemon/health.go); no clock, no process.

A first test after one interval, the next one an interval after the end of the one before. One success is
healthy; `retries` failures in a row are unhealthy, those that begin in the start period before the first
success not counted. The last five results are kept.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from ..settings import Healthcheck

STARTING, HEALTHY, UNHEALTHY = "starting", "healthy", "unhealthy"
_INTERVAL = _TIMEOUT = 30.0
_RETRIES = 3
_KEPT = 5
# What a test may say; Docker cuts it there, too.
LONGEST_OUTPUT = 4096


class Result(NamedTuple):
    """One test; times in seconds since the epoch, exit code -1 of one that could not be run to its end."""

    start: float
    end: float
    exit_code: int
    output: str


def effective(wanted: Healthcheck | None, image: Healthcheck | None) -> Healthcheck | None:
    """The service's own over the image's, field by field; None when nothing is to be tested."""
    check = wanted or image
    if wanted is not None and image is not None:
        check = wanted._replace(
            test=wanted.test or image.test,
            interval=wanted.interval or image.interval,
            timeout=wanted.timeout or image.timeout,
            start_period=wanted.start_period or image.start_period,
            start_interval=wanted.start_interval or image.start_interval,
            retries=wanted.retries or image.retries,
        )
    return check if check is not None and check.test and check.test[0] in ("CMD", "CMD-SHELL") else None


def argv(check: Healthcheck) -> tuple[str, ...]:
    """What a test runs."""
    kind, *words = check.test
    return ("/bin/sh", "-c", *words) if kind == "CMD-SHELL" else tuple(words)


class Health:
    """The state of one run of a container, which began at `started`."""

    def __init__(self, check: Healthcheck, started: float) -> None:
        self.check, self.started = check, started
        self.status, self.streak = STARTING, 0
        self.results: deque[Result] = deque(maxlen=_KEPT)

    def __repr__(self) -> str:
        return f"<Health {self.status}, {self.streak} failures>"

    @property
    def timeout(self) -> float:
        return self.check.timeout or _TIMEOUT

    def pause(self, now: float) -> float:
        """How long until the next test begins."""
        within = self.status == STARTING and now - self.started < self.check.start_period
        return (self.check.start_interval if within else 0) or self.check.interval or _INTERVAL

    def take(self, result: Result) -> bool:
        """Whether the status has changed by it."""
        before = self.status
        self.results.append(result)
        if result.exit_code == 0:
            self.status, self.streak = HEALTHY, 0
        elif before != STARTING or result.start - self.started >= self.check.start_period:
            self.streak += 1
            if self.streak >= (self.check.retries or _RETRIES):
                self.status = UNHEALTHY
        return self.status != before

    def timed_out(self, start: float, end: float) -> Result:
        return Result(start, end, -1, f"Health check exceeded timeout ({duration(self.timeout)})")


def output(data: bytes) -> str:
    """What a test has said, cut as Docker cuts it."""
    text = data[:LONGEST_OUTPUT].decode(errors="replace")
    return f"{text}..." if len(data) > LONGEST_OUTPUT else text


def duration(seconds: float) -> str:
    """As Go prints a time.Duration: 1s, 1m30s, 500ms, 1.5s."""
    if seconds < 1:
        size, unit = (1e3, "ms") if seconds >= 1e-3 else (1e6, "µs")
        return f"{seconds * size:.9g}{unit}" if seconds else "0s"
    minutes, rest = divmod(round(seconds, 9), 60)
    hours, minutes = divmod(int(minutes), 60)
    long = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
    return f"{long}{rest:.9g}s"
