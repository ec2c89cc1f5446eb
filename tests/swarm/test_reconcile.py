"""The reconciler in random worlds: a fake clock, a fake agent, and invariants that hold at every step."""

from __future__ import annotations

import time
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.settings import RestartPolicy
from emulator.swarm.model import HISTORY, DesiredState, Service, ServiceSpec, Task, TaskSpec, TaskState
from emulator.swarm.plan import Action, Amend, Create, Desire, Plan
from emulator.swarm.reconcile import reconcile


class World:
    """One service, its tasks, a clock, and an agent that does what it is told when it is let."""

    def __init__(self, replicas: int, policy: RestartPolicy | None = None) -> None:
        spec = ServiceSpec("webapp", TaskSpec("app", restart_policy=policy), replicas)
        self.service = Service("s", spec, version=1)
        self.tasks: dict[str, Task] = {}
        self.now = 1000.0
        self.made = 0
        self.starts: list[tuple[int, float]] = []

    def reconcile(self) -> Plan:
        plan = reconcile(self.service, self.tasks.values(), self.now)
        for action in plan.actions:
            self.apply(action)
        return plan

    def apply(self, action: Action) -> None:
        if isinstance(action, Create):
            self.made += 1
            self.tasks[f"t{self.made}"] = Task(
                f"t{self.made}",
                "s",
                "webapp",
                action.slot,
                self.service.spec.task,
                action.desired,
                version=self.made,
                created_at=self.now,
                not_before=action.not_before,
                restarts=action.restarts,
                of_update=action.of_update,
                spec_version=self.service.spec_version,
                endpoint=self.service.spec.endpoint,
            )
        elif isinstance(action, Amend):
            self.service = action.service._replace(version=self.service.version + 1)
        elif isinstance(action, Desire):
            task = self.tasks[action.task.id]
            changed = task._replace(desired=action.state, desired_at=self.now)
            self.tasks[task.id] = changed
        else:
            del self.tasks[action.task.id]

    def settle(self) -> float | None:
        """Passes until nothing is left to do; the deadline of the last."""
        for _ in range(40):
            plan = self.reconcile()
            if not plan.actions:
                return plan.deadline
        raise AssertionError("it does not settle")

    def set(self, task: Task, state: TaskState) -> None:
        known = self.tasks[task.id]
        began = self.now if state is TaskState.RUNNING else known.started_at
        self.tasks[task.id] = known._replace(state=state, timestamp=self.now, started_at=began)

    def agent(self) -> None:
        """Every task one step on its way."""
        for task in list(self.tasks.values()):
            if task.state.is_final:
                continue
            if not task.desired.wants_to_run:
                self.set(task, TaskState.SHUTDOWN)
            elif task.state is TaskState.NEW:
                self.set(task, TaskState.READY)
            elif task.state is TaskState.READY and task.desired is DesiredState.RUNNING:
                assert self.now >= task.not_before, "started before its delay was over"
                self.starts.append((task.slot, self.now))
                self.set(task, TaskState.RUNNING)

    def run(self, seconds: float) -> None:
        """Time passes, the agent works, the deadlines are kept."""
        end = self.now + seconds
        while True:
            deadline = self.settle()
            for _ in range(4):
                self.agent()
                deadline = self.settle()
            if deadline is None or deadline > end:
                break
            self.now = deadline
        self.now = end
        self.settle()

    def scale(self, replicas: int) -> None:
        self.update(self.service.spec._replace(replicas=replicas))

    def force(self) -> None:
        task = self.service.spec.task
        task = task._replace(force_update=task.force_update + 1)
        self.update(self.service.spec._replace(task=task))

    def update(self, spec: ServiceSpec) -> None:
        known = self.service
        self.service = known._replace(
            spec=spec,
            version=known.version + 1,
            spec_version=known.version,
            previous_spec=known.spec,
            previous_spec_version=known.spec_version,
            update_status=None,
        )

    def running(self) -> list[Task]:
        return [task for task in self.tasks.values() if task.is_up and task.state is TaskState.RUNNING]

    def slots(self) -> list[int]:
        return sorted(task.slot for task in self.running())

    def end(self, slot: int, state: TaskState = TaskState.FAILED) -> None:
        for task in self.running():
            if task.slot == slot:
                self.set(task, state)

    def check(self) -> None:
        """What holds in every world at every moment after a settled pass."""
        up = Counter(task.slot for task in self.tasks.values() if task.is_up)
        assert all(count == 1 for count in up.values()), "two tasks that should run in one slot"
        processes = Counter(task.slot for task in self.tasks.values() if task.state is TaskState.RUNNING)
        assert all(count == 1 for count in processes.values()), "two processes in one slot"
        assert len(up) <= self.service.spec.replicas
        slots = Counter(task.slot for task in self.tasks.values())
        running_down = {t.slot for t in self.tasks.values() if not t.state.is_final and not t.is_up}
        assert all(count <= HISTORY for slot, count in slots.items() if slot not in running_down)


def test_a_service_gets_its_slots_from_one_upward() -> None:
    world = World(3)
    world.run(0)
    assert world.slots() == [1, 2, 3]


def test_a_task_that_dies_is_replaced_in_its_slot_after_the_delay() -> None:
    world = World(3, RestartPolicy(delay=5))
    world.run(0)
    world.end(2)
    world.run(4.9)
    assert world.slots() == [1, 3]
    waiting = next(task for task in world.tasks.values() if task.is_up and task.slot == 2)
    assert (waiting.desired, waiting.state) == (DesiredState.READY, TaskState.READY)
    world.run(0.2)
    assert world.slots() == [1, 2, 3]
    assert world.starts[-1] == (2, 1005.0)


def test_without_a_delay_the_successor_starts_at_once() -> None:
    world = World(1, RestartPolicy(delay=0))
    world.run(0)
    world.end(1)
    world.run(0)
    assert world.slots() == [1]


@pytest.mark.parametrize(
    ("condition", "state", "back"),
    [
        ("any", TaskState.COMPLETE, True),
        ("any", TaskState.FAILED, True),
        ("on-failure", TaskState.COMPLETE, False),
        ("on-failure", TaskState.FAILED, True),
        ("on-failure", TaskState.REJECTED, True),
        ("none", TaskState.FAILED, False),
    ],
)
def test_the_restart_condition_decides_who_comes_back(condition: str, state: TaskState, back: bool) -> None:
    world = World(1, RestartPolicy(condition, delay=1))
    world.run(0)
    world.end(1, state)
    world.run(60)
    assert world.slots() == ([1] if back else [])
    assert all(not task.desired.wants_to_run for task in world.tasks.values() if task.state.is_final)


def test_what_is_rejected_before_its_time_is_tried_once_a_delay() -> None:
    world = World(1, RestartPolicy(delay=5))
    world.settle()
    for _ in range(40):
        for task in [task for task in world.tasks.values() if task.state is TaskState.NEW]:
            world.set(task, TaskState.REJECTED)
        world.now += 0.5
        world.settle()
    assert 4 <= world.made <= 6


def test_two_attempts_are_three_runs_and_then_no_more() -> None:
    world = World(1, RestartPolicy(delay=1, max_attempts=2))
    for _ in range(10):
        world.run(2)
        world.end(1)
    assert len(world.starts) == 3


def test_only_the_attempts_inside_the_window_count() -> None:
    world = World(1, RestartPolicy(delay=0.5, max_attempts=2, window=3))
    for _ in range(10):
        world.run(3.6)
        world.end(1)
    assert len(world.starts) == 10


def test_scaling_down_removes_the_highest_slots_with_their_history() -> None:
    world = World(5, RestartPolicy(delay=0))
    world.run(0)
    world.end(5)
    world.run(0)
    world.scale(2)
    world.run(0)
    assert world.slots() == [1, 2]
    assert {task.slot for task in world.tasks.values()} == {1, 2}


def test_scaling_down_removes_a_slot_that_does_not_run_first() -> None:
    world = World(4)
    world.run(0)
    world.end(1)
    world.run(1)
    world.scale(3)
    world.run(0)
    assert world.slots() == [2, 3, 4]


def test_scaling_up_fills_the_lowest_free_slots() -> None:
    world = World(4)
    world.run(0)
    world.end(1)
    world.run(1)
    world.scale(3)
    world.run(0)
    world.scale(5)
    world.run(0)
    assert world.slots() == [1, 2, 3, 4, 5]


def test_five_tasks_of_a_slot_are_remembered() -> None:
    world = World(1, RestartPolicy(delay=0))
    for _ in range(12):
        world.run(1)
        world.end(1)
    world.run(1)
    assert len(world.tasks) == HISTORY
    assert world.slots() == [1]


def test_a_slot_that_is_filled_again_waits_for_the_process_that_still_stops() -> None:
    world = World(2)
    world.run(0)
    world.scale(1)
    world.settle()
    world.scale(2)
    world.settle()
    second = [task for task in world.tasks.values() if task.slot == 2]
    assert [task.desired for task in second] == [DesiredState.REMOVE, DesiredState.READY]
    world.run(0)
    assert world.slots() == [1, 2]


EVENTS = st.lists(
    st.one_of(
        st.tuples(
            st.just("exit"), st.integers(1, 6), st.sampled_from([TaskState.FAILED, TaskState.COMPLETE])
        ),
        st.tuples(st.just("scale"), st.integers(0, 6), st.none()),
        st.tuples(st.just("agent"), st.none(), st.none()),
        st.tuples(st.just("time"), st.floats(0, 8), st.none()),
        st.tuples(st.just("touch"), st.none(), st.none()),
        st.tuples(st.just("reject"), st.none(), st.none()),
    ),
    max_size=40,
)
POLICIES = st.builds(
    RestartPolicy,
    condition=st.sampled_from(["any", "on-failure", "none"]),
    delay=st.sampled_from([0.0, 0.5, 5.0]),
    max_attempts=st.integers(0, 3),
    window=st.sampled_from([0.0, 3.0]),
)


@settings(max_examples=300, deadline=None)
@given(replicas=st.integers(0, 5), policy=POLICIES, events=EVENTS)
def test_every_world_keeps_the_invariants_and_settles(
    replicas: int, policy: RestartPolicy, events: list[tuple[str, float | int | None, TaskState | None]]
) -> None:
    world = World(replicas, policy)
    for kind, number, state in events:
        if kind == "exit" and state is not None:
            world.end(int(number or 0), state)
        elif kind == "scale":
            world.scale(int(number or 0))
        elif kind == "agent":
            world.agent()
        elif kind == "reject":
            for task in [task for task in world.tasks.values() if task.state is TaskState.NEW]:
                world.set(task, TaskState.REJECTED)
        elif kind == "time":
            world.now += float(number or 0)
        else:
            world.service = world.service._replace(version=world.service.version + 1)
        world.settle()
        world.check()
    world.run(20)
    world.force()
    world.run(100)
    world.check()
    assert len(world.running()) == world.service.spec.replicas, "nothing fails any more: all replicas run"


@settings(max_examples=100, deadline=None)
@given(attempts=st.integers(1, 4), deaths=st.integers(1, 12))
def test_attempts_are_bounded(attempts: int, deaths: int) -> None:
    world = World(1, RestartPolicy(delay=0.1, max_attempts=attempts))
    for _ in range(deaths):
        world.run(1)
        world.end(1)
    world.run(1)
    assert len(world.starts) <= attempts + 1


def test_a_pass_over_a_thousand_tasks_takes_less_than_ten_milliseconds() -> None:
    world = World(1000)
    world.run(0)
    costs = []
    for _ in range(7):
        start = time.perf_counter()
        reconcile(world.service, world.tasks.values(), world.now)
        costs.append(time.perf_counter() - start)
    assert min(costs) < 0.01, f"{min(costs) * 1000:.1f} ms"
