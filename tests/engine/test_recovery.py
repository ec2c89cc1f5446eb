"""What an engine makes of the journal of one that is gone."""

from __future__ import annotations

from typing import Any

import pytest

from emulator.engine.keeping import made_by_up
from emulator.engine.recovery import found, revive
from emulator.settings import Network as DescribedNetwork
from emulator.settings import RestartPolicy, Settings
from emulator.settings import Service as DescribedService
from emulator.swarm.cluster import found as found_cluster
from emulator.swarm.model import (
    DesiredState,
    Network,
    Service,
    ServiceSpec,
    Task,
    TaskSpec,
    TaskState,
    Volume,
)
from emulator.swarm.store import Change, Store

NOW = 1000.0
SPEC = TaskSpec("image", restart_policy=RestartPolicy(delay=5))


def task(state: TaskState, desired: DesiredState = DesiredState.RUNNING, **more: Any) -> Task:
    made = Task("t1", "s1", "web", 1, SPEC, desired, state, pid=7, listens=True, container_id="c1")
    return made._replace(**more)


@pytest.mark.parametrize("state", [TaskState.STARTING, TaskState.RUNNING])
def test_a_task_that_ran_has_failed_in_dockers_words(state: TaskState) -> None:
    lost = found(task(state), NOW)
    assert (lost.state, lost.error) == (TaskState.FAILED, "No such container: web.1.t1")
    assert (lost.desired, lost.timestamp, lost.pid, lost.listens) == (DesiredState.RUNNING, NOW, 0, False)


def test_what_is_described_again_does_not_wait_for_its_delay() -> None:
    assert found(task(TaskState.RUNNING), NOW, hurried=True).timestamp == NOW - 5


@pytest.mark.parametrize("state", [TaskState.NEW, TaskState.ASSIGNED, TaskState.PREPARING, TaskState.READY])
def test_a_task_that_had_not_begun_begins_anew(state: TaskState) -> None:
    waiting = task(state, DesiredState.READY, not_before=NOW + 3)
    again = found(waiting, NOW)
    assert (again.state, again.desired) == (TaskState.NEW, DesiredState.READY)
    assert (again.not_before, again.container_id, again.attachments) == (NOW + 3, "", ())


@pytest.mark.parametrize("desired", [DesiredState.SHUTDOWN, DesiredState.REMOVE])
def test_a_task_that_was_to_end_before_it_began_has_ended(desired: DesiredState) -> None:
    assert found(task(TaskState.READY, desired), NOW).state is TaskState.SHUTDOWN


def test_every_service_is_looked_at_again_and_tasks_of_removed_ones_go() -> None:
    store = Store(lambda: NOW)
    web = Service("s1", ServiceSpec("web", SPEC), version=3)
    idle = Service("s2", ServiceSpec("idle", SPEC, replicas=0), version=4)
    ended = task(TaskState.COMPLETE, DesiredState.SHUTDOWN, id="t0")
    orphan = task(TaskState.RUNNING, DesiredState.REMOVE, id="t9", service_id="gone")
    store.adopt([web, idle, ended, orphan, task(TaskState.RUNNING)], 9)
    heard: list[Change] = []
    store.watch(heard.append)
    revive(store, NOW)
    assert {change.object.id for change in heard} == {"t1", "t9", "s1", "s2"}
    assert set(store.tasks) == {"t0", "t1"}
    assert store.tasks["t0"] == ended
    assert store.services["s1"].version == 3


def test_a_plain_up_takes_with_it_what_its_file_describes_and_a_swarm_that_has_nothing_else() -> None:
    store = Store(lambda: NOW)
    settings = Settings(
        file=None,  # type: ignore[arg-type]
        name="project",
        services=(DescribedService("web", "image"),),
        networks=(DescribedNetwork("net"),),
    )
    store.put(found_cluster("c1", "{}"), Service("s1", ServiceSpec("web", SPEC)), task(TaskState.RUNNING))
    store.put(Network("n1", "net", "overlay", "10.0.1.0/24", "10.0.1.1"), Volume("own", "/where"))
    assert {thing.id for thing in made_by_up(store, settings)} == {"c1", "s1", "t1", "n1"}
    store.put(Service("s2", ServiceSpec("typed", SPEC)), task(TaskState.RUNNING, id="t2", service_id="s2"))
    assert {thing.id for thing in made_by_up(store, settings)} == {"s1", "t1", "n1"}
