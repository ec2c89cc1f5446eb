"""No orphans: a process that outlives the engine by a moment and kills what the engine left.

Forked before everything else, it holds the reading end of a pipe and learns of each task's process
group. When the pipe closes, however the engine ended, it kills the groups that are still known, and
whatever else carries this run's mark in its environment (a daemon that left its group).

The groups are also written to a file, for the next start: the guardian itself may have been killed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Collection, Iterable, Mapping

# In the environment of every process of a task.
MARK = "EMULATOR_RUN"
_PROC = "/proc"


class Guardian:
    """The engine's end: says which groups live. Writes of a line are atomic, and never wait long."""

    def __init__(self, pid: int, pipe: int) -> None:
        self.pid = pid
        self._pipe = pipe
        self._record: int | None = None

    def record(self, path: str) -> None:
        """Write the groups to this file as well, until `close`."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC
        self._record = os.open(path, flags, 0o600)

    def watch(self, group: int) -> None:
        self._say(f"+{group} {started(group)}\n")

    def forget(self, group: int) -> None:
        self._say(f"-{group} 0\n")

    def close(self) -> None:
        """The last act of an orderly end: the guardian wakes, finds nothing to do and ends."""
        os.close(self._pipe)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)
        if self._record is not None:
            os.close(self._record)

    def _say(self, line: str) -> None:
        with contextlib.suppress(BrokenPipeError):
            os.write(self._pipe, line.encode())
        if self._record is not None:
            with contextlib.suppress(OSError):  # a full disk: then the next start finds them by their mark
                os.write(self._record, line.encode())


def start(run: str) -> Guardian:
    """Fork the guardian of a run; to be called before there are threads or anything worth copying."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid:
        os.close(reading)
        return Guardian(pid, writing)
    try:
        os.close(writing)
        _guard(reading, run)
    finally:
        os._exit(0)


def kill_groups(groups: Mapping[int, int]) -> None:
    """Kill process groups, unless their number now belongs to a process that began at another time."""
    for group, begun in groups.items():
        if started(group) in (0, begun):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, signal.SIGKILL)


def kill_marked(mark: str) -> None:
    """Kill every process with this in its environment, those that appear meanwhile included."""
    killed: set[int] = set()
    while found := set(_marked(mark.encode())) - killed - {os.getpid()}:
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        killed |= found


def kill_leftovers(path: str, mark: str) -> int:
    """What a crashed run left, by its record and its mark; how many processes there were."""
    try:
        with open(path, encoding="ascii") as file:  # noqa: PTH123
            groups = parse(file)
    except FileNotFoundError:
        return 0
    groups = {group: begun for group, begun in groups.items() if started(group) in (0, begun)}
    found = set(_members(groups)) | set(_marked(mark.encode()))
    kill_groups(groups)
    kill_marked(mark)
    deadline = time.monotonic() + 5
    while any(_alive(pid) for pid in found) and time.monotonic() < deadline:
        time.sleep(0.002)  # the end of another's child is no event that one could wait for everywhere
    return len(found)


def parse(lines: Iterable[str]) -> dict[int, int]:
    """`+group start` and `-group` lines -> the groups that are left."""
    groups: dict[int, int] = {}
    for line in lines:
        number, _, begun = line[1:].partition(" ")
        if not line.endswith("\n") or not number.isdigit():
            continue
        if line[0] == "+":
            groups[int(number)] = int(begun)
        else:
            groups.pop(int(number), None)
    return groups


def started(pid: int) -> int:
    """When a process began, in the kernel's ticks; 0 when it is gone or the system does not say."""
    fields = _stat(pid)
    return int(fields[19]) if fields else 0


def _guard(reading: int, run: str) -> None:
    os.setsid()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    os.closerange(3, reading)
    os.closerange(reading + 1, 256)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    said = b""
    while data := os.read(reading, 65536):
        said += data
    kill_groups(parse(said.decode().splitlines(keepends=True)))
    kill_marked(f"{MARK}={run}")


def _members(groups: Collection[int]) -> Iterable[int]:
    return [pid for pid in _pids() if _alive(pid) and int(_stat(pid)[2]) in groups]


def _alive(pid: int) -> bool:
    fields = _stat(pid)
    return bool(fields) and fields[0] not in (b"Z", b"X")


def _stat(pid: int) -> list[bytes]:
    """The fields of /proc/PID/stat after the name: state, parent, group, ...; none when it is gone."""
    try:
        with open(f"{_PROC}/{pid}/stat", "rb") as file:  # noqa: PTH123
            return file.read().rpartition(b")")[2].split()
    except OSError:
        return []


def _marked(mark: bytes) -> Iterable[int]:
    for pid in _pids():
        try:
            with open(f"{_PROC}/{pid}/environ", "rb") as file:  # noqa: PTH123
                if mark in file.read().split(b"\0"):
                    yield pid
        except OSError:
            continue


def _pids() -> list[int]:
    try:
        return [int(name) for name in os.listdir(_PROC) if name.isdigit()]  # noqa: PTH208
    except OSError:
        return []
