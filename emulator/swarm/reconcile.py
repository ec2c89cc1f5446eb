"""(service, its tasks, now) -> what to do at once, and when to look again.

Rules:
1. Level triggered and total: only facts are read, no event is remembered. A second pass over the
   applied first one finds nothing to do, unless the first one has changed the service itself.
2. A task is never restarted. When it ends, it is wanted shut down, and by the restart policy a new
   task takes its slot: wanted ready at once, wanted running after the delay (swarmkit's restart supervisor).
3. A slot never has two tasks of the present template that are wanted, and none starts while one of its slot
   is being stopped.
4. A slot that the policy gives up counts as one of the replicas, until an update or a scaling reaches it.
5. A task that ends while it still waits for its start (no such image, say) is replaced when it would have
   started: every attempt takes its delay.
6. Every waiting is a time in a task or in the service; the earliest of them is the deadline.
7. Of a change that only counts replicas nothing that runs is touched; all else is `updates`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .constraints import satisfied
from .model import HISTORY, DesiredState, Node, Service, Task
from .plan import Action, Create, Desire, Plan, Remove
from .slots import Slot, attempts, by_number, is_dirty, restarts
from .updates import Update

# What a start that comes to nothing takes at least: without any delay it would be tried without end.
_IN_VAIN = 0.25


def reconcile(service: Service, tasks: Iterable[Task], now: float, node: Node | None = None) -> Plan:
    """One pass over one service; without a node there is one that takes everything."""
    slots = by_number(tasks)
    actions: list[Action] = []
    for slot in slots.values():
        actions += _leave_drained(slot, service, now, node)
        actions += _replace_ended(service, slot, now)
    actions += _fit(service, slots, now, node)
    update = Update(service, _staying(service, slots, node), now, node).step()
    actions += update.actions
    if update.whole:
        return Plan(tuple(actions))
    promotions, deadline = _promote(slots.values(), now)
    actions += promotions
    actions += _forget(service, slots.values())
    waits = [at for at in (deadline, update.deadline) if at is not None]
    return Plan(tuple(actions), min(waits, default=None))


def disband(tasks: Iterable[Task]) -> Plan:
    """A pass over the tasks of a service that is gone: each goes when it has ended."""
    actions: list[Action] = []
    for task in tasks:
        if task.desired is not DesiredState.REMOVE:
            actions.append(Desire(task, DesiredState.REMOVE))
        if task.state.is_final:
            actions.append(Remove(task))
    return Plan(tuple(actions))


def _replace_ended(service: Service, slot: Slot, now: float) -> Iterator[Action]:
    for task in [task for task in slot.wanted if task.state.is_final and task.not_before <= now]:
        slot.wanted.remove(task)
        yield Desire(task, DesiredState.SHUTDOWN)
        if restarts(task) and not _is_covered(service, slot, task):
            delay = max(task.spec.restart.delay, 0.0 if task.started_at else _IN_VAIN)
            start = max(now, max(task.timestamp, task.not_before) + delay)
            slot.fresh = Create(slot.number, DesiredState.READY, start, attempts(service, task, now))
            yield slot.fresh


def _is_covered(service: Service, slot: Slot, ended: Task) -> bool:
    """Whether the slot needs nobody in this task's place: a successor is there, or it was one of two old."""
    if slot.fresh is not None:
        return True
    if is_dirty(ended, service):
        return bool(slot.wanted)
    return any(not is_dirty(task, service) for task in slot.wanted)


def _leave_drained(slot: Slot, service: Service, now: float, node: Node | None) -> Iterator[Action]:
    """Tasks of a drained node go elsewhere, without a delay: here that is nowhere."""
    if node is None or node.availability != "drain":
        return
    leaving = [task for task in slot.wanted if task.node_id and not task.state.is_final]
    for task in leaving:
        slot.wanted.remove(task)
        yield Desire(task, DesiredState.SHUTDOWN)
    if leaving and service.spec.mode == "replicated" and not slot.is_filled and restarts(leaving[-1]):
        slot.fresh = Create(slot.number, DesiredState.READY, now, attempts(service, leaving[-1], now))
        yield slot.fresh


def _fit(service: Service, slots: dict[int, Slot], now: float, node: Node | None) -> Iterator[Action]:
    """As many slots as there are to be; those beyond go with all their tasks."""
    if service.spec.mode == "global":
        return _everywhere(service, slots, now, node)
    return _scale(service, slots, now)


def _everywhere(service: Service, slots: dict[int, Slot], now: float, node: Node | None) -> Iterator[Action]:
    """One task on the node, if it may have one (swarmkit's global orchestrator)."""
    slot = slots.get(0)
    if node is not None and not _takes(service, node):
        for task in slot.wanted if slot else ():
            yield Desire(task, DesiredState.SHUTDOWN)
        if slot:
            slot.keep(())
        return
    if node is not None and node.availability == "pause":
        return
    if slot is None or not slot.counts(service):
        yield _add(slots, 0, now)


def _takes(service: Service, node: Node) -> bool:
    return node.availability != "drain" and satisfied(service.spec.task.placement.constraints, node)


def _scale(service: Service, slots: dict[int, Slot], now: float) -> Iterator[Action]:
    occupied = [slot for slot in slots.values() if slot.counts(service)]
    missing = service.spec.replicas - len(occupied)
    if missing < 0:
        yield from _remove(occupied, service.spec.replicas)
    taken = {slot.number for slot in occupied}
    number = 0
    while missing > 0:
        number += 1
        if number not in taken:
            missing -= 1
            yield _add(slots, number, now)


def _add(slots: dict[int, Slot], number: int, now: float) -> Action:
    slot = slots.get(number) or Slot(number)
    slots[number] = slot
    slot.fresh = Create(number, DesiredState.RUNNING if slot.is_vacated else DesiredState.READY, now)
    return slot.fresh


def _remove(occupied: list[Slot], keep: int) -> Iterator[Action]:
    """Docker's choice: slots with two tasks go first, then those that do not run, then the highest."""

    def worth(slot: Slot) -> tuple[bool, bool, int]:
        return len(slot.wanted) > 1, not slot.is_running, slot.number

    for slot in sorted(occupied, key=worth)[keep:]:
        slot.leaves = True
        slot.keep(())
        for task in slot.tasks:
            if task.desired is not DesiredState.REMOVE:
                yield Desire(task, DesiredState.REMOVE)


def _staying(service: Service, slots: dict[int, Slot], node: Node | None) -> list[Slot]:
    """What an update may touch."""
    if service.spec.mode == "global" and node is not None and node.availability == "pause":
        return []
    return [slot for slot in slots.values() if slot.counts(service)]


def _promote(slots: Iterable[Slot], now: float) -> tuple[list[Action], float | None]:
    """Let the waiting start whose time has come, when nothing of their slot is being stopped."""
    due: list[Action] = []
    waits: list[float] = []
    for slot in slots:
        for task in slot.wanted:
            if task.desired is not DesiredState.READY:
                continue
            if task.not_before > now:
                waits.append(task.not_before)
            elif not task.state.is_final and _is_clear(slot):
                due.append(Desire(task, DesiredState.RUNNING))
    return due, min(waits, default=None)


def _is_clear(slot: Slot) -> bool:
    return all(task.state.is_final or task in slot.wanted for task in slot.tasks)


def _forget(service: Service, slots: Iterable[Slot]) -> Iterator[Action]:
    """Tasks wanted removed that have ended, and what exceeds the history of a slot.

    What an update has made is kept until its end: its failures are counted.
    """
    status = service.update_status
    counted = status.started_at if status and status.state.is_under_way else None
    for slot in slots:
        present = len(slot.tasks) + (slot.fresh is not None)
        for task in slot.tasks:
            ended = task.state.is_final and not task.desired.wants_to_run
            excess = present > HISTORY and task.of_update != counted
            if ended and (task.desired is DesiredState.REMOVE or excess):
                present -= 1
                yield Remove(task)
