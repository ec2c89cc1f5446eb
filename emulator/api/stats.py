"""What a container uses, as the JSON of `docker stats` and the rows of `docker top`."""

from __future__ import annotations

import os
from typing import NamedTuple

from .specshape import JSON, nanoseconds
from .times import moment
from .world import Container, Process, Usage

TITLES = ("UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD")
_NO_NETWORK = {
    f"{way}_{what}": 0 for way in ("rx", "tx") for what in ("bytes", "packets", "errors", "dropped")
}


class Sample(NamedTuple):
    """One reading: the container's own, and what all processors of the machine did, in seconds."""

    time: float
    usage: Usage | None
    machine: float


def machine_time() -> float:
    """The first line of /proc/stat, as moby's collector reads it; 0 where there is none."""
    try:
        with open("/proc/stat", "rb") as file:  # noqa: PTH123
            fields = file.readline().split()[1:9]
    except OSError:
        return 0.0
    return sum(map(int, fields)) / os.sysconf("SC_CLK_TCK")


def memory() -> int:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return 0


def shape(thing: Container, before: Sample | None, now: Sample) -> JSON:
    """Of a container that does not run everything is empty."""
    return {
        "read": moment(now.time),
        "preread": moment(before.time if before else 0),
        "pids_stats": {"current": now.usage.pids} if now.usage else {},
        "blkio_stats": _blkio(now.usage),
        "num_procs": 0,
        "storage_stats": {},
        "cpu_stats": _cpu(now),
        "precpu_stats": _cpu(before),
        "memory_stats": _memory(thing, now.usage),
        "name": f"/{thing.task.name}",
        "id": thing.id,
        "networks": {"eth0": _NO_NETWORK},
    }


def _blkio(usage: Usage | None) -> JSON:
    moved: list[JSON] = []
    if usage is not None and (usage.read or usage.written):
        moved = [
            {"major": 0, "minor": 0, "op": op, "value": value}
            for op, value in (("read", usage.read), ("write", usage.written))
        ]
    kinds = ("serviced", "queue", "service_time", "wait_time", "merged", "time")
    return {"io_service_bytes_recursive": moved, **{f"io_{kind}_recursive": [] for kind in kinds},
            "sectors_recursive": []}  # fmt: skip


def _cpu(sample: Sample | None) -> JSON:
    usage = sample.usage if sample else None
    total, system = (usage.cpu, usage.cpu_system) if usage else (0.0, 0.0)
    made: JSON = {
        "cpu_usage": {
            "total_usage": nanoseconds(total),
            "usage_in_kernelmode": nanoseconds(system),
            "usage_in_usermode": nanoseconds(total - system),
        },
        "throttling_data": {"periods": 0, "throttled_periods": 0, "throttled_time": 0},
    }
    if sample is not None:
        made |= {"system_cpu_usage": nanoseconds(sample.machine), "online_cpus": os.cpu_count() or 1}
    return made


def _memory(thing: Container, usage: Usage | None) -> JSON:
    if usage is None:
        return {}
    limit = thing.task.spec.limits.memory or memory()
    return {
        "usage": usage.memory,
        "max_usage": usage.memory,
        "stats": {"total_inactive_file": 0},
        "limit": limit,
    }


def row(process: Process) -> list[str]:
    return [process.uid, str(process.pid), str(process.parent), str(process.share), process.started,
            process.terminal, process.time, process.command]  # fmt: skip
