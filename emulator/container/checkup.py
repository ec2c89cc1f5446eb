"""Runs a container's health check: a process of its own in the container's folder and environment.

A test's localhost is the container's, as in Docker: for Python the shim sees to it, for other programs
`localhost:8000` and its kin are put into the words as the task's own address.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from functools import partial

from ..settings import Healthcheck
from ..swarm.loop import Loop, Timer
from . import health
from .children import Children
from .health import LONGEST_OUTPUT, Health, Result
from .process import Command, NotStarted, Process, find_executable, runs_python, spawn

_RUNC = "OCI runtime exec failed: exec failed: unable to start container process"
_LOCAL = re.compile(
    r"(?P<scheme>https?://)?(?<![\w.-])(?P<host>localhost|127\.0\.0\.1|\[::1\]|0\.0\.0\.0)"
    r"(?:(?P<mark>[: \0])(?P<port>\d{1,5}))?(?![\w.-])"
)

Where = Callable[[int], tuple[str, int]]


class Checkup:
    """Tests until `end`; `changed` hears of each new status."""

    def __init__(
        self,
        loop: Loop,
        children: Children,
        check: Healthcheck,
        command: Command,
        where: Where,
        changed: Callable[[str], None],
    ) -> None:
        self._loop, self._children, self._changed = loop, children, changed
        self._command, self._where = command, where
        self.health = Health(check, loop.time())
        self._timer: Timer | None = None
        self._test: _Test | None = None
        self.resume()

    def resume(self) -> None:
        """The next test after an interval; also after a pause of the container."""
        now = self._loop.time()
        self._timer = self._loop.call_later(self.health.pause(now), self._begin)

    def end(self) -> None:
        """No more tests, and the one that runs ends unheard; also while the container is paused.

        Whom nobody tests is unhealthy, without a word about it, as in Docker.
        """
        self.health.status = health.UNHEALTHY
        if self._timer is not None:
            self._timer.cancel()
        if self._test is not None:
            self._test.kill()
        self._timer = self._test = None

    def _begin(self) -> None:
        now = self._loop.time()
        argv = health.argv(self.health.check)
        command = self._command._replace(argv=here(argv, self._command, self._where))
        try:
            process = spawn(command)
        except NotStarted as error:
            self._take(Result(now, self._loop.time(), -1, f"{_RUNC}: {error.reason}: unknown"))
            return
        self._test = _Test(self._loop, process, now, self.health.timeout)
        self._children.watch(process, partial(self._ended, self._test))

    def _ended(self, test: _Test, code: int) -> None:
        result = test.result(code, self.health)
        if test is self._test:
            self._test = None
            self._take(result)

    def _take(self, result: Result) -> None:
        changed = self.health.take(result)
        self.resume()
        if changed:
            self._changed(self.health.status)


class _Test:
    """One process, what it says, and the end of its time."""

    def __init__(self, loop: Loop, process: Process, began: float, timeout: float) -> None:
        self._loop, self._process, self._began = loop, process, began
        self._said, self._late = b"", False
        for descriptor in (process.stdout, process.stderr):
            loop.add_reader(descriptor, partial(self._read, descriptor))
        self._timer = loop.call_later(timeout, self._expire)

    def kill(self) -> None:
        self._process.send_group(signal.SIGKILL)

    def result(self, code: int, state: Health) -> Result:
        """When it has ended: everything of it is cleared away."""
        self._timer.cancel()
        for descriptor in (self._process.stdout, self._process.stderr):
            while self._read(descriptor):
                pass
            self._loop.remove_reader(descriptor)
        self.kill()
        self._process.close()
        now = self._loop.time()
        return (
            state.timed_out(self._began, now)
            if self._late
            else Result(self._began, now, code, health.output(self._said))
        )

    def _expire(self) -> None:
        self._late = True
        self.kill()

    def _read(self, descriptor: int) -> bool:
        try:
            data = os.read(descriptor, 65536)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        self._said = (self._said + data)[: LONGEST_OUTPUT + 1]
        if not data:
            self._loop.remove_reader(descriptor)
        return bool(data)


def here(argv: tuple[str, ...], command: Command, where: Where) -> tuple[str, ...]:
    """The words with the container's localhost as it is on this machine; Python finds it by itself."""
    program = argv[2].split(maxsplit=1)[0] if argv[:2] == ("/bin/sh", "-c") and argv[2].split() else argv[0]
    try:
        if runs_python(find_executable(program, command.env["PATH"], command.folder)):
            return argv
    except NotStarted:
        pass
    return tuple(_LOCAL.sub(partial(_place, where), "\0".join(argv)).split("\0"))


def _place(where: Where, match: re.Match[str]) -> str:
    scheme, mark, port = match["scheme"] or "", match["mark"] or ":", match["port"]
    if not port and not scheme:
        return match[0]
    host, real = where(int(port or (443 if scheme == "https://" else 80)))
    return f"{scheme}{host}{mark}{real}"
