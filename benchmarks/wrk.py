"""Closed-loop load by wrk: as many requests as a server can answer to so many connections."""

from __future__ import annotations

import math
import re
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from benchmarks.answers import Refused, Request

SCRIPT = Path(__file__).with_name("report.lua")
_SUMS = re.compile(r"^sums: (\d+) (\d+) (\d+) (\d+) (\d+)$", re.MULTILINE)


class Missing(Exception):
    """A program that the machine does not have, and the package that brings it."""


@dataclass(frozen=True, slots=True)
class Sums:
    """What one run of wrk added up to; `errors` are of sockets, `others` answers with another status."""

    requests: int
    received: int
    seconds: float
    errors: int
    others: int

    @property
    def rate(self) -> float:
        return self.requests / self.seconds


def program() -> str:
    found = shutil.which("wrk")
    if found is None:
        raise Missing("wrk is needed (Debian and Ubuntu: apt-get install wrk)")
    return found


def arguments(port: int, request: Request, connections: int, seconds: float) -> list[str]:
    """A command line of wrk, which counts in whole seconds."""
    options = ["-t1", f"-c{connections}", f"-d{math.ceil(seconds)}s", "--timeout", "10s", "-s", str(SCRIPT)]
    for name, value in request.fields:
        options += ["-H", f"{name}: {value}"]
    url = f"http://127.0.0.1:{port}{request.target}"
    return [program(), *options, url, *(["--", str(request.upload)] if request.upload else [])]


def drive(port: int, request: Request, connections: int, seconds: float) -> Sums:
    """One run; a fraction of a second is had by SIGINT, at which wrk ends as if its time were over."""
    argv = arguments(port, request, connections, seconds)
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as run:
        try:
            output, _ = run.communicate(timeout=seconds if seconds % 1 else seconds + 60)
        except subprocess.TimeoutExpired:
            run.send_signal(signal.SIGINT)
            output, _ = run.communicate(timeout=60)
    return read(output)


def read(output: str) -> Sums:
    """What report.lua wrote; anything else that wrk says is why it did not run."""
    found = _SUMS.search(output)
    if found is None:
        raise Refused(f"wrk: {' '.join(output.split())[:200]}")
    requests, received, micros, errors, others = map(int, found.groups())
    return Sums(requests, received, micros / 1e6, errors, others)


def check(sums: Sums, sizes: tuple[int, int], connections: int) -> None:
    """Refuse a run with an error, another status, or other bytes than so many answers of `sizes` have.

    What the last, unfinished answers have brought counts for wrk as bytes, but not as requests; and an
    answer that ends its connection says `close`, which is shorter than `keep-alive`.
    """
    if sums.errors or sums.others or not sums.requests:
        raise Refused(
            f"{sums.requests} answers, {sums.errors} socket errors, {sums.others} of another status"
        )
    least, most = (sums.requests * size for size in sizes)
    spare = connections * sizes[1]
    if not least - spare <= sums.received <= most + spare:
        each = sums.received / sums.requests
        raise Refused(f"{each:.1f} bytes an answer under load, {sizes[0]} to {sizes[1]} without")
