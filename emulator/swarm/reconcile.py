"""(service, its tasks, now) -> what to do at once, and when to look again.

Rules:
1. Level triggered and total: only facts are read, no event is remembered. A second pass over the
   applied first one finds nothing to do.
2. A task is never restarted. When it ends, it is wanted shut down, and by the restart policy a new
   task takes its slot: wanted ready at once, wanted running after the delay (swarmkit's restart supervisor).
3. A slot never has two tasks that are wanted running: a successor waits until its predecessor has ended.
4. A slot that the policy gives up stays as it is until the service itself changes.
5. A task that ends while it still waits for its start (no such image, say) is replaced when it would have
   started: every attempt takes its delay.
6. Every waiting is a time in a task; the earliest of them is the deadline.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from .model import HISTORY, DesiredState, Service, Task, TaskState


class Create(NamedTuple):
    """A new task in a slot, of the service's present template."""

    slot: int
    desired: DesiredState
    not_before: float
    restarts: tuple[float, ...] = ()


class Desire(NamedTuple):
    """Another desired state for a task."""

    task: Task
    state: DesiredState


class Remove(NamedTuple):
    """A task that is history no longer."""

    task: Task


Action = Create | Desire | Remove


class Plan(NamedTuple):
    """What to do, in this order, and the next time to look though nothing has happened."""

    actions: tuple[Action, ...] = ()
    deadline: float | None = None


class _Slot:
    """One numbered place with all its tasks, the oldest first."""

    __slots__ = ("number", "replaced", "tasks")

    def __init__(self, number: int) -> None:
        self.number = number
        self.tasks: list[Task] = []
        self.replaced = False

    @property
    def filled(self) -> bool:
        return self.replaced or any(task.is_up for task in self.tasks)

    @property
    def running(self) -> bool:
        return any(task.is_up and task.state is TaskState.RUNNING for task in self.tasks)

    @property
    def vacated(self) -> bool:
        """Nothing in it has a process any more."""
        return all(task.state.is_final for task in self.tasks)

    @property
    def given_up(self) -> bool:
        """Whether its last task ended and is not to be replaced."""
        last = self.tasks[-1]
        if last.desired.wants_to_run:
            return last.state.is_final
        return last.desired is DesiredState.SHUTDOWN and not restarts(last)


def reconcile(service: Service, tasks: Iterable[Task], now: float) -> Plan:
    """One pass over a replicated service."""
    slots = _by_slot(tasks)
    actions: list[Action] = []
    for slot in slots.values():
        actions += _replace_ended(service, slot, now)
    actions += _scale(service, slots, now)
    promotions, deadline = _promote(slots.values(), now)
    actions += promotions
    actions += _forget(slots.values())
    return Plan(tuple(actions), deadline)


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


def _by_slot(tasks: Iterable[Task]) -> dict[int, _Slot]:
    slots: dict[int, _Slot] = {}
    for task in sorted(tasks, key=lambda task: (task.slot, task.created_at, task.version)):
        slots.setdefault(task.slot, _Slot(task.slot)).tasks.append(task)
    return slots


def _replace_ended(service: Service, slot: _Slot, now: float) -> Iterable[Action]:
    for task in slot.tasks:
        if not (task.desired.wants_to_run and task.state.is_final) or task.not_before > now:
            continue
        yield Desire(task, DesiredState.SHUTDOWN)
        if restarts(task) and not slot.filled:
            slot.replaced = True
            start = max(now, max(task.timestamp, task.not_before) + task.spec.restart.delay)
            yield Create(slot.number, DesiredState.READY, start, _attempts(service, task, now))


def _attempts(service: Service, task: Task, now: float) -> tuple[float, ...]:
    """The attempts that the policy may still ask about; a new template starts afresh."""
    limit = task.spec.restart.max_attempts
    if not limit or task.spec != service.spec.task:
        return ()
    return (*task.restarts, now)[-limit:]


def _scale(service: Service, slots: dict[int, _Slot], now: float) -> Iterable[Action]:
    occupied = [slot for slot in slots.values() if slot.filled or slot.given_up]
    missing = service.spec.replicas - len(occupied)
    if missing < 0:
        yield from _remove(occupied, service.spec.replicas)
    taken = {slot.number for slot in occupied}
    number = 0
    while missing > 0:
        number += 1
        if number in taken:
            continue
        missing -= 1
        vacated = number not in slots or slots[number].vacated
        yield Create(number, DesiredState.RUNNING if vacated else DesiredState.READY, now)


def _remove(occupied: list[_Slot], keep: int) -> Iterable[Action]:
    """Docker's choice: slots that do not run go first, then the highest numbers."""
    for slot in sorted(occupied, key=lambda slot: (not slot.running, slot.number))[keep:]:
        for task in slot.tasks:
            if task.desired is not DesiredState.REMOVE:
                yield Desire(task, DesiredState.REMOVE)


def _promote(slots: Iterable[_Slot], now: float) -> tuple[list[Action], float | None]:
    """Let the waiting start whose time has come and whose predecessors have ended."""
    due: list[Action] = []
    waits: list[float] = []
    for slot in slots:
        for at, task in enumerate(slot.tasks):
            if task.desired is not DesiredState.READY:
                continue
            if task.not_before > now:
                waits.append(task.not_before)
            elif not task.state.is_final and all(earlier.state.is_final for earlier in slot.tasks[:at]):
                due.append(Desire(task, DesiredState.RUNNING))
    return due, min(waits, default=None)


def _forget(slots: Iterable[_Slot]) -> Iterable[Action]:
    """Tasks wanted removed that have ended, and what exceeds the history of a slot."""
    for slot in slots:
        present = len(slot.tasks) + slot.replaced
        for task in slot.tasks:
            ended = task.state.is_final and not task.desired.wants_to_run
            if ended and (task.desired is DesiredState.REMOVE or present > HISTORY):
                present -= 1
                yield Remove(task)
