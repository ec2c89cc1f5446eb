"""Restart, scale and history; the reconciler with a clock that jumps (rolling updates: test_updates)."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from emulator.settings import RestartPolicy
from emulator.swarm.model import HISTORY, DesiredState, Node, Placement, TaskState
from emulator.swarm.plan import Desire, Remove
from emulator.swarm.reconcile import disband, reconcile

from .world import REJECTED, World


def test_a_service_gets_its_slots_from_one_upward() -> None:
    world = World(3)
    world.run(1)
    assert world.slots() == [1, 2, 3]


def test_a_task_that_dies_is_replaced_in_its_slot_after_the_delay() -> None:
    world = World(3, RestartPolicy(delay=5))
    world.run(1)
    world.end(2)
    world.run(4.9)
    assert world.slots() == [1, 3]
    waiting = next(task for task in world.tasks.values() if task.is_up and task.slot == 2)
    assert (waiting.desired, waiting.state) == (DesiredState.READY, TaskState.READY)
    world.run(0.5)
    assert world.slots() == [1, 2, 3]
    assert world.starts[-1] == (2, 1006.0)


def test_without_a_delay_the_successor_starts_at_once() -> None:
    world = World(1, RestartPolicy(delay=0))
    world.run(1)
    world.end(1)
    world.run(1)
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
    world.run(1)
    world.end(1, state)
    world.run(60)
    assert world.slots() == ([1] if back else [])
    assert all(not task.desired.wants_to_run for task in world.tasks.values() if task.state.is_final)


def test_what_is_rejected_before_its_time_is_tried_once_a_delay() -> None:
    world = World(1, RestartPolicy(delay=5))
    world.fates[0] = REJECTED
    world.run(20)
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
    world.run(1)
    world.end(5)
    world.run(1)
    world.scale(2)
    world.run(1)
    assert world.slots() == [1, 2]
    assert {task.slot for task in world.tasks.values()} == {1, 2}


def test_scaling_down_removes_a_slot_that_does_not_run_first() -> None:
    world = World(4)
    world.run(1)
    world.end(1)
    world.run(1)
    world.scale(3)
    world.run(1)
    assert world.slots() == [2, 3, 4]


def test_scaling_up_fills_the_lowest_free_slots() -> None:
    world = World(4)
    world.run(1)
    world.end(1)
    world.run(1)
    world.scale(3)
    world.run(1)
    world.scale(5)
    world.run(1)
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
    world.run(1)
    world.scale(1)
    world.settle()
    world.scale(2)
    world.settle()
    second = [task for task in world.tasks.values() if task.slot == 2]
    assert [task.desired for task in second] == [DesiredState.REMOVE, DesiredState.READY]
    world.run(1)
    assert world.slots() == [1, 2]


def test_a_service_that_is_gone_takes_its_tasks_along() -> None:
    world = World(2)
    world.run(1)
    first = disband(world.tasks.values())
    assert [action.state for action in first.actions if isinstance(action, Desire)] == [
        DesiredState.REMOVE
    ] * 2
    for task in tuple(world.tasks.values()):
        world.tasks[task.id] = task._replace(desired=DesiredState.REMOVE, state=TaskState.SHUTDOWN)
    assert all(isinstance(action, Remove) for action in disband(world.tasks.values()).actions)


def test_a_global_service_has_one_task_on_the_node_whatever_its_replicas() -> None:
    world = World(7, RestartPolicy(delay=1), mode="global", node=Node("n1", "vm"))
    world.run(1)
    assert world.slots() == [0]
    world.end(0)
    world.run(2)
    assert (world.slots(), world.made) == ([0], 2)


@pytest.mark.parametrize("mode", ["replicated", "global"])
def test_a_drained_node_has_no_task_and_an_active_one_has_them_again(mode: str) -> None:
    world = World(1, RestartPolicy(delay=5), mode=mode, node=Node("n1", "vm"))
    world.run(1)
    world.node = Node("n1", "vm", availability="drain")
    world.run(10)
    assert world.slots() == []
    world.node = Node("n1", "vm")
    world.run(1)
    assert len(world.slots()) == 1


def test_a_global_service_leaves_a_node_that_does_not_fit() -> None:
    placement = Placement(("node.labels.disk==ssd",))
    world = World(1, mode="global", node=Node("n1", "vm", labels=(("disk", "ssd"),)))
    world.change(world.service.spec._replace(task=world.service.spec.task._replace(placement=placement)))
    world.run(1)
    assert world.slots() == [0]
    world.node = Node("n1", "vm")
    world.run(1)
    assert world.slots() == []


def test_an_attempt_under_a_new_template_is_the_first() -> None:
    world = World(1, RestartPolicy(delay=0.1, max_attempts=1))
    for _ in range(4):
        world.run(1)
        world.end(1)
    assert len(world.starts) == 2
    world.force()
    for _ in range(4):
        world.run(1)
        world.end(1)
    assert len(world.starts) == 4


def test_a_change_that_leaves_the_template_alone_gives_no_new_attempt() -> None:
    world = World(1, RestartPolicy("none"))
    world.run(1)
    world.end(1)
    world.run(1)
    world.change(world.service.spec._replace(labels=(("a", "b"),)))
    world.run(1)
    assert world.slots() == []


def steady(world: World) -> None:
    pass


def rolling(world: World) -> None:
    world.force()
    world.settle()


def crashing(world: World) -> None:
    for task in world.running():
        world.set(task, TaskState.FAILED)


@pytest.mark.parametrize("event", [steady, rolling, crashing])
def test_a_pass_over_a_thousand_tasks_takes_less_than_ten_milliseconds(
    event: Callable[[World], None],
) -> None:
    world = World(1000)
    world.run(1)
    event(world)
    costs = []
    for _ in range(7):
        start = time.thread_time()
        reconcile(world.service, world.tasks.values(), world.now)
        costs.append(time.thread_time() - start)
    assert min(costs) < 0.01, f"{min(costs) * 1000:.1f} ms"
