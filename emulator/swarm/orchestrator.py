"""Wakes on an event or a deadline, reconciles what changed, and applies the plan as one transaction."""

from __future__ import annotations

from collections.abc import Callable

from .loop import Loop, Timer
from .model import Node, Object, Service, Task
from .plan import Amend, Create, Desire, Plan, Remove
from .reconcile import disband, reconcile
from .store import Change, Store


class Orchestrator:
    """One for all services; a pass runs at the end of the turn in which something changed.

    `refit` gives a service that is rolled back the ports and addresses of its other spec.
    """

    def __init__(self, store: Store, loop: Loop, new_id: Callable[[], str]) -> None:
        self._store, self._loop, self._new_id = store, loop, new_id
        self.refit: Callable[[Service], Service] = lambda service: service
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
        elif isinstance(change.object, Node):
            for service_id in self._store.services:
                self._mark(service_id)

    def _mark(self, service_id: str) -> None:
        if not self._dirty and not self._frozen:
            self._loop.call_soon(self._pass)
        self._dirty[service_id] = None

    def _pass(self) -> None:
        dirty, self._dirty = self._dirty, {}
        for service_id in () if self._frozen else dirty:
            plan = self._plan(service_id)
            self._wake_at(service_id, plan.deadline)
            self._apply(service_id, plan)

    def _plan(self, service_id: str) -> Plan:
        service, tasks = self._store.services.get(service_id), self._store.tasks_of(service_id)
        if service is None:
            return disband(tasks)
        return reconcile(service, tasks, self._loop.time(), self._node)

    @property
    def _node(self) -> Node | None:
        return next(iter(self._store.nodes.values()), None)

    def _wake_at(self, service_id: str, deadline: float | None) -> None:
        known = self._deadlines.pop(service_id, None)
        if known is not None:
            known.cancel()
        if deadline is not None:
            self._deadlines[service_id] = self._loop.call_at(deadline, lambda: self._mark(service_id))

    def _apply(self, service_id: str, plan: Plan) -> None:
        service = self._store.services.get(service_id)
        changed: dict[str, Object] = {}
        for action in plan.actions:
            if isinstance(action, Create) and service is not None:
                task = self._task(service, action)
                changed[task.id] = task
            elif isinstance(action, Desire):
                known = self._store.tasks[action.task.id]
                changed[known.id] = known._replace(desired=action.state, desired_at=self._loop.time())
            elif isinstance(action, Amend):
                changed[service_id] = self._amended(service, action.service)
        removed = [action.task for action in plan.actions if isinstance(action, Remove)]
        for gone in removed:
            changed.pop(gone.id, None)
        if changed:
            self._store.put(*changed.values())
        if removed:
            self._store.remove(*removed)

    def _amended(self, service: Service | None, amended: Service) -> Service:
        if service is None or service.spec == amended.spec:
            return amended
        return self.refit(amended)

    def _task(self, service: Service, action: Create) -> Task:
        now, node = self._loop.time(), self._node
        everywhere = service.spec.mode == "global" and node is not None
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
            of_update=action.of_update,
            node_id=node.id if everywhere and node is not None else "",
        )
