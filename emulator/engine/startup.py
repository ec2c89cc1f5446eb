"""From the first process to the ready line, or to the one failure that ends the start.

A service has succeeded when one of its tasks is ready or, without a port, has run for a while or ended
well. Before that, a task that ends is the whole start's failure: no restart would help. After it the
restart policy rules. A task that listens where only its own container reaches it has done what it was
told: the start goes on, with a word about it.
"""

from __future__ import annotations

from collections.abc import Callable

from ..swarm.agent import Agent
from ..swarm.loop import Loop
from ..swarm.model import Service, Task, TaskState
from ..swarm.slots import restarts
from ..swarm.store import Store
from .console import Console

# How long a task without a port has to run, and how long any service's lines are held back.
_LONG_ENOUGH = 1.0


class Startup:
    """Watches the agent until everything is ready once."""

    def __init__(
        self,
        store: Store,
        loop: Loop,
        agent: Agent,
        console: Console,
        ready: Callable[[], None],
        failed: Callable[[str], None],
    ) -> None:
        self._store, self._loop, self._agent, self._console = store, loop, agent, console
        self._ready, self._failed = ready, failed
        self._succeeded: set[str] = set()
        self._expected: set[str] = set()
        self._alone: dict[str, str] = {}
        self._begun = self._over = self._broken = False
        self._later: list[Callable[[], None]] = []
        agent.on_ready = self._task_ready
        agent.on_alone = self._task_alone
        agent.on_end = self._task_ended

    def expect(self, service: Service) -> None:
        """One that the start waits for; whatever else there is may come to nothing."""
        self._expected.add(service.id)
        self._loop.call_later(_LONG_ENOUGH, lambda: self._console.release(service.name))

    def expects(self, service_id: str) -> bool:
        return service_id in self._expected

    def later(self, create: Callable[[], None]) -> None:
        """What is to come when everything else answers."""
        self._later.append(create)

    def begin(self) -> None:
        """All services are there: from now on everything may be ready."""
        self._begun = True
        self._look()

    def _task_ready(self, task: Task) -> None:
        if self._agent.has_port(task):
            self._succeed(task)
        else:
            self._loop.call_later(_LONG_ENOUGH, lambda: self._succeed(task))
        self._look()

    def _succeed(self, task: Task) -> None:
        self._succeeded.add(task.service_id)
        self._console.release(task.service_name)

    def _task_alone(self, task: Task, port: int) -> None:
        if task.service_id not in self._alone.values():
            self._console.note(
                f"{task.label} listens on 127.0.0.1:{port}: as in a container, nobody else reaches it there "
                f"(0.0.0.0:{port} would be right)"
            )
        self._alone[task.id] = task.service_id
        self._task_ready(task)

    def _task_ended(self, task: Task) -> None:
        if task.state is TaskState.SHUTDOWN:
            return
        if task.state is TaskState.COMPLETE and not self._agent.has_port(task):
            self._succeed(task)
            self._look()
        if task.service_id in self._succeeded or not self.expects(task.service_id):
            self._console.note(_obituary(task))
        elif not self._broken:
            self._over = self._broken = True
            self._console.only(task)
            self._failed(_words(task))

    def _look(self) -> None:
        if self._over or not self._begun:
            return
        for service in self._services():
            answering = [task for task in self._store.tasks_of(service.id) if self._answers(task)]
            if len(answering) < service.spec.replicas:
                return
        if self._later:
            later, self._later = self._later, []
            for create in later:
                create()
            self._look()
            return
        self._over = True
        self._ready()

    def _services(self) -> list[Service]:
        return [service for service in self._store.services.values() if self.expects(service.id)]

    def _answers(self, task: Task) -> bool:
        if task.state.is_final:
            return task.state is TaskState.COMPLETE and not self._agent.has_port(task)
        return self._agent.is_ready(task) or task.id in self._alone


def _words(task: Task) -> str:
    """Why the start failed, in one line."""
    if task.state is TaskState.REJECTED:
        return f"{task.label}: {task.error}"
    if "exec: " in task.error:
        reason = task.error[task.error.index("exec: ") :].removesuffix(": unknown")
        return f"{task.label}: {reason}"
    return f"{task.label} exited with code {task.exit_code} before it was ready; nothing was left running"


def _obituary(task: Task) -> str:
    killed = " (killed)" if task.exit_code == 137 else ""
    after = f"; its successor starts in {task.spec.restart.delay:g} s" if restarts(task) else ""
    return f"{task.label} exited with code {task.exit_code}{killed}{after}"
