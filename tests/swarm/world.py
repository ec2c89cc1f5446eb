"""One service in a world of its own: a clock that jumps, an agent that takes its time, and fates."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from emulator.settings import RestartPolicy, UpdateConfig
from emulator.swarm.model import (
    HISTORY,
    DesiredState,
    Node,
    Service,
    ServiceSpec,
    Task,
    TaskSpec,
    TaskState,
    UpdateState,
    UpdateStatus,
)
from emulator.swarm.plan import Action, Amend, Create, Desire, Plan
from emulator.swarm.reconcile import reconcile


class Fate(NamedTuple):
    """What becomes of a template's tasks: how long they take to run, when they die, how they end."""

    starts: float = 0.25
    dies: float | None = None
    runs: bool = True
    end: TaskState = TaskState.FAILED
    rejected: bool = False


GOOD = Fate()
STILLBORN = Fate(runs=False)
CRASHING = Fate(dies=1.0)
REJECTED = Fate(rejected=True)


class World:
    """Time passes only in `run`; between two instants every pass has been made."""

    def __init__(
        self,
        replicas: int,
        policy: RestartPolicy | None = None,
        update: UpdateConfig | None = None,
        rollback: UpdateConfig | None = None,
        *,
        mode: str = "replicated",
        node: Node | None = None,
        stopping: float = 0.5,
    ) -> None:
        task = TaskSpec("app", restart_policy=policy)
        spec = ServiceSpec("webapp", task, replicas, mode=mode, update=update, rollback=rollback)
        self.service = Service("s", spec, version=1)
        self.tasks: dict[str, Task] = {}
        self.fates: dict[int, Fate] = {}
        self.node = node
        self.now = 1000.0
        self.made = 0
        self.starts: list[tuple[int, float]] = []
        self.lowest = 0
        self._stopping = stopping
        self._ahead: dict[str, tuple[float, TaskState]] = {}

    def pass_(self) -> Plan:
        plan = reconcile(self.service, self.tasks.values(), self.now, self.node)
        for action in plan.actions:
            self._apply(action)
        return plan

    def _apply(self, action: Action) -> None:
        if isinstance(action, Create):
            self._create(action)
        elif isinstance(action, Desire):
            known = self.tasks[action.task.id]
            self.tasks[known.id] = known._replace(desired=action.state, desired_at=self.now)
        elif isinstance(action, Amend):
            self.service = action.service._replace(version=self.service.version + 1)
        else:
            del self.tasks[action.task.id]

    def _create(self, action: Create) -> None:
        self.made += 1
        self.tasks[f"t{self.made}"] = Task(
            f"t{self.made}",
            "s",
            "webapp",
            action.slot,
            self.service.spec.task,
            action.desired,
            version=self.made,
            desired_at=self.now,
            created_at=self.now,
            timestamp=self.now,
            not_before=action.not_before,
            restarts=action.restarts,
            of_update=action.of_update,
            spec_version=self.service.spec_version,
            endpoint=self.service.spec.endpoint,
            node_id="n1" if self.service.spec.mode == "global" else "",
        )

    def settle(self) -> float | None:
        """Passes until nothing is left to do, the invariants after each; the deadline of the last."""
        self._instruct()
        for _ in range(50):
            plan = self.pass_()
            self.check()
            if not plan.actions:
                self._check_history()
                return plan.deadline
            self._instruct()
        raise AssertionError("it does not settle")

    def _instruct(self) -> None:
        """The agent hears what is wanted; what takes no time has been done."""
        for task in list(self.tasks.values()):
            if task.state.is_final:
                continue
            if not task.desired.wants_to_run:
                self._stop(task)
            elif task.state is TaskState.NEW and self._takes():
                self.set(task, TaskState.REJECTED if self.fate(task).rejected else TaskState.READY)
        for task in list(self.tasks.values()):
            if task.state is TaskState.READY and task.desired is DesiredState.RUNNING:
                self._start(task)

    def _takes(self) -> bool:
        return self.node is None or self.node.availability == "active"

    def _stop(self, task: Task) -> None:
        if task.state is TaskState.RUNNING:
            if self._ahead.get(task.id, (0.0, TaskState.NEW))[1] is not TaskState.SHUTDOWN:
                self._ahead[task.id] = (self.now + self._stopping, TaskState.SHUTDOWN)
        else:
            self._ahead.pop(task.id, None)
            self.set(task, TaskState.SHUTDOWN)

    def _start(self, task: Task) -> None:
        assert self.now >= task.not_before, "started before its delay was over"
        fate = self.fate(task)
        self.starts.append((task.slot, self.now))
        self.set(task, TaskState.STARTING)
        self._ahead[task.id] = (self.now + fate.starts, TaskState.RUNNING if fate.runs else fate.end)

    def fate(self, task: Task) -> Fate:
        return self.fates.get(task.spec.force_update, GOOD)

    def set(self, task: Task, state: TaskState) -> None:
        known = self.tasks[task.id]
        began = self.now if state is TaskState.RUNNING else known.started_at
        self.tasks[task.id] = known._replace(state=state, timestamp=self.now, started_at=began, node_id="n1")

    def run(self, seconds: float) -> None:
        """Time passes, the agent works, the deadlines are kept."""
        end = self.now + seconds
        while True:
            deadline = self.settle()
            times = [at for at, _ in self._ahead.values()]
            if deadline is not None:
                assert deadline > self.now, "a deadline that has passed"
                times.append(deadline)
            soonest = min(times, default=end)
            if soonest >= end:
                break
            self.now = soonest
            self._arrive()
        self.now = end
        self._arrive()
        self.settle()

    def _arrive(self) -> None:
        for identity, (at, state) in list(self._ahead.items()):
            if at <= self.now:
                del self._ahead[identity]
                task = self.tasks.get(identity)
                if task is not None:
                    self.set(task, state)
                    self._doom(self.tasks[identity])

    def _doom(self, task: Task) -> None:
        dies = self.fate(task).dies
        if task.state is TaskState.RUNNING and dies is not None:
            self._ahead[task.id] = (self.now + dies, self.fate(task).end)

    def end(self, slot: int, state: TaskState = TaskState.FAILED) -> None:
        """A task of this slot ends by itself."""
        for task in self.running():
            if task.slot == slot:
                self._ahead.pop(task.id, None)
                self.set(task, state)

    def change(self, spec: ServiceSpec) -> None:
        """A user's update, as Control makes it."""
        known = self.service
        self.service = known._replace(
            spec=spec,
            version=known.version + 1,
            spec_version=known.version,
            previous_spec=known.spec,
            previous_spec_version=known.spec_version,
            update_status=None,
        )

    def scale(self, replicas: int) -> None:
        self.change(self.service.spec._replace(replicas=replicas))

    def force(self, fate: Fate = GOOD) -> None:
        """A new template, whose tasks have this fate."""
        number = max([self.service.spec.task.force_update, *self.fates], default=0) + 1
        self.fates[number] = fate
        self.change(self.service.spec._replace(task=self.service.spec.task._replace(force_update=number)))

    def roll_back(self) -> None:
        known = self.service
        if known.previous_spec is None:
            return
        self.service = known._replace(
            spec=known.previous_spec,
            version=known.version + 1,
            spec_version=known.previous_spec_version,
            previous_spec=known.spec,
            previous_spec_version=known.spec_version,
            update_status=UpdateStatus(UpdateState.ROLLBACK_STARTED, "manually requested rollback", self.now),
        )

    @property
    def status(self) -> UpdateStatus | None:
        return self.service.update_status

    @property
    def state(self) -> UpdateState | None:
        return self.status.state if self.status else None

    def running(self) -> list[Task]:
        return [task for task in self.tasks.values() if task.state is TaskState.RUNNING and task.is_up]

    def slots(self) -> list[int]:
        return sorted(task.slot for task in self.running())

    def templates(self) -> list[int]:
        """What runs in each slot, by the number of its template."""
        ordered = sorted(self.running(), key=lambda task: task.slot)
        return [task.spec.force_update for task in ordered]

    def watch_lowest(self) -> None:
        """From now on remember the least number of tasks that run."""
        self.lowest = len(self.running())

    def check(self) -> None:
        """What holds in every world after every single pass."""
        present = self.service.spec.task
        wanted = [task for task in self.tasks.values() if task.is_up]
        clean = Counter(task.slot for task in wanted if task.spec == present)
        assert all(count == 1 for count in clean.values()), "two tasks of one template wanted in a slot"
        slots = {task.slot for task in wanted}
        if self.service.spec.mode == "replicated":
            assert len(slots) <= self.service.spec.replicas, "more slots than replicas"
        for slot in {task.slot for task in self.tasks.values()}:
            self._check_slot([task for task in self.tasks.values() if task.slot == slot])
        self.lowest = min(self.lowest, len(self.running()))

    def _check_slot(self, tasks: list[Task]) -> None:
        spec = self.service.spec
        orders = {spec.update_config.order, spec.rollback_config.order}
        if orders == {"stop-first"}:
            assert sum(task.is_up for task in tasks) <= 1, "two tasks wanted in a slot"
            alive = [t for t in tasks if t.state in (TaskState.STARTING, TaskState.RUNNING)]
            assert len(alive) <= 1, "two processes in a slot"

    def _check_history(self) -> None:
        for slot in {task.slot for task in self.tasks.values()}:
            tasks = [task for task in self.tasks.values() if task.slot == slot]
            counted = [task for task in tasks if not (self._is_counted(task) or task.is_up)]
            at_rest = all(task.state.is_final or task.is_up for task in tasks)
            assert len(counted) <= HISTORY or not at_rest, "a history without end"

    def _is_counted(self, task: Task) -> bool:
        status = self.status
        return status is not None and status.state.is_under_way and task.of_update == status.started_at
