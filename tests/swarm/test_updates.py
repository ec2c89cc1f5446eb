"""Rolling updates and rollbacks: single cases with Docker's figures and words, then thousands of worlds."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.settings import Port, RestartPolicy, UpdateConfig
from emulator.swarm.model import Node, TaskState, UpdateState

from .world import CRASHING, GOOD, REJECTED, STILLBORN, Fate, World

SOON = RestartPolicy(delay=1.0)


def settled(replicas: int = 3, policy: RestartPolicy = SOON, **config: object) -> World:
    """A service of which every task runs, with this way of updating and of rolling back."""
    update = UpdateConfig()._replace(**config)  # type: ignore[arg-type]
    action = "pause" if update.failure_action == "rollback" else update.failure_action
    world = World(replicas, policy, update, update._replace(failure_action=action))
    world.run(10)
    assert len(world.running()) == replicas
    world.starts.clear()
    world.watch_lowest()
    return world


def test_a_slot_after_the_other_gets_the_new_template() -> None:
    world = settled(parallelism=1, delay=2.0, monitor=5.0)
    world.force()
    world.run(60)
    first = world.starts[0][1]
    assert [(slot, at - first) for slot, at in world.starts] == [(1, 0.0), (2, 2.75), (3, 5.5)]
    assert world.templates() == [1, 1, 1]
    assert world.lowest == 2


def test_the_update_is_complete_when_delay_and_monitor_have_passed_after_the_last() -> None:
    world = settled(parallelism=1, delay=2.0, monitor=5.0)
    world.force()
    began = world.now
    world.settle()
    assert world.status is not None
    assert (world.state, world.status.message) == (UpdateState.UPDATING, "update in progress")
    world.run(60)
    last = world.starts[-1][1] + 0.25
    assert (world.state, world.status.message) == (UpdateState.COMPLETED, "update completed")
    assert (world.status.started_at, world.status.completed_at) == (began, last + 2.0 + 5.0)


def test_stop_first_starts_the_new_when_the_old_has_ended() -> None:
    world = settled(1)
    world.force()
    began = world.now
    world.run(30)
    assert world.starts == [(1, began + 0.5)]


def test_start_first_stops_the_old_when_the_new_runs() -> None:
    world = settled(3, order="start-first")
    world.force()
    began = world.now
    world.run(30)
    assert [at - began for _, at in world.starts] == [0.0, 0.25, 0.5]
    assert (world.lowest, world.templates()) == (3, [1, 1, 1])


def test_parallelism_zero_is_all_at_once() -> None:
    world = settled(4, parallelism=0)
    world.force()
    world.run(30)
    assert len({at for _, at in world.starts}) == 1
    assert world.lowest == 0


@pytest.mark.parametrize("fate", [STILLBORN, CRASHING, REJECTED, Fate(dies=1.0, end=TaskState.COMPLETE)])
def test_a_failure_pauses_the_update_in_docker_s_words(fate: Fate) -> None:
    world = settled(3, delay=3.0)
    world.force(fate)
    world.run(20)
    assert world.status is not None
    assert world.state is UpdateState.PAUSED
    assert world.status.message.startswith("update paused due to failure or early termination of task t")
    assert world.status.completed_at == 0
    assert world.templates()[-2:] == [0, 0]


def test_the_slots_that_a_paused_update_has_not_begun_keep_what_they_run() -> None:
    world = settled(3)
    world.force(STILLBORN)
    world.run(60)
    assert (world.slots(), world.templates()) == ([2, 3], [0, 0])


def test_start_first_loses_nobody_to_a_template_that_never_runs() -> None:
    for action in ("pause", "continue", "rollback"):
        world = settled(3, order="start-first", failure_action=action)
        world.force(STILLBORN)
        world.run(60)
        assert (world.lowest, world.templates()) == (3, [0, 0, 0]), action


def test_a_paused_update_goes_on_with_the_next_change() -> None:
    world = settled(3)
    world.force(CRASHING)
    world.run(20)
    world.force(GOOD)
    world.run(60)
    assert (world.state, world.templates()) == (UpdateState.COMPLETED, [2, 2, 2])


def test_a_failing_update_is_rolled_back_and_only_where_it_had_come() -> None:
    world = settled(3, failure_action="rollback", delay=3.0)
    world.force(CRASHING)
    world.settle()
    assert world.status is not None
    began = world.status.started_at
    world.run(4)
    words = "update rolled back due to failure or early termination of task t"
    assert world.state is UpdateState.ROLLBACK_STARTED
    assert world.status.message.startswith(words)
    world.run(60)
    assert (world.state, world.status.message) == (UpdateState.ROLLBACK_COMPLETED, "rollback completed")
    assert (world.status.started_at, world.service.previous_spec) == (began, None)
    assert world.templates() == [0, 0, 0]
    assert not any(task.slot == 3 and task.spec.force_update for task in world.tasks.values())


def test_a_rollback_that_fails_is_paused_and_not_rolled_back_again() -> None:
    world = settled(3, failure_action="rollback")
    world.force(CRASHING)
    world.fates[0] = STILLBORN
    world.run(60)
    assert world.status is not None
    assert world.state is UpdateState.ROLLBACK_PAUSED
    assert world.status.message.startswith("update paused due to failure or early termination of task t")


def test_continue_brings_the_template_everywhere_and_is_complete() -> None:
    world = settled(3, failure_action="continue")
    world.force(STILLBORN)
    world.run(60)
    assert (world.state, world.templates()) == (UpdateState.COMPLETED, [])


def test_half_of_the_tasks_may_fail_where_half_is_allowed() -> None:
    world = settled(3, max_failure_ratio=0.5)
    world.force(STILLBORN)
    world.run(60)
    begun = {task.slot for task in world.tasks.values() if task.spec.force_update}
    assert (world.state, begun) == (UpdateState.PAUSED, {1, 2})


def test_who_dies_after_the_monitor_is_no_failure() -> None:
    world = settled(2, RestartPolicy(delay=5), monitor=1.0, delay=1.0)
    world.force(Fate(dies=1.5))
    world.run(8)
    assert world.state is UpdateState.COMPLETED


def test_a_manual_rollback_brings_the_spec_before_and_can_be_taken_back() -> None:
    world = settled(3)
    world.force()
    world.run(60)
    world.roll_back()
    world.settle()
    assert world.status is not None
    assert (world.state, world.status.message) == (
        UpdateState.ROLLBACK_STARTED,
        "manually requested rollback",
    )
    world.run(60)
    assert (world.state, world.templates()) == (UpdateState.ROLLBACK_COMPLETED, [0, 0, 0])
    world.roll_back()
    world.run(60)
    assert world.templates() == [1, 1, 1]


def test_a_rollback_revives_what_its_own_policy_had_given_up() -> None:
    world = settled(2, RestartPolicy("none"))
    world.force(STILLBORN)
    world.run(20)
    assert (world.state, world.slots()) == (UpdateState.PAUSED, [2])
    world.roll_back()
    world.run(60)
    assert world.templates() == [0, 0]


@pytest.mark.parametrize(
    "change", [{"labels": (("a", "b"),)}, {"replicas": 5}, {"update": UpdateConfig(parallelism=2)}]
)
def test_what_is_not_of_the_template_replaces_nobody(change: dict[str, object]) -> None:
    world = settled(3)
    before = {task.id for task in world.running()}
    world.change(world.service.spec._replace(**change))  # type: ignore[arg-type]
    world.run(30)
    assert before <= {task.id for task in world.running()}
    assert world.status is None


def test_a_changed_port_replaces_tasks_as_a_changed_template_does() -> None:
    world = settled(2)
    world.change(world.service.spec._replace(ports=(Port(80, 8080),)))
    world.run(30)
    assert (world.state, len(world.starts)) == (UpdateState.COMPLETED, 2)


def test_a_change_during_an_update_begins_anew_at_once() -> None:
    world = settled(3, delay=2.0)
    world.force()
    world.run(1)
    world.force()
    world.settle()
    assert world.status is not None
    assert world.status.started_at == world.now
    world.run(60)
    assert (world.state, world.templates()) == (UpdateState.COMPLETED, [2, 2, 2])


def test_new_slots_start_at_once_while_old_ones_roll() -> None:
    world = settled(2)
    spec = world.service.spec
    world.change(spec._replace(replicas=4, task=spec.task._replace(force_update=1)))
    began = world.now
    world.run(60)
    assert [slot for slot, at in world.starts if at == began] == [3, 4]
    assert world.templates() == [1, 1, 1, 1]


def test_who_dies_before_its_turn_comes_back_with_the_new_template() -> None:
    world = settled(3, delay=5.0)
    world.force()
    world.run(1)
    world.end(3)
    world.run(2)
    assert world.templates() == [1, 0, 1]
    world.run(60)
    assert (world.state, len(world.starts)) == (UpdateState.COMPLETED, 3)


def test_a_global_service_is_updated_on_its_node() -> None:
    world = World(1, SOON, mode="global", node=Node("n1", "vm"))
    world.run(5)
    world.force()
    world.run(30)
    assert (world.state, world.templates()) == (UpdateState.COMPLETED, [1])


ORDERS = st.sampled_from(["stop-first", "start-first"])
CONFIGS = st.builds(
    UpdateConfig,
    parallelism=st.integers(0, 3),
    delay=st.sampled_from([0.0, 0.5, 3.0]),
    failure_action=st.sampled_from(["pause", "continue", "rollback"]),
    monitor=st.sampled_from([0.5, 5.0]),
    max_failure_ratio=st.sampled_from([0.0, 0.4, 1.0]),
    order=ORDERS,
)
POLICIES = st.builds(
    RestartPolicy,
    condition=st.sampled_from(["any", "on-failure", "none"]),
    delay=st.sampled_from([0.0, 1.0, 5.0]),
    max_attempts=st.integers(0, 3),
    window=st.sampled_from([0.0, 3.0]),
)
FATES = st.builds(
    Fate,
    starts=st.sampled_from([0.1, 0.5, 2.0]),
    dies=st.sampled_from([None, None, 0.3, 4.0]),
    runs=st.booleans(),
    end=st.sampled_from([TaskState.FAILED, TaskState.COMPLETE]),
    rejected=st.sampled_from([False, False, False, True]),
)
EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("end"), st.integers(1, 5)),
        st.tuples(st.just("complete"), st.integers(1, 5)),
        st.tuples(st.just("scale"), st.integers(0, 5)),
        st.tuples(st.just("time"), st.sampled_from([0.1, 0.7, 2.0, 8.0])),
        st.tuples(st.just("force"), FATES),
        st.tuples(st.just("good"), st.none()),
        st.tuples(st.just("touch"), st.none()),
        st.tuples(st.just("rollback"), st.none()),
    ),
    max_size=14,
)
MANY = settings(max_examples=200, deadline=None)


def befall(world: World, kind: str, what: object) -> None:
    if kind in ("end", "complete"):
        world.end(int(str(what)), TaskState.FAILED if kind == "end" else TaskState.COMPLETE)
    elif kind == "scale":
        world.scale(int(str(what)))
    elif kind == "time":
        world.run(float(str(what)))
    elif kind == "force":
        assert isinstance(what, Fate)
        world.force(what)
    elif kind == "good":
        world.force()
    elif kind == "touch":
        world.change(world.service.spec)
    else:
        world.roll_back()


@MANY
@given(
    replicas=st.integers(0, 5),
    policy=POLICIES,
    update=CONFIGS,
    rollback=CONFIGS,
    events=EVENTS,
    stopping=st.sampled_from([0.0, 0.5, 6.0]),
)
def test_every_world_keeps_the_invariants_and_comes_to_rest(
    replicas: int,
    policy: RestartPolicy,
    update: UpdateConfig,
    rollback: UpdateConfig,
    events: list[tuple[str, object]],
    stopping: float,
) -> None:
    world = World(replicas, policy, update, rollback, stopping=stopping)
    for kind, what in events:
        befall(world, kind, what)
        world.settle()
    world.run(5)
    world.force()
    world.run(300)
    assert world.templates() == [world.service.spec.task.force_update] * world.service.spec.replicas
    assert world.state is UpdateState.COMPLETED or not world.service.spec.replicas


@MANY
@given(replicas=st.integers(1, 6), update=CONFIGS, starts=st.sampled_from([0.1, 2.0]))
def test_a_good_update_never_takes_more_than_its_share_away(
    replicas: int, update: UpdateConfig, starts: float
) -> None:
    world = World(replicas, SOON, update)
    world.run(10)
    world.watch_lowest()
    world.force(Fate(starts))
    world.run(200)
    share = (update.parallelism or replicas) if update.order == "stop-first" else 0
    assert world.lowest >= replicas - share
    assert (world.state, world.templates()) == (UpdateState.COMPLETED, [1] * replicas)


@MANY
@given(replicas=st.integers(1, 5), update=CONFIGS, policy=POLICIES, rejected=st.booleans())
def test_start_first_never_goes_below_the_replicas_while_the_new_does_not_run(
    replicas: int, update: UpdateConfig, policy: RestartPolicy, rejected: bool
) -> None:
    world = World(replicas, policy, update._replace(order="start-first"))
    world.run(10)
    world.watch_lowest()
    world.force(Fate(runs=False, rejected=rejected))
    world.run(30)
    assert (world.lowest, len(world.running())) == (replicas, replicas)


@MANY
@given(replicas=st.integers(1, 6), update=CONFIGS, fate=st.sampled_from([STILLBORN, REJECTED]))
def test_every_failing_update_ends_as_its_failure_action_says(
    replicas: int, update: UpdateConfig, fate: Fate
) -> None:
    world = World(replicas, SOON, update)
    world.run(10)
    world.force(fate)
    world.run(40)
    ends = {
        "pause": UpdateState.PAUSED,
        "continue": UpdateState.COMPLETED,
        "rollback": UpdateState.ROLLBACK_COMPLETED,
    }
    tolerant = update.max_failure_ratio == 1.0
    assert world.state is (UpdateState.COMPLETED if tolerant else ends[update.failure_action])
    if world.state is UpdateState.ROLLBACK_COMPLETED:
        assert world.templates() == [0] * replicas
    if world.state is UpdateState.PAUSED:
        begun = {task.slot for task in world.tasks.values() if task.spec.force_update}
        allowed = int(update.max_failure_ratio * replicas) + (update.parallelism or replicas)
        assert len(begun) <= allowed


@MANY
@given(attempts=st.integers(1, 4), delay=st.sampled_from([0.0, 0.1, 2.0]), fate=FATES)
def test_attempts_are_bounded(attempts: int, delay: float, fate: Fate) -> None:
    world = World(1, RestartPolicy(delay=delay, max_attempts=attempts))
    world.fates[0] = fate
    world.run(200)
    assert len(world.starts) <= attempts + 1
    assert world.made <= attempts + 1
