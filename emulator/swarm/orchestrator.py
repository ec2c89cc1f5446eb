"""Wakes on an event or a deadline, reconciles what changed, and applies the plan as one transaction."""

from __future__ import annotations

from collections.abc import Callable

from .loop import Loop, Timer
from .model import Object, Service, Task
from .reconcile import Create, Desire, Plan, Remove, reconcile
from .store import Change, Store


class Orchestrator:
    """One for all services; a pass runs at the end of the turn in which something changed."""

    def __init__(self, store: Store, loop: Loop, new_id: Callable[[], str]) -> None:
        self._store, self._loop, self._new_id = store, loop, new_id
        self._dirty: dict[str, None] = {}
        self._deadlines: dict[str, Timer] = {}
        self._frozen = False
        store.watch(self._changed)

    def freeze(self) -> None:
        """From now on tasks end without successors: the engine itself is stopping."""
        self._frozen = True

    def _changed(self, change: Change) -> None:
        if isinstance(change.object, Service):
            self._mark(change.object.id)
        elif isinstance(change.object, Task):
            self._mark(change.object.service_id)

    def _mark(self, service_id: str) -> None:
        if not self._dirty and not self._frozen:
            self._loop.call_soon(self._pass)
        self._dirty[service_id] = None

    def _pass(self) -> None:
        dirty, self._dirty = self._dirty, {}
        for service_id in dirty:
            service = self._store.services.get(service_id)
            if service is not None and not self._frozen:
                plan = reconcile(service, self._store.tasks_of(service_id), self._loop.time())
                self._wake_at(service_id, plan.deadline)
                self._apply(service, plan)

    def _wake_at(self, service_id: str, deadline: float | None) -> None:
        known = self._deadlines.pop(service_id, None)
        if known is not None:
            known.cancel()
        if deadline is not None:
            self._deadlines[service_id] = self._loop.call_at(deadline, lambda: self._mark(service_id))

    def _apply(self, service: Service, plan: Plan) -> None:
        changed: dict[str, Object] = {}
        for action in plan.actions:
            if isinstance(action, Create):
                task = self._task(service, action)
                changed[task.id] = task
            elif isinstance(action, Desire):
                task = self._store.tasks[action.task.id]
                changed[task.id] = task._replace(desired=action.state, desired_at=self._loop.time())
        removed = [action.task for action in plan.actions if isinstance(action, Remove)]
        for gone in removed:
            changed.pop(gone.id, None)
        if changed:
            self._store.put(*changed.values())
        if removed:
            self._store.remove(*removed)

    def _task(self, service: Service, action: Create) -> Task:
        now = self._loop.time()
        return Task(
            id=self._new_id(),
            service_id=service.id,
            service_name=service.name,
            slot=action.slot,
            spec=service.spec.task,
            desired=action.desired,
            desired_at=now,
            spec_version=service.spec_version,
            endpoint=service.spec.endpoint,
            created_at=now,
            timestamp=now,
            not_before=action.not_before,
            restarts=action.restarts,
        )
