"""A program in a session of its own: its lines as they come, and what it leaves behind."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

READY = re.compile(r"Ready in ([\d.]+) s: (http://\S+)")


class Running:
    """A started program; output and errors are one stream of lines."""

    def __init__(self, argv: Sequence[str], folder: Path, env: Mapping[str, str] | None = None) -> None:
        self._lines: list[str] = []
        self._news = threading.Condition()
        self.process = subprocess.Popen(
            argv,
            cwd=folder,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._ended = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __repr__(self) -> str:
        return f"<Running {self.process.args!r} pid {self.process.pid} exit {self.process.returncode}>"

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                with self._news:
                    self._lines.append(line.rstrip("\n"))
                    self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    @property
    def output(self) -> str:
        """Every line so far."""
        with self._news:
            return "\n".join(self._lines)

    def line(self, pattern: str | re.Pattern[str], timeout: float = 20.0) -> re.Match[str]:
        """The first line in which `pattern` is found, as soon as it is written."""
        wanted = re.compile(pattern)

        def found() -> re.Match[str] | None:
            return next((match for line in self._lines if (match := wanted.search(line))), None)

        with self._news:
            self._news.wait_for(lambda: found() or self._ended, timeout)
            match = found()
        assert match is not None, f"no line with {wanted.pattern!r} from {self!r}; it wrote:\n{self.output}"
        return match

    def ready(self, timeout: float = 20.0) -> str:
        """The URL of the ready line."""
        return self.line(READY, timeout)[2]

    def interrupt(self) -> None:
        """Ctrl-C as a terminal does it: SIGINT to the whole foreground process group."""
        os.killpg(self.process.pid, signal.SIGINT)

    def exit_code(self, timeout: float = 20.0) -> int:
        """Wait for the end of the program and of its output."""
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self!r} still runs; it wrote:\n{self.output}") from None
        self._reader.join(timeout)
        return code

    def stop(self) -> int:
        """Ctrl-C, and the exit code."""
        self.interrupt()
        return self.exit_code()

    def discard(self) -> None:
        """For the end of a test that did not get as far as stopping: nothing of it stays."""
        groups = self.groups()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for group in groups:
            _kill_group(group)
        self._reader.join(5)

    def groups(self) -> set[int]:
        """The process groups of the program and of everything that it started."""
        return (
            {os.getpgid(pid) for pid in descendants(self.process.pid)}
            if self.process.poll() is None
            else set()
        )


def _kill_group(group: int) -> None:
    if group != os.getpgid(0):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)


def processes() -> Iterator[tuple[int, str, int, int]]:
    """Each process as /proc/PID/stat has it: pid, state, parent, process group."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        yield int(folder.name), fields[0], int(fields[1]), int(fields[2])


def descendants(pid: int) -> set[int]:
    """A process and all below it that live."""
    parents = {child: parent for child, state, parent, _ in processes() if state != "Z"}
    found = {pid} & parents.keys()
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def members(groups: set[int]) -> set[int]:
    """The living processes of some process groups."""
    return {pid for pid, state, _, group in processes() if group in groups and state not in "ZX"}


def survivors(groups: set[int], timeout: float = 5.0) -> set[int]:
    """Who of some process groups is left, once all had the time to go: waits for each death, not for time."""
    for pid in members(groups):
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        try:
            select.select([handle], [], [], timeout)
        finally:
            os.close(handle)
    return members(groups)


def peak_memory(pid: int) -> int:
    """The most that a process had in memory, in bytes (VmHWM)."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024


def command(pid: int) -> str:
    """A process's command line; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""
