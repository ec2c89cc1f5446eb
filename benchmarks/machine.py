"""The machine a figure was taken on, and whether others were at work on it."""

from __future__ import annotations

import datetime
import os
import platform
import re
import time
from dataclasses import dataclass
from pathlib import Path

QUIET = 0.1  # of all cores, busy with something else
_LOOK = 1.0  # seconds


@dataclass(frozen=True, slots=True)
class Machine:
    """`load` and `busy` are from before the start: the last minute's load average, in which a run before
    this one is still seen, and the share of all cores in use, which is what is judged by."""

    cores: int
    cpu: str
    python: str
    kernel: str
    date: str
    load: float
    busy: float

    def warnings(self) -> list[str]:
        if self.busy <= QUIET:
            return []
        busy = f"{self.busy:.0%} of the cores in use, load average {self.load:.1f}"
        return [f"Others are at work here ({busy}): compare the columns, and take the figures again."]


def look() -> Machine:
    """Takes a second, to see what goes on when nothing of ours does."""
    return Machine(
        os.cpu_count() or 1,
        _cpu(),
        platform.python_version(),
        platform.release(),
        datetime.datetime.now(datetime.UTC).date().isoformat(),
        round(os.getloadavg()[0], 2),
        round(_busy(), 2),
    )


def _cpu() -> str:
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found[1] if found else platform.processor() or platform.machine()


def _busy() -> float:
    try:
        before = _ticks()
        time.sleep(_LOOK)
        after = _ticks()
    except OSError:
        return 0.0
    total = sum(after) - sum(before)
    idle = sum(after[3:5]) - sum(before[3:5])
    return (total - idle) / total if total else 0.0


def _ticks() -> list[int]:
    """Of all cores since boot: user, nice, system, idle, iowait, irq, softirq, steal (proc(5))."""
    return [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
