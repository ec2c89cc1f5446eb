"""One task's container: its process, its log, its signals, its end."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..swarm import signals
from ..swarm.agent import Failed
from ..swarm.loop import Loop
from ..swarm.model import Task
from ..swarm.networks import Links
from .children import Children
from .guardian import Guardian
from .images import Recipe
from .logs import STDERR, STDOUT, Line, Log, limit
from .probe import Probe
from .process import Command, NotStarted, Process, find_executable, runs_python, spawn
from .root import remove_tree

if TYPE_CHECKING:
    from ..settings import Healthcheck, Mount
    from .checkup import Checkup
    from .health import Health
    from .memory import MemoryLimit
    from .usage import Row, Usage

Listens = Callable[[str, str, int], None]


class Surroundings(NamedTuple):
    """What all containers of a run have in common."""

    loop: Loop
    guardian: Guardian
    children: Children
    run: str
    ready: str
    node_id: str
    node_name: str
    listens: Listens
    output: Callable[[Task, Line], None]
    note: Callable[[str], None]
    volume: Callable[[Mount], object] = lambda mount: None  # a volume has come with its first task
    discard: Callable[[str], object] = lambda name: None  # an anonymous one has gone with it
    fresh_volumes: bool = False


class Container:
    """One task's container; its log outlives its process."""

    def __init__(
        self,
        identity: str,
        hostname: str,
        task: Task,
        made: Recipe,
        links: Links,
        command: Command,
        home: Path,
        around: Surroundings,
    ) -> None:
        self.id, self.hostname, self.task, self.recipe, self.links = identity, hostname, task, made, links
        self.command, self.pid = command, 0
        self.paused = self.oom_killed = False
        self.check = _check(task, made)
        self.on_health: Callable[[str], None] = lambda status: None
        self.on_oom: Callable[[], None] = lambda: None
        self.created = around.loop.time()
        self.started = self.finished = 0.0
        driver = task.spec.log_driver
        kept = limit(driver.name, dict(driver.options)) if driver else None
        self.log = Log(around.loop.time) if kept is None else Log(around.loop.time, kept)
        self.log.follow(lambda line: around.output(task, line))
        self.on_remove: Callable[[], object] = lambda: None
        self.mounts: tuple[Mount, ...] = ()
        self._home, self._around = home, around
        # A traceback names the user's own files: what stands in this root are links to them.
        self._own = (
            (os.fsencode(command.folder) + b"/", os.fsencode(made.folder) + b"/") if made.folder else ()
        )
        self._process: Process | None = None
        self._probes: list[Probe] = []
        self._checkup: Checkup | None = None
        self._memory: MemoryLimit | None = None
        self._dead: Callable[[], None] = lambda: None
        self._ended: Callable[[int], None] = lambda code: None

    def __repr__(self) -> str:
        return f"<Container {self.id[:12]} of {self.task.label}, {self._process}>"

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.exit_code is None

    @property
    def health(self) -> Health | None:
        """How it is by its health check; None when it has none, or was never started."""
        return self._checkup.health if self._checkup else None

    @property
    def checked(self) -> bool:
        return self.check is not None

    @property
    def words(self) -> tuple[str, ...]:
        """The command as Docker would list it."""
        return self.recipe.command(self.task.spec.command, self.task.spec.args)

    @property
    def workdir(self) -> str:
        return self.task.spec.dir or self.recipe.workdir

    @property
    def expose(self) -> tuple[int, ...]:
        return self.recipe.expose

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its environment's variables that are not ours."""
        return tuple(name for name in self.command.env if not name.startswith("EMULATOR_"))

    @property
    def exit_code(self) -> int:
        return (self._process.exit_code if self._process else None) or 0

    def start(self, dead: Callable[[], None], ended: Callable[[int], None]) -> None:
        around = self._around
        try:
            process = self._process = spawn(self.command)
        except NotStarted as error:
            raise Failed(str(error), error.exit_code) from None
        around.guardian.watch(process.pid)
        self.pid, self.started = process.pid, around.loop.time()
        self._dead, self._ended = dead, ended
        for stream, descriptor in ((STDOUT, process.stdout), (STDERR, process.stderr)):
            around.loop.add_reader(descriptor, partial(self._read, stream, descriptor))
        around.children.watch(process, self._exited)
        self._probe()
        self._watch(process)

    def stop(self, stop_signal: str | None) -> None:
        self.send(signals.number(stop_signal or self.recipe.stop_signal))

    def ask(self, stop_signal: str | None) -> None:
        """The stop signal to a process that may not know how to take it: it is no container that ends."""
        if self._process is not None:
            self._process.send(signals.number(stop_signal or self.recipe.stop_signal))
        self.unpause()

    def send(self, number: int) -> None:
        """As `docker kill`: to the first process; with SIGKILL its whole container ends.

        As the first of a container, which the kernel keeps from signals that it has no handler for.
        """
        if number == signal.SIGKILL:
            self.kill()
        elif self._process is not None:
            heeded = self.task.spec.init or self.recipe.has_namespace or self._process.handles(number)
            self._process.send(number if heeded else 0)

    def kill(self) -> None:
        if self.running and self._process is not None:
            self._process.send_group(signal.SIGKILL)

    def pause(self) -> None:
        """Every process of it stops where it is, and nobody asks after its health."""
        if self.running:
            self.paused = True
            self._send_all(signal.SIGSTOP)
            if self._checkup is not None:
                self._checkup.end()

    def unpause(self) -> None:
        if self.running and self.paused:
            self.paused = False
            self._send_all(signal.SIGCONT)
            if self._checkup is not None:
                self._checkup.resume()

    def usage(self) -> Usage:
        from .usage import usage

        return usage(self.pids())

    def pids(self) -> list[int]:
        """The processes of it, those that have gone their own ways included."""
        from .usage import members

        return members(self.pid, f"EMULATOR_TASK={self.task.id}".encode()) if self.running else []

    def top(self) -> list[Row]:
        from .usage import rows

        return rows(self.pids())

    def ps(self, arguments: str) -> tuple[list[str], list[list[str]]]:
        from .ps import listing

        return listing(arguments, self.pids())

    def remove(self) -> None:
        self.kill()
        remove_tree(self._home)
        self.on_remove()

    def _watch(self, process: Process) -> None:
        """Its health and its memory."""
        around = self._around
        limit = self.task.spec.limits.memory
        if limit:
            from .memory import MemoryLimit

            self._memory = MemoryLimit(around.loop, process.pid, limit, self._out_of_memory)
        if self.check is not None:
            from .checkup import Checkup

            self._checkup = Checkup(
                around.loop,
                around.children,
                self.check,
                self.command,
                self._reach,
                lambda status: self.on_health(status),
            )

    def _reach(self, port: int) -> tuple[str, int]:
        """Where a port of its localhost is here."""
        return self.links.place.host, self.links.place.port(port)

    def _out_of_memory(self) -> None:
        self.oom_killed = True
        self.on_oom()

    def _send_all(self, number: int) -> None:
        for pid in self.pids():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)

    def _probe(self) -> None:
        """What the shim is not in cannot say that it listens."""
        executable = find_executable(self.command.argv[0], self.command.env["PATH"], self.command.folder)
        if runs_python(executable):
            return
        place = self.links.place
        for port in self.recipe.expose:
            real = place.port(port)
            heard = partial(self._around.listens, self.task.id, place.host, real)
            self._probes.append(Probe(self._around.loop, place.host, real, heard))

    def _read(self, stream: int, descriptor: int) -> bool:
        """One piece of a stream; False at its end or when nothing is left for now."""
        try:
            data = os.read(descriptor, 65536)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if data:
            self.log.feed(stream, data.replace(*self._own) if self._own else data)
        else:
            self._around.loop.remove_reader(descriptor)
        return bool(data)

    def _exited(self, code: int) -> None:
        process = self._process
        assert process is not None
        self._dead()
        process.send_group(signal.SIGKILL)  # as the rest of a pid namespace ends with its first process
        for watcher in (*self._probes, self._checkup, self._memory):
            if watcher is not None:
                watcher.end()
        self.finished, self.paused = self._around.loop.time(), False
        self._around.guardian.forget(process.pid)
        for stream, descriptor in ((STDOUT, process.stdout), (STDERR, process.stderr)):
            while self._read(stream, descriptor):
                pass
            self._around.loop.remove_reader(descriptor)
        process.close()
        self.log.end()
        self._ended(code)


def _check(task: Task, made: Recipe) -> Healthcheck | None:
    if task.spec.healthcheck is None and made.healthcheck is None:
        return None
    from .health import effective

    return effective(task.spec.healthcheck, made.healthcheck)
