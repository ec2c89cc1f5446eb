"""A service's slots as a pass sees them: all tasks of a number, and what the pass has decided about them.

A global service has one slot for each node; here that is number 0.
"""

from __future__ import annotations

from collections.abc import Iterable

from .constraints import satisfied
from .model import DesiredState, Node, Service, Task, TaskState, UpdateState
from .plan import Create


class Slot:
    """One place with all its tasks, the oldest first; `wanted` are those that are to run, now or later."""

    __slots__ = ("fresh", "leaves", "number", "tasks", "wanted")

    def __init__(self, number: int) -> None:
        self.number = number
        self.tasks: list[Task] = []
        self.wanted: list[Task] = []
        self.fresh: Create | None = None
        self.leaves = False

    @property
    def is_filled(self) -> bool:
        return self.fresh is not None or bool(self.wanted)

    @property
    def is_running(self) -> bool:
        return any(task.state is TaskState.RUNNING for task in self.wanted)

    @property
    def is_vacated(self) -> bool:
        """Nothing in it has a process any more."""
        return all(task.state.is_final for task in self.tasks)

    def counts(self, service: Service) -> bool:
        """Whether it is one of the replicas (swarmkit's UpdatableTasksInSlot)."""
        return not self.leaves and (self.is_filled or self._is_given_up(service))

    def _is_given_up(self, service: Service) -> bool:
        """Whether its last task ended and is not to be replaced; a rollback gives up only what it began."""
        last = self.tasks[-1] if self.tasks else None
        if last is None or last.desired is DesiredState.REMOVE or last in self.wanted:
            return False
        status = service.update_status
        if status is not None and status.state is UpdateState.ROLLBACK_STARTED:
            present = last.spec_version == service.spec_version
            return present and last.created_at >= status.started_at and not restarts(last)
        return not restarts(last)

    def keep(self, left: Iterable[Task]) -> None:
        """Only these are still wanted."""
        self.wanted = list(left)


def by_number(tasks: Iterable[Task]) -> dict[int, Slot]:
    slots: dict[int, Slot] = {}
    for task in sorted(tasks, key=lambda task: (task.slot, task.created_at, task.version)):
        slot = slots.get(task.slot)
        if slot is None:
            slot = slots[task.slot] = Slot(task.slot)
        slot.tasks.append(task)
        if task.desired.wants_to_run:
            slot.wanted.append(task)
    return slots


def is_dirty(task: Task, service: Service, node: Node | None = None) -> bool:
    """Whether a task is of another template than its service's present one (swarmkit's IsTaskDirty)."""
    if task.spec_version == service.spec_version:
        return False
    wanted = service.spec.task
    if task.spec == wanted:
        return task.endpoint is not None and task.endpoint != service.spec.endpoint
    if task.spec.placement == wanted.placement or task.spec._replace(placement=wanted.placement) != wanted:
        return True
    return node is not None and not satisfied(wanted.placement.constraints, node)


def restarts(task: Task) -> bool:
    """Whether the restart policy wants a successor of a task that has ended (swarmkit's shouldRestart)."""
    policy = task.spec.restart
    if policy.condition == "none":
        return False
    if policy.condition == "on-failure" and task.state is TaskState.COMPLETE:
        return False
    if not policy.max_attempts:
        return True
    since = task.timestamp - policy.window if policy.window else float("-inf")
    return sum(1 for attempt in task.restarts if attempt > since) < policy.max_attempts


def attempts(service: Service, task: Task, now: float) -> tuple[float, ...]:
    """The attempts that a successor's policy may ask about; under a new spec they are counted afresh."""
    limit = service.spec.task.restart.max_attempts
    if not limit:
        return ()
    before = task.restarts if task.spec_version == service.spec_version else ()
    return (*before, now)[-limit:]
