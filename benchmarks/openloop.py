"""Open-loop load: requests leave at fixed times, whatever the server does; latency counts from those times.

wrk asks for the next answer when it has got one: a server that stalls is asked less while it stalls, and
the percentiles leave out what would have waited (coordinated omission). A pause between wrk's requests
(its `delay()`) does not help: its clock counts milliseconds, so that the requests of each leave in one
burst, and what is measured is the queue of that burst. Here request n is due at n / rate, evenly spaced,
as wrk2 does it. It leaves on a connection that is free; when none is, it waits, and the wait counts as
the server's. How late the generator itself is counts, too: it is the same for both servers, and a run in
which it is most of what was measured is refused. Python is fast enough for this: a request costs it
little more than its two system calls.

It runs as a process of its own: `python -m benchmarks.openloop`, a job in JSON on stdin, the result on
stdout.
"""

from __future__ import annotations

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
    """Percentiles in milliseconds; `late` is the 99th of how late requests left with a connection free."""

    p50: float
    p99: float
    p999: float
    most: float
    late: float


def run(job: Job) -> Latency:
    """The job, done in a process of its own: what this one has in memory costs it nothing."""
    argv = [sys.executable, "-m", "benchmarks.openloop"]
    text = json.dumps(asdict(job))
    done = subprocess.run(argv, input=text, capture_output=True, text=True, timeout=job.seconds + 60)
    if done.returncode:
        raise Refused((done.stderr.strip().splitlines() or ["no latency"])[-1])
    latency = Latency(**json.loads(done.stdout))
    if latency.late > 0.75 * latency.p99 and latency.late > 1.0:
        raise Refused(f"the generator was {latency.late:.2f} ms late, of {latency.p99:.2f} ms measured")
    return latency


class Generator:
    """One job at work: connections that are free, and what is under way on the others."""

    def __init__(self, job: Job) -> None:
        self.job, self.count = job, max(1, round(job.rate * job.seconds))
        self.request = job.request.encode("latin-1")
        self.sockets = [socket.create_connection(("127.0.0.1", job.port)) for _ in range(CONNECTIONS)]
        self.poller = select.epoll()
        for sock in self.sockets:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.poller.register(sock, select.EPOLLIN)
        self.free = [sock.fileno() for sock in self.sockets]
        self.due: dict[int, int] = {}
        self.received: dict[int, int] = {}
        self.latencies: list[int] = []
        self.late: list[int] = []
        self.freed = 0  # when a connection became free after none had been

    def run(self) -> Latency:
        """All requests, each at its time; ends when all are answered."""
        gap, began, sent, heard = 1e9 / self.job.rate, monotonic_ns() + 1_000_000, 0, monotonic_ns()
        while len(self.latencies) < self.count:
            now = monotonic_ns()
            while sent < self.count and self.free and (due := began + int(sent * gap)) <= now:
                self.late.append(now - max(due, self.freed))
                self._send(due)
                sent, now = sent + 1, monotonic_ns()
            ahead = began + sent * gap - now if sent < self.count and self.free else STALLED * 1e9
            if self._receive(max(ahead, 0) / 1e9):
                heard = monotonic_ns()
            elif monotonic_ns() - heard > STALLED * 1e9:
                raise Refused(f"no answer for {STALLED:.0f} seconds")
        return self._summary()

    def _send(self, due: int) -> None:
        connection = self.free.pop()
        self.due[connection], self.received[connection] = due, 0
        os.write(connection, self.request)

    def _receive(self, seconds: float) -> int:
        """What arrives until then; select looks at epoll's descriptor because it counts in microseconds."""
        if seconds and not select.select([self.poller], [], [], seconds)[0]:
            return 0
        events = self.poller.poll(0)
        for connection, _ in events:
            data = os.read(connection, 65536)
            if not data or (not self.received[connection] and not data.startswith(b"HTTP/1.1 200 ")):
                raise Refused(f"under load: {data[:80]!r}")
            self.received[connection] += len(data)
            if self.received[connection] >= self.job.sizes[0]:
                self._answered(connection)
        return len(events)

    def _answered(self, connection: int) -> None:
        if self.received[connection] > self.job.sizes[1]:
            raise Refused(f"under load: {self.received[connection]} bytes instead of {self.job.sizes}")
        now = monotonic_ns()
        self.latencies.append(now - self.due[connection])
        if not self.free:
            self.freed = now
        self.free.append(connection)

    def _summary(self) -> Latency:
        for values in (self.latencies, self.late):
            values.sort()
        p50, p99, p999, most = (percentile(self.latencies, share) for share in (0.5, 0.99, 0.999, 1.0))
        return Latency(p50, p99, p999, most, percentile(self.late, 0.99))


def percentile(ordered: list[int], share: float) -> float:
    """In milliseconds, of nanoseconds; the nearest rank."""
    return ordered[math.ceil(share * len(ordered)) - 1] / 1e6


def main() -> None:
    fields = json.load(sys.stdin)
    job = Job(**{**fields, "sizes": tuple(fields["sizes"])})
    ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, 1, 0, 0, 0)  # otherwise each wait ends 50 us late
    gc.disable()
    try:
        print(json.dumps(asdict(Generator(job).run())))
    except (Refused, OSError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
