"""A task's process: in a session of its own, with pipes for its streams, and nothing else of ours.

posix_spawn rather than fork: a third of the cost of subprocess, an eighth with its import, and it does not
copy the engine. Every descriptor of the engine is close-on-exec; what a task is to have is named.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import stat
from collections.abc import Mapping, Sequence
from typing import NamedTuple

_RUNC = "starting container failed: failed to create shim task: OCI runtime create failed: runc create failed"
_DEFAULT_SIGNALS = (
    signal.SIGPIPE,
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGQUIT,
    signal.SIGHUP,
    signal.SIGCHLD,
)


class NotStarted(Exception):
    """A process that could not be started; `reason` is runc's own, `str()` what Docker makes of it."""

    def __init__(self, reason: str, exit_code: int) -> None:
        super().__init__(f"{_RUNC}: unable to start container process: {reason}: unknown")
        self.reason, self.exit_code = reason, exit_code


class Command(NamedTuple):
    """All that a process starts with; `descriptors` keep their numbers."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    folder: str
    descriptors: tuple[int, ...] = ()


class Process:
    """A started process, the leader of its group; `stdout` and `stderr` are for reading, non-blocking."""

    def __init__(self, pid: int, stdout: int, stderr: int) -> None:
        self.pid, self.stdout, self.stderr = pid, stdout, stderr
        self.exit_code: int | None = None
        self.handle = _handle(pid)

    def __repr__(self) -> str:
        state = "runs" if self.exit_code is None else f"exited {self.exit_code}"
        return f"<Process {self.pid} {state}>"

    def send(self, number: int) -> None:
        """To the process itself, as `docker kill` does it."""
        if self.exit_code is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def handles(self, number: int) -> bool:
        """Whether it takes a signal, by a handler or by waiting for it; who cannot be asked does."""
        try:
            with open(f"/proc/{self.pid}/status", "rb") as file:  # noqa: PTH123
                masks = [
                    int(line.split()[1], 16) for line in file if line.startswith((b"SigCgt:", b"SigBlk:"))
                ]
            with open(f"/proc/{self.pid}/wchan", "rb") as file:  # noqa: PTH123
                waits = b"sigtimedwait" in file.read()  # while it waits, a signal does not count as blocked
        except OSError:
            return True
        bit = 1 << (number - 1)
        return waits or number == signal.SIGSTOP or any(mask & bit for mask in masks)

    def send_group(self, number: int) -> None:
        """To every process of the task that has not left its group."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def reap(self) -> int | None:
        """The exit code once it has ended, 128 + n after signal n as Docker counts, else None."""
        if self.exit_code is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:
                pid, status = self.pid, 0
            if pid == 0:
                return None
            code = os.waitstatus_to_exitcode(status)
            self.exit_code = 128 - code if code < 0 else code
        return self.exit_code

    def close(self) -> None:
        for descriptor in (self.stdout, self.stderr, self.handle):
            if descriptor is not None:
                with contextlib.suppress(OSError):
                    os.close(descriptor)
        self.handle = None


def spawn(command: Command) -> Process:
    """Start it; it has its own session when this returns, so that its group can be killed at once."""
    executable = find_executable(command.argv[0], command.env.get("PATH", ""), command.folder)
    reading_out, writing_out = os.pipe()
    reading_err, writing_err = os.pipe()
    try:
        pid = _spawn(executable, command, writing_out, writing_err)
    except OSError as error:
        os.close(reading_out)
        os.close(reading_err)
        raise NotStarted(f'exec: "{command.argv[0]}": {_words(error)}', _code(error)) from error
    finally:
        os.close(writing_out)
        os.close(writing_err)
    os.set_blocking(reading_out, False)
    os.set_blocking(reading_err, False)
    return Process(pid, reading_out, reading_err)


def keep_descriptors() -> None:
    """Nothing that we were started with is handed on to tasks, whatever our own parent has left open."""
    for folder in ("/proc/self/fd", "/dev/fd"):
        try:
            numbers = [int(name) for name in os.listdir(folder)]  # noqa: PTH208
        except OSError:
            continue
        for number in numbers:
            if number > 2:
                with contextlib.suppress(OSError):
                    os.set_inheritable(number, False)
        return


def find_executable(name: str, path: str, folder: str) -> str:
    """As runc looks it up: by its path, or in PATH; the words of failure are Go's."""
    if "/" in name:
        candidate = name if name.startswith("/") else f"{folder}/{name}"
        try:
            mode = os.stat(candidate).st_mode  # noqa: PTH116
        except OSError as error:
            raise NotStarted(f'exec: "{name}": stat {name}: {_words(error)}', 127) from None
        if stat.S_ISDIR(mode):
            raise NotStarted(f'exec: "{name}": permission denied', 126)
        if not os.access(candidate, os.X_OK):
            raise NotStarted(f'exec: "{name}": permission denied', 126)
        return candidate
    for entry in path.split(os.pathsep):
        candidate = f"{entry or '.'}/{name}"
        if os.access(candidate, os.X_OK) and not os.path.isdir(candidate):  # noqa: PTH112
            return candidate
    raise NotStarted(f'exec: "{name}": executable file not found in $PATH', 127)


def runs_python(executable: str) -> bool:
    """Whether a Python interpreter will run it, and with it the shim."""
    if "python" in executable.rpartition("/")[2]:
        return True
    try:
        with open(executable, "rb") as file:  # noqa: PTH123
            first = file.readline(256)
    except OSError:
        return False
    return first.startswith(b"#!") and b"python" in first


def _spawn(executable: str, command: Command, out: int, err: int) -> int:
    """posix_spawn knows no folder, so ours changes for its duration: the engine has one thread that cares."""
    actions: list[Sequence[object]] = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, out, 1),
        (os.POSIX_SPAWN_DUP2, err, 2),
    ]
    actions += [(os.POSIX_SPAWN_DUP2, number, number) for number in command.descriptors]
    here = os.open(".", os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.chdir(command.folder)
        return os.posix_spawn(
            executable,
            command.argv,
            dict(command.env),
            file_actions=actions,  # type: ignore[arg-type]
            setsid=True,
            setsigmask=(),
            setsigdef=_DEFAULT_SIGNALS,
        )
    except NotImplementedError:
        return _spawn_slowly(executable, command, out, err)
    finally:
        os.fchdir(here)
        os.close(here)


def _spawn_slowly(executable: str, command: Command, out: int, err: int) -> int:
    """Where posix_spawn cannot make a session."""
    import subprocess

    process = subprocess.Popen(
        command.argv,
        executable=executable,
        env=dict(command.env),
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=err,
        pass_fds=command.descriptors,
        start_new_session=True,
    )
    process.returncode = 0  # it is ours to wait for, not subprocess's
    return process.pid


def _handle(pid: int) -> int | None:
    """A descriptor that becomes readable when the process ends, where the kernel has such a thing."""
    if not hasattr(os, "pidfd_open"):
        return None
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None


def _words(error: OSError) -> str:
    return {errno.ENOEXEC: "exec format error"}.get(error.errno or 0, (error.strerror or "").lower())


def _code(error: OSError) -> int:
    return 127 if error.errno == errno.ENOENT else 126
