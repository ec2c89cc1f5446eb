"""The order of an engine's end: who answers clients first, then whom they ask, each with its grace."""

from __future__ import annotations

from ..swarm.agent import Agent
from ..swarm.loop import Loop
from ..swarm.model import Task
from ..swarm.store import Store


class Ending:
    """Begun once; the loop stops when the last task has ended."""

    def __init__(self, store: Store, loop: Loop, agent: Agent) -> None:
        self._store, self._loop, self._agent = store, loop, agent
        self._ranks: list[set[str]] = []
        self.begun = False

    def begin(self) -> None:
        """Who answers clients goes first, so that nobody asks who is already gone."""
        self.begun = True
        tasks = self._alive()
        fronts = {task.id for task in tasks if self._publishes(task)}
        self._ranks = [fronts, {task.id for task in tasks} - fronts]
        self._store.watch(lambda change: self._loop.call_soon(self._go_on))
        grace = max((task.spec.stop_grace_period for task in tasks), default=0.0)
        self._loop.call_later(grace, self._agent.kill_all)
        self._loop.call_later(grace / 2, lambda: self._agent.stop_all(self._alive()))
        self._go_on()

    def _go_on(self) -> None:
        """The next rank when the one before has ended; the loop's end after the last."""
        alive = self._alive()
        while self._ranks:
            waiting = [task for task in alive if task.id in self._ranks[0]]
            if waiting:
                self._agent.stop_all(waiting)
                return
            self._ranks.pop(0)
        if not alive:
            self._loop.stop()

    def _publishes(self, task: Task) -> bool:
        service = self._store.services.get(task.service_id)
        return service is not None and bool(service.ports)

    def _alive(self) -> list[Task]:
        return [task for task in self._store.tasks.values() if not task.state.is_final]
