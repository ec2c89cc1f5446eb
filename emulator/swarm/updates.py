"""A rolling update, level triggered: what swarmkit's updater keeps in its head is read from the tasks.

Rules:
1. A slot is dirty when a wanted task of it is of another template, or when it has more than one.
2. Without a status and with a dirty slot an update begins; with one that is under way it goes on.
3. `parallelism` slots are under way at a time. One is until the task that the update made for it runs or
   has ended, and `delay` longer. Lower slots go first.
4. stop-first: the old is wanted shut down when the new is made, which starts when the old has ended.
   start-first: the old is wanted shut down when the new one runs.
5. A task that the update made and that ends before it has run for `monitor` is a failure; more of them
   than `max_failure_ratio` of the slots that were dirty pause the update or roll it back.
6. When all slots are through and `monitor` has passed, the update is complete.
7. Of a paused update only those slots are finished that had been begun.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from ..settings import UpdateConfig
from .model import DesiredState, Node, Service, Task, TaskState, UpdateState, UpdateStatus
from .plan import Action, Amend, Create, Desire
from .slots import Slot, is_dirty

_FAILED = (TaskState.COMPLETE, TaskState.FAILED, TaskState.REJECTED, TaskState.ORPHANED)


class Step(NamedTuple):
    """What an update asks for now; `whole` is alone in its pass, as it changes what all else rests on."""

    actions: tuple[Action, ...] = ()
    deadline: float | None = None
    whole: bool = False


class Update:
    """One pass of one service's update over the slots that stay."""

    def __init__(self, service: Service, slots: list[Slot], now: float, node: Node | None) -> None:
        self._service, self._slots, self._now, self._node = service, slots, now, node
        self._status = service.update_status

    def step(self) -> Step:
        status = self._status
        if status is None:
            return self._begin()
        if not status.state.is_under_way:
            return Step(tuple(self._finish_begun()))
        dirty = [slot for slot in self._slots if self._is_dirty(slot)]
        if status.slots == 0 and dirty:
            return self._amend(status._replace(slots=len(dirty)))
        verdict = self._judge(status)
        return verdict or self._go_on(status, dirty)

    def _begin(self) -> Step:
        dirty = sum(map(self._is_dirty, self._slots))
        if not dirty:
            return Step()
        return self._amend(UpdateStatus(UpdateState.UPDATING, "update in progress", self._now, slots=dirty))

    def _go_on(self, status: UpdateStatus, dirty: list[Slot]) -> Step:
        config = self._config(status)
        busy = ((slot.number, self._busy_until(slot, config)) for slot in self._slots)
        ends = {number: end for number, end in busy if end is not None}
        free = (config.parallelism or len(self._slots)) - sum(end > self._now for end in ends.values())
        start_first = config.order == "start-first"
        waiting = [slot for slot in dirty if slot.number not in ends]
        actions = list(self._finish_begun())
        begins = [slot for slot in waiting if not (start_first and self._has_clean(slot))]
        for slot in begins[: max(free, 0)]:
            actions += self._replace(slot, config, status)
        if waiting:
            return Step(tuple(actions), _soonest(ends.values(), self._now))
        through = max(ends.values(), default=None)
        done = self._now if through is None else through + config.monitor
        if done > self._now:
            return Step(tuple(actions), None if done == float("inf") else done)
        return self._complete(status)

    def _judge(self, status: UpdateStatus) -> Step | None:
        """The failure action, if there were too many failures."""
        config = self._config(status)
        if config.failure_action == "continue":
            return None
        failed = [task for slot in self._slots for task in self._made(slot) if _failed(task, config.monitor)]
        if not failed or len(failed) / max(status.slots, 1) <= config.max_failure_ratio:
            return None
        last = max(failed, key=lambda task: (task.timestamp, task.version))
        return self._act(status, config, f"due to failure or early termination of task {last.id}")

    def _act(self, status: UpdateStatus, config: UpdateConfig, why: str) -> Step:
        if status.state.is_rollback:
            how = "rollback" if config.failure_action == "rollback" else "update"
            return self._amend(
                status._replace(state=UpdateState.ROLLBACK_PAUSED, message=f"{how} paused {why}")
            )
        if config.failure_action == "rollback" and self._service.previous_spec is not None:
            rolled_back = _rolled_back(self._service, status, f"update rolled back {why}")
            return Step((Amend(rolled_back),), whole=True)
        return self._amend(status._replace(state=UpdateState.PAUSED, message=f"update paused {why}"))

    def _complete(self, status: UpdateStatus) -> Step:
        if status.state.is_rollback:
            state, message = UpdateState.ROLLBACK_COMPLETED, "rollback completed"
        else:
            state, message = UpdateState.COMPLETED, "update completed"
        return self._amend(status._replace(state=state, message=message, completed_at=self._now))

    def _amend(self, status: UpdateStatus) -> Step:
        return Step((Amend(self._service._replace(update_status=status)),), whole=True)

    def _config(self, status: UpdateStatus) -> UpdateConfig:
        spec = self._service.spec
        return spec.rollback_config if status.state.is_rollback else spec.update_config

    def _is_dirty(self, slot: Slot) -> bool:
        """A slot that was given up is dirty by its last task."""
        if slot.fresh is not None:
            return False
        tasks = slot.wanted or slot.tasks[-1:]
        return len(tasks) > 1 or is_dirty(tasks[0], self._service, self._node)

    def _has_clean(self, slot: Slot) -> bool:
        return any(not is_dirty(task, self._service, self._node) for task in slot.wanted)

    def _made(self, slot: Slot) -> Iterator[Task]:
        """The tasks that this very update has made in a slot, the latest first."""
        status, version = self._status, self._service.spec_version
        if status is not None:
            for task in reversed(slot.tasks):
                if task.of_update == status.started_at and task.spec_version == version:
                    yield task

    def _busy_until(self, slot: Slot, config: UpdateConfig) -> float | None:
        """When the slot lets the next one begin; None: it has not been begun."""
        task = next(self._made(slot), None)
        if task is None:
            return None
        if task.started_at or task.state.is_final:
            return (task.started_at or task.timestamp) + config.delay
        if not task.desired.wants_to_run:
            return task.desired_at + config.delay
        return float("inf")

    def _replace(self, slot: Slot, config: UpdateConfig, status: UpdateStatus) -> Iterator[Action]:
        """swarmkit's worker: the old of a slot for the new, or for the new that is there already."""
        clean = [task for task in slot.wanted if not is_dirty(task, self._service, self._node)]
        if clean:
            yield from _keep(slot, clean[-1])
            return
        start_first = config.order == "start-first"
        if not start_first:
            yield from _keep(slot, None)
        desired = DesiredState.RUNNING if start_first or slot.is_vacated else DesiredState.READY
        slot.fresh = Create(slot.number, desired, self._now, of_update=status.started_at)
        yield slot.fresh

    def _finish_begun(self) -> Iterator[Action]:
        """Where a new task runs beside an old one, the old one goes."""
        paused = self._status is not None and self._status.state.is_paused
        for slot in self._slots:
            if len(slot.wanted) < 2:
                continue
            for task in reversed(slot.wanted):
                running = task.state is TaskState.RUNNING and (task.of_update or not paused)
                if running and not is_dirty(task, self._service, self._node):
                    yield from _keep(slot, task)
                    break


def _keep(slot: Slot, chosen: Task | None) -> Iterator[Action]:
    for task in slot.wanted:
        if task is not chosen:
            yield Desire(task, DesiredState.SHUTDOWN)
    slot.keep([chosen] if chosen else [])


def _failed(task: Task, monitor: float) -> bool:
    early = not task.started_at or task.timestamp - task.started_at <= monitor
    return task.state in _FAILED and early


def _soonest(times: Iterable[float], now: float) -> float | None:
    return min((time for time in times if now < time < float("inf")), default=None)


def _rolled_back(service: Service, status: UpdateStatus, message: str) -> Service:
    """As swarmkit's rollbackUpdate: what was rolled back from is forgotten."""
    assert service.previous_spec is not None
    return service._replace(
        spec=service.previous_spec,
        spec_version=service.previous_spec_version,
        previous_spec=None,
        previous_spec_version=0,
        update_status=status._replace(state=UpdateState.ROLLBACK_STARTED, message=message, slots=0),
    )
