"""Open-loop load: requests leave at fixed times, whatever the server does; latency counts from those times.

wrk asks for the next answer when it has got one: a server that stalls is asked less while it stalls, and
the percentiles leave out what would have waited (coordinated omission). A pause between wrk's requests
(its `delay()`) does not help: its clock counts milliseconds, so that the requests of each leave in one
burst, and what is measured is the queue of that burst. Here request n is due at n / rate, evenly spaced,
as wrk2 does it. It leaves on a connection that is free; when none is, it waits, and the wait counts as
the server's. How late the generator itself is counts, too, as it is the same for both servers; it is
reported, and a run in which it is most of what was measured is taken again. Python is fast enough for
this: a request costs it little more than its two system calls, and a run in which it was busy all the
time is refused.

It runs as a process of its own: `python -m benchmarks.openloop`, a job in JSON on stdin, the result on
stdout.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import math
import os
import select
import socket
import subprocess
import sys
from dataclasses import asdict, dataclass
from time import monotonic_ns

from benchmarks.answers import Refused

CONNECTIONS = 64
STALLED = 10.0  # seconds without any answer
ATTEMPTS, ON_TIME = 3, 0.2  # how often is tried to be no more than so many milliseconds late
SPARE = 0.05  # of the time, at least, in which the generator has nothing to do
_PR_SET_TIMERSLACK = 29


@dataclass(frozen=True, slots=True)
class Job:
    """So many requests a second for some seconds; each answer has one of the `sizes` and begins with 200."""

    port: int
    request: str
    sizes: tuple[int, int]
    rate: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Latency:
    """Percentiles in milliseconds; `late` is the 99th of how late requests left with a connection free,
    `spare` the share of its time that the generator waited."""

    p50: float
    p99: float
    p999: float
    most: float
    late: float
    spare: float


def run(job: Job) -> Latency:
    """The job, again while the machine keeps the generator from its times; the least late of the attempts."""
    attempts: list[Latency] = []
    for _ in range(ATTEMPTS):
        attempts.append(_once(job))
        if attempts[-1].late <= max(ON_TIME, attempts[-1].p99 / 2):
            break
    return min(attempts, key=lambda latency: latency.late)


def _once(job: Job) -> Latency:
    """In a process of its own: what this one has in memory costs it nothing."""
    argv = [sys.executable, "-m", "benchmarks.openloop"]
    text = json.dumps(asdict(job))
    done = subprocess.run(argv, input=text, capture_output=True, text=True, timeout=job.seconds + 60)
    if done.returncode:
        raise Refused((done.stderr.strip().splitlines() or ["no latency"])[-1])
    latency = Latency(**json.loads(done.stdout))
    if latency.spare < SPARE:
        raise Refused(f"the generator is the limit at {job.rate:.0f} requests/s")
    return latency


class Generator:
    """One job at work: connections that are free, and what is under way on the others."""

    def __init__(self, job: Job) -> None:
        self.job, self.count = job, max(1, round(job.rate * job.seconds))
        self.request = job.request.encode("latin-1")
        self.sockets = [socket.create_connection(("127.0.0.1", job.port)) for _ in range(CONNECTIONS)]
        for sock in self.sockets:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.free = [sock.fileno() for sock in self.sockets]
        self.due: dict[int, int] = {}  # of the connections on which an answer is awaited
        self.received: dict[int, int] = {}
        self.latencies: list[int] = []
        self.late: list[int] = []
        self.freed = 0  # when a connection became free after none had been
        self.waited = 0

    def run(self) -> Latency:
        """All requests, each at its time; ends when all are answered."""
        gap, began, sent = 1e9 / self.job.rate, monotonic_ns() + 1_000_000, 0
        while len(self.latencies) < self.count:
            now = monotonic_ns()
            while sent < self.count and self.free and (due := began + int(sent * gap)) <= now:
                self.late.append(now - max(due, self.freed))
                self._send(due)
                sent, now = sent + 1, monotonic_ns()
            waits = sent < self.count and self.free
            self._receive(max(began + sent * gap - now, 0) / 1e9 if waits else STALLED)
        return self._summary(monotonic_ns() - began)

    def _send(self, due: int) -> None:
        connection = self.free.pop()
        self.due[connection], self.received[connection] = due, 0
        os.write(connection, self.request)

    def _receive(self, seconds: float) -> None:
        """What arrives until then: select counts in microseconds, and few connections are awaited at once."""
        began = monotonic_ns()
        ready, _, _ = select.select(self.due, (), (), seconds)
        self.waited += monotonic_ns() - began
        if not ready and seconds == STALLED:
            raise Refused(f"no answer for {STALLED:.0f} seconds")
        for connection in ready:
            data = os.read(connection, 65536)
            if not data or (not self.received[connection] and not data.startswith(b"HTTP/1.1 200 ")):
                raise Refused(f"under load: {data[:80]!r}")
            self.received[connection] += len(data)
            if self.received[connection] >= self.job.sizes[0]:
                self._answered(connection)

    def _answered(self, connection: int) -> None:
        if self.received[connection] > self.job.sizes[1]:
            raise Refused(f"under load: {self.received[connection]} bytes instead of {self.job.sizes}")
        now = monotonic_ns()
        self.latencies.append(now - self.due.pop(connection))
        if not self.free:
            self.freed = now
        self.free.append(connection)

    def _summary(self, took: int) -> Latency:
        for values in (self.latencies, self.late):
            values.sort()
        p50, p99, p999, most = (percentile(self.latencies, share) for share in (0.5, 0.99, 0.999, 1.0))
        return Latency(p50, p99, p999, most, percentile(self.late, 0.99), self.waited / took)


def percentile(ordered: list[int], share: float) -> float:
    """In milliseconds, of nanoseconds; the nearest rank."""
    return ordered[math.ceil(share * len(ordered)) - 1] / 1e6


def main() -> None:
    fields = json.load(sys.stdin)
    job = Job(**{**fields, "sizes": tuple(fields["sizes"])})
    ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)  # otherwise each wait ends 50 us late
    gc.disable()
    with contextlib.suppress(PermissionError):  # as root it is on time, whoever else wants the core
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    try:
        print(json.dumps(asdict(Generator(job).run())))
    except (Refused, OSError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
