"""Drives each task through its states, as swarmkit's agent does, one step a turn.

What a container is, the agent does not know: a `Runtime` prepares and starts them (shapes for the type
checker alone: to define a Protocol costs a start half a millisecond). Order of the end:
the endpoint leaves first, then the stop signal, the grace, the kill; also when a task dies by itself,
its endpoint leaves before anything else is done about it.

A task with a health check is starting until it is healthy for the first time; only then has it a name and
a place in the rotation. One that becomes unhealthy is stopped, and how its process ends says what has
become of the task (swarmkit's dockerexec controller).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from ..tasknamespace import private_loopback
from .drain import Drain
from .loop import Loop, Timer
from .model import DesiredState, Node, Service, Task, TaskState
from .network import NoAddress
from .networks import Links, Networks
from .overlay import Place
from .scheduler import hindrance
from .store import Change, Kind, Store

if TYPE_CHECKING:
    from .runtime import Container, Runtime


_UNHEALTHY = "dockerexec: unhealthy container"
_MESSAGES = {
    TaskState.PENDING: "pending task scheduling",
    TaskState.ASSIGNED: "scheduler assigned task to node",
    TaskState.PREPARING: "preparing",
    TaskState.READY: "prepared",
    TaskState.STARTING: "starting",
    TaskState.RUNNING: "started",
    TaskState.COMPLETE: "finished",
    TaskState.SHUTDOWN: "shutdown",
}


class Rejected(Exception):
    """A task that this node will not run; the text is Docker's."""


class Failed(Exception):
    """A container that did not start; the text is Docker's."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Run:
    """A task's container on this node, and the timer of its grace."""

    __slots__ = ("container", "links", "ready", "released", "started", "stopping", "timer", "unhealthy")

    def __init__(self, links: Links) -> None:
        self.links = links
        self.container: Container | None = None
        self.ready = self.started = self.stopping = self.unhealthy = self.released = False
        self.timer: Timer | Drain | None = None

    def calm(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


class Agent:
    """All tasks of this node."""

    def __init__(
        self, store: Store, loop: Loop, networks: Networks, runtime: Runtime, node_id: str, *, listening: bool
    ) -> None:
        self._store, self._loop, self._networks, self._runtime = store, loop, networks, runtime
        self._node_id, self._listening = node_id, listening
        self.runs: dict[str, Run] = {}
        self._waiting: dict[str, None] = {}
        self._ending = False
        self.hold_ports: Callable[[Task, str], None] = lambda task, container: None
        self.on_ready: Callable[[Task], None] = lambda task: None
        self.on_alone: Callable[[Task, int], None] = lambda task, port: None
        self.on_end: Callable[[Task], None] = lambda task: None
        store.watch(self._changed)

    def is_ready(self, task: Task) -> bool:
        run = self.runs.get(task.id)
        return run is not None and run.ready

    def has_port(self, task: Task) -> bool:
        """Whether it is to listen at all."""
        return bool(self._runtime.expose(task.spec.image))

    def places(self, service_id: str) -> list[Place]:
        """Where the tasks of a service are that would answer now, by slot."""
        tasks = sorted(self._store.tasks_of(service_id), key=lambda task: task.slot)
        runs = [self.runs[task.id] for task in tasks if task.id in self.runs]
        return [run.links.place for run in runs if run.ready and not run.stopping]

    def binds_ports(self, service: Service) -> bool:
        """Whether the service's only task listens itself where its ports are published."""
        return service.spec.replicas == 1 and self._runtime.binds_published_ports(service.spec.task.image)

    def listens(self, task_id: str, host: str, port: int) -> None:
        """A task's word, or a probe's, that it listens: on its own loopback it does so for nobody."""
        run, task = self.runs.get(task_id), self._store.tasks.get(task_id)
        if run is None or task is None or run.stopping:
            return
        self._networks.standings.heard(task, host, port)
        if task.state is not TaskState.RUNNING or run.ready:
            return
        exposed = self._runtime.expose(task.spec.image)
        place = run.links.place
        wanted = {place.port(number) for number in exposed} | {number for _, number in place.ports}
        if wanted and port not in wanted:
            return
        if run.links.source and host == private_loopback(run.links.source):
            self.on_alone(task, port)
        if host not in (place.host, run.links.source):
            return
        run.ready = True
        self._networks.make_ready(task, place)
        self._store.put(task._replace(listens=True))
        self.on_ready(task)

    def stop_all(self, tasks: list[Task]) -> None:
        """The engine is stopping: the same way out for each of them, without waiting for who is served."""
        self._ending = True
        for run in self.runs.values():
            if isinstance(run.timer, Drain):
                run.timer.hurry()
        for task in tasks:
            self._stop(task)

    def kill_all(self) -> None:
        for run in self.runs.values():
            if run.container is not None:
                run.container.kill()

    def _changed(self, change: Change) -> None:
        task = change.object
        if isinstance(task, Node):
            self._try_again()
        if not isinstance(task, Task):
            return
        if change.kind is Kind.REMOVE:
            self._forget(task)
        elif task.state is TaskState.NEW:
            self._allocate(task)
        else:
            self._loop.call_soon(lambda: self._advance(task.id))
        if task.state.is_final:
            self._try_again()

    def _try_again(self) -> None:
        """Something has become free: what waits for it is looked at once more, the oldest first."""
        waiting, self._waiting = self._waiting, {}
        for task_id in waiting:
            task = self._store.tasks.get(task_id)
            if task is not None and task.state.rank <= TaskState.PENDING.rank:
                self._allocate(task)

    def _allocate(self, task: Task) -> None:
        """swarmkit's allocator and scheduler."""
        service = self._store.services.get(task.service_id)
        node = self._store.nodes.get(self._node_id)
        if service is None or not task.desired.wants_to_run:
            self._put(task, TaskState.SHUTDOWN)
            return
        why = hindrance(task, service, node, self._store.tasks.values()) if node else None
        if why is not None:
            self._waiting[task.id] = None
            if (task.state, task.error) != (TaskState.PENDING, why):
                self._put(task, TaskState.PENDING, error=why)
            return
        try:
            expose = self._runtime.expose(task.spec.image)
        except Rejected as error:
            self._put(task, TaskState.REJECTED, error=str(error))
            return
        try:
            links = self._networks.link(task, service, expose, direct=self.binds_ports(service))
        except NoAddress:
            self._waiting[task.id] = None
            return
        self.runs[task.id] = Run(links)
        task = task._replace(attachments=links.attachments, node_id=self._node_id)
        self._put(task, TaskState.ASSIGNED)

    def _advance(self, task_id: str) -> None:
        task = self._store.tasks.get(task_id)
        if task is None or task.state.is_final:
            return
        if not task.desired.wants_to_run:
            self._stop(task)
        elif task.state is TaskState.ASSIGNED:
            self._prepare(task)
        elif task.state is TaskState.READY and task.desired is DesiredState.RUNNING:
            self._start(task)

    def _prepare(self, task: Task) -> None:
        self._land(task)
        run, service = self.runs[task.id], self._store.services.get(task.service_id)
        if service is None:
            self._put(task, TaskState.SHUTDOWN)
            return
        try:
            run.container = self._runtime.prepare(task, service, run.links)
        except (Rejected, OSError) as error:
            self._put(task, TaskState.REJECTED, error=_words(error))
            return
        self._put(task._replace(container_id=run.container.id, mounts=run.container.mounts), TaskState.READY)

    def _land(self, task: Task) -> None:
        for name, address in self._networks.land(task):
            network = self._store.network(name)
            if network is not None:
                self._store.put(network._replace(endpoint=address))

    def _start(self, task: Task) -> None:
        run = self.runs[task.id]
        container = run.container
        assert container is not None
        try:
            self.hold_ports(task, container.id)
            container.start(lambda: self._networks.leave(task), lambda code: self._ended(task.id, code))
        except Failed as error:
            failed = task._replace(message=_MESSAGES[TaskState.STARTING], exit_code=error.exit_code)
            self._put(failed, TaskState.FAILED, error=str(error))
            return
        run.started = True
        container.on_oom = lambda: self._out_of_memory(task.id)
        if container.checked:
            container.on_health = lambda status: self._health(task.id, status)
            self._put(task._replace(pid=container.pid, health="starting"), TaskState.STARTING)
            return
        self._networks.enter(task, run.links, container.hostname, ready=not self._listening)
        mute = not self.has_port(task)
        listens = mute or not self._listening
        self._put(task._replace(pid=container.pid, listens=listens), TaskState.RUNNING)
        if mute:
            run.ready = True
            self.on_ready(task)

    def _out_of_memory(self, task_id: str) -> None:
        task = self._store.tasks.get(task_id)
        if task is not None:
            self._store.put(task._replace(oom=task.oom + 1))

    def _health(self, task_id: str, status: str) -> None:
        task, run = self._store.tasks.get(task_id), self.runs.get(task_id)
        if task is None or run is None or run.container is None or task.state.is_final:
            return
        task = task._replace(health=status)
        if status == "unhealthy":
            self._store.put(task)
            self._end(task, run)
            run.unhealthy = not run.stopping
        elif task.state is TaskState.STARTING and not run.stopping and not run.unhealthy:
            run.ready = True
            self._networks.enter(task, run.links, run.container.hostname, ready=True)
            self._put(task._replace(listens=True), TaskState.RUNNING)
            self.on_ready(task)
        else:
            self._store.put(task)

    def _stop(self, task: Task) -> None:
        run = self.runs.get(task.id)
        if run is None or not run.started:
            if not task.state.is_final:
                self._put(task, TaskState.SHUTDOWN)
            return
        if run.stopping:
            return
        self._end(task, run)
        run.stopping = True

    def _end(self, task: Task, run: Run) -> None:
        """Once: out of the rotation, the stop signal when nobody is served, the kill after the grace."""
        if run.stopping or run.unhealthy or run.container is None:
            return
        leave, tell = partial(self._networks.leave, task), partial(self._tell_to_stop, task, run)
        if run.ready and not self._ending:
            own = [] if self._networks.is_direct(task) else run.links.reached
            run.timer = Drain(self._loop, own, partial(self._is_replaced, task), leave, tell)
        else:
            leave()
            tell()

    def _is_replaced(self, task: Task) -> bool:
        """Whether no other task of its service is still on its way to listening."""
        return not any(
            other.desired is DesiredState.RUNNING and not other.listens
            for other in self._store.tasks_of(task.service_id)
            if other.id != task.id and not other.state.is_final
        )

    def _tell_to_stop(self, task: Task, run: Run) -> None:
        assert run.container is not None
        stop = run.container.ask if self._ending else run.container.stop
        stop(task.spec.stop_signal)
        run.timer = self._loop.call_later(task.spec.stop_grace_period, run.container.kill)

    def _ended(self, task_id: str, code: int) -> None:
        task, run = self._store.tasks.get(task_id), self.runs.get(task_id)
        if task is None or run is None:
            return
        run.calm()
        run.ready = False
        task = task._replace(exit_code=code)
        if run.stopping:
            self._put(task, TaskState.SHUTDOWN)
        elif code == 0:
            self._put(task, TaskState.COMPLETE)
        else:
            cause = f": {_UNHEALTHY}" if run.unhealthy else ""
            self._put(task, TaskState.FAILED, error=f"task: non-zero exit ({code}){cause}")

    def _put(self, task: Task, state: TaskState, error: str = "") -> None:
        """The next state; what is wanted of the task is the orchestrator's to say, and read anew."""
        known = self._store.tasks.get(task.id)
        if known is None:
            return
        if state.is_final:
            self._release(task)
        task = task._replace(
            desired=known.desired,
            desired_at=known.desired_at,
            state=state,
            message=_MESSAGES.get(state, task.message),
            error=error,
            timestamp=self._loop.time(),
            started_at=self._loop.time() if state is TaskState.RUNNING else task.started_at,
        )
        self._store.put(task)
        if state.is_final:
            self.on_end(self._store.tasks[task.id])

    def _release(self, task: Task) -> None:
        """Its addresses are for others, as swarmkit's allocator has it, while its record keeps them."""
        run = self.runs.get(task.id)
        if run is not None and not run.released:
            run.released = True
            self._networks.unlink(task)

    def _forget(self, task: Task) -> None:
        self._release(task)
        run = self.runs.pop(task.id, None)
        if run is None:
            return
        run.calm()
        if run.container is not None:
            run.container.remove()


def _words(error: Rejected | OSError) -> str:
    """What the machine refuses is told as Go tells it."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'prepare'}: {error.strerror.lower()}"
    return str(error)
