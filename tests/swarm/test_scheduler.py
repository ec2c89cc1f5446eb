"""The words in which the only node does not take a task."""

from __future__ import annotations

import pytest

from emulator.settings import Port
from emulator.swarm.constraints import parse, satisfied
from emulator.swarm.errors import SwarmError
from emulator.swarm.model import (
    EndpointSpec,
    Node,
    Placement,
    Resources,
    Service,
    ServiceSpec,
    Task,
    TaskSpec,
    TaskState,
)
from emulator.swarm.scheduler import hindrance

NODE = Node("n1", "vm", labels=(("disk", "SSD"),), resources=Resources(2_000_000_000, 1 << 30))


def task(identity: str = "t1", state: TaskState = TaskState.NEW, **spec: object) -> Task:
    endpoint = EndpointSpec("vip", (Port(80, 8080, mode="host"),)) if spec.pop("host_port", False) else None
    made = TaskSpec("app")._replace(**spec)  # type: ignore[arg-type]
    return Task(identity, "s", "web", 1, made, state=state, endpoint=endpoint)


def why(wanted: Task, *others: Task, node: Node = NODE, mode: str = "replicated") -> str | None:
    return hindrance(wanted, Service("s", ServiceSpec("web", wanted.spec, mode=mode)), node, others)


def test_an_ordinary_task_is_taken() -> None:
    assert why(task()) is None


@pytest.mark.parametrize("availability", ["drain", "pause"])
def test_a_node_that_is_not_active_takes_nothing(availability: str) -> None:
    words = why(task(), node=NODE._replace(availability=availability))
    assert words == "no suitable node (1 node not available for new tasks)"


def test_a_constraint_that_is_not_met_says_so() -> None:
    placement = Placement(("node.labels.disk==hdd",))
    assert why(task(placement=placement)) == (
        "no suitable node (scheduling constraints not satisfied on 1 node)"
    )


def test_a_global_service_has_its_node_and_only_lacks_the_room() -> None:
    placement = Placement(("node.role==worker",))
    words = why(task(placement=placement), mode="global")
    assert words == "scheduling constraints not satisfied on 1 node"


def test_reservations_of_all_tasks_are_added_up() -> None:
    half = Resources(memory=(1 << 29) + 1)
    running = task("t0", TaskState.RUNNING, reservations=half)
    assert why(task(reservations=half)) is None
    assert why(task(reservations=half), running) == "no suitable node (insufficient resources on 1 node)"
    assert why(task(reservations=half), running._replace(state=TaskState.FAILED)) is None


def test_a_host_port_is_there_once() -> None:
    running = task("t0", TaskState.RUNNING, host_port=True)
    words = why(task(host_port=True), running)
    assert words == "no suitable node (host-mode port already in use on 1 node)"


def test_most_replicas_a_node_is_kept() -> None:
    placement = Placement(max_replicas=1)
    running = task("t0", TaskState.RUNNING, placement=placement)
    assert why(task(placement=placement), running) == (
        "no suitable node (max replicas per node limit exceed)"
    )


@pytest.mark.parametrize(
    ("constraint", "met"),
    [
        ("node.role==manager", True),
        ("node.role!=manager", False),
        ("node.hostname == VM", True),
        ("node.id==n2", False),
        ("node.labels.disk==ssd", True),
        ("node.labels.none!=x", True),
        ("node.platform.os==linux", True),
        ("engine.labels.x==y", False),
        ("nonsense==x", False),
    ],
)
def test_constraints_are_compared_without_regard_to_case(constraint: str, met: bool) -> None:
    assert satisfied([constraint], NODE) is met


@pytest.mark.parametrize(
    ("constraint", "words"),
    [
        ("node.role=manager", "constraint expected one operator from ==, !="),
        ("no de==x", "key 'no de' is invalid"),
        ("node.role==", "value '' is invalid"),
    ],
)
def test_a_constraint_that_is_none_is_refused(constraint: str, words: str) -> None:
    with pytest.raises(SwarmError, match=words) as refusal:
        parse(constraint)
    assert refusal.value.status == 500
