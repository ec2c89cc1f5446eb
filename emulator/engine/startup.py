"""From the first process to the ready line, or to the one failure that ends the start.

A service has succeeded when one of its tasks is ready (with no port to listen on: when it has run for a
while). Before that, a task that ends is the whole start's failure: no restart would help. After it the
restart policy rules.
"""

from __future__ import annotations

from collections.abc import Callable

from ..swarm.agent import Agent
from ..swarm.loop import Loop
from ..swarm.model import Service, Task, TaskState
from ..swarm.store import Store
from .console import Console

# How long a service without a port has to run, and how long any is given before its lines are shown.
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
        self._begun = self._over = False
        agent.on_ready = self._task_ready
        agent.on_end = self._task_ended

    def expect(self, service: Service) -> None:
        self._loop.call_later(_LONG_ENOUGH, lambda: self._console.release(service.name))

    def begin(self) -> None:
        """All services are there: from now on everything may be ready."""
        self._begun = True
        self._look()

    def _task_ready(self, task: Task) -> None:
        self._succeeded.add(task.service_id)
        self._console.release(task.service_name)
        self._look()

    def _task_ended(self, task: Task) -> None:
        if task.state is TaskState.SHUTDOWN:
            return
        if task.service_id in self._succeeded:
            self._console.note(_obituary(task))
        elif not self._over:
            self._over = True
            self._console.only(task)
            self._failed(_words(task))

    def _look(self) -> None:
        if self._over or not self._begun:
            return
        for service in self._store.services.values():
            tasks = [task for task in self._store.tasks_of(service.id) if self._agent.is_ready(task)]
            if len(tasks) < service.spec.replicas:
                return
        self._over = True
        self._ready()


def _words(task: Task) -> str:
    """Why the start failed, in one line."""
    if task.state is TaskState.REJECTED:
        return f"{task.label}: {task.error}"
    if "exec: " in task.error:
        reason = task.error[task.error.index("exec: ") :].removesuffix(": unknown")
        return f"{task.label}: {reason}"
    return f"{task.label} exited with code {task.exit_code} before it was ready; nothing was left running"


def _obituary(task: Task) -> str:
    if not task.exit_code:
        return f"{task.label} exited with code {task.exit_code}"
    killed = " (killed)" if task.exit_code == 137 else ""
    delay = task.spec.restart.delay
    after = f"; its successor starts in {delay:g} s" if task.spec.restart.condition != "none" else ""
    return f"{task.label} exited with code {task.exit_code}{killed}{after}"
