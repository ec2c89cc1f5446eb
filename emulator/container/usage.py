"""What the processes of a container use, by /proc: for `docker stats`, `docker top` and the memory limit.

A container's processes are its first one, what descends from it, and what else is in its session or carries
its task's mark: a daemon that has left both parents and session is found by the mark alone.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from typing import NamedTuple

_TICK = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_PROC = "/proc"
_GONE = (b"Z", b"X")


class Usage(NamedTuple):
    """Processor time in seconds, memory and what storage moved in octets; `pids` counts threads."""

    cpu: float = 0.0
    cpu_system: float = 0.0
    memory: int = 0
    pids: int = 0
    read: int = 0
    written: int = 0


class Row(NamedTuple):
    """One process as `ps -ef` lists it."""

    uid: str
    pid: int
    parent: int
    share: int
    started: str
    terminal: str
    time: str
    command: str


def usage(pids: Iterable[int]) -> Usage:
    """The sum over processes; a child's time counts in itself until it has been waited for."""
    cpu = system = 0.0
    memory = threads = read = written = 0
    for pid in pids:
        fields = _stat(pid)
        if len(fields) < 22 or fields[0] in _GONE:
            continue
        user, kernel, waited_user, waited_kernel = (int(field) for field in fields[11:15])
        cpu += (user + kernel + waited_user + waited_kernel) / _TICK
        system += (kernel + waited_kernel) / _TICK
        threads += int(fields[17])
        memory += proportional(pid)
        more_read, more_written = _transfer(pid)
        read, written = read + more_read, written + more_written
    return Usage(cpu, system, memory, threads, read, written)


def members(first: int, mark: bytes = b"") -> list[int]:
    """The processes of the container whose first one this is; `mark` is NAME=value in their environments."""
    parents: dict[int, int] = {}
    inside = set()
    for pid in _pids():
        fields = _stat(pid)
        if not fields or fields[0] in _GONE:
            continue
        parents[pid] = int(fields[1])
        if pid == first or int(fields[3]) == first or (mark and _carries(pid, mark)):
            inside.add(pid)
    return sorted(pid for pid in parents if _descends(pid, parents, inside))


def family(first: int) -> list[int]:
    """The first process and its descendants: what can be had without a look at every process."""
    found = [first]
    for pid in found:
        for thread in _entries(f"{_PROC}/{pid}/task"):
            try:
                with open(f"{_PROC}/{pid}/task/{thread}/children", "rb") as file:  # noqa: PTH123
                    found += [int(child) for child in file.read().split()]
            except OSError:
                continue
    return found


def resident(pid: int) -> int:
    """Octets of memory that a process touches; pages that it shares count in full."""
    try:
        with open(f"{_PROC}/{pid}/statm", "rb") as file:  # noqa: PTH123
            return int(file.read().split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0


def proportional(pid: int) -> int:
    """The same, with a page that several share divided among them, where the kernel says so."""
    try:
        with open(f"{_PROC}/{pid}/smaps_rollup", "rb") as file:  # noqa: PTH123
            for line in file:
                if line.startswith(b"Pss:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return resident(pid)


def rows(pids: Iterable[int]) -> list[Row]:
    return [row for pid in pids if (row := _row(pid)) is not None]


def _row(pid: int) -> Row | None:
    fields = _stat(pid)
    try:
        with open(f"{_PROC}/{pid}/cmdline", "rb") as file:  # noqa: PTH123
            words = file.read().rstrip(b"\0").split(b"\0")
        owner = os.stat(f"{_PROC}/{pid}").st_uid  # noqa: PTH116
    except OSError:
        return None
    if len(fields) < 22:
        return None
    spent = (int(fields[11]) + int(fields[12])) / _TICK
    age = time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / _TICK
    began = time.localtime(time.time() - age)
    return Row(
        uid=_user(owner),
        pid=pid,
        parent=int(fields[1]),
        share=int(100 * spent / age) if age > 0 else 0,
        started=time.strftime("%H:%M" if age < 86400 else "%b%d", began),
        terminal="?",
        time=f"{int(spent) // 3600:02}:{int(spent) // 60 % 60:02}:{int(spent) % 60:02}",
        command=" ".join(word.decode(errors="replace") for word in words),
    )


def _user(number: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _descends(pid: int, parents: dict[int, int], inside: set[int]) -> bool:
    seen: set[int] = set()
    while pid in parents and pid not in inside and pid not in seen:
        seen.add(pid)
        pid = parents[pid]
    return pid in inside


def _transfer(pid: int) -> tuple[int, int]:
    found = {b"read_bytes:": 0, b"write_bytes:": 0}
    try:
        with open(f"{_PROC}/{pid}/io", "rb") as file:  # noqa: PTH123
            for line in file:
                name, _, number = line.partition(b" ")
                if name in found:
                    found[name] = int(number)
    except OSError:
        pass
    return found[b"read_bytes:"], found[b"write_bytes:"]


def _stat(pid: int) -> list[bytes]:
    """The fields of /proc/PID/stat after the name: state, parent, group, session, ..."""
    try:
        with open(f"{_PROC}/{pid}/stat", "rb") as file:  # noqa: PTH123
            return file.read().rpartition(b")")[2].split()
    except OSError:
        return []


def _carries(pid: int, mark: bytes) -> bool:
    try:
        with open(f"{_PROC}/{pid}/environ", "rb") as file:  # noqa: PTH123
            return mark in file.read().split(b"\0")
    except OSError:
        return False


def _pids() -> list[int]:
    return [int(name) for name in _entries(_PROC) if name.isdigit()]


def _entries(folder: str) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208
    except OSError:
        return []
