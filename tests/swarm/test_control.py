"""Control's verbs: what they make of the store, and what they refuse in Docker's words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from emulator.settings import Mount, Port, UpdateConfig
from emulator.swarm.control import Control
from emulator.swarm.errors import SwarmError
from emulator.swarm.loop import Loop
from emulator.swarm.model import (
    DesiredState,
    NetworkSpec,
    Node,
    ServiceSpec,
    TaskSpec,
    TaskState,
    UpdateState,
)
from emulator.swarm.networks import Networks
from emulator.swarm.orchestrator import Orchestrator
from emulator.swarm.store import Store

WEB = ServiceSpec("webapp", TaskSpec("app", networks=("web_network",)))


class Room:
    """Store, networks, control and orchestrator; no agent: tasks stay what they are told to be."""

    def __init__(self, folder: Path) -> None:
        self.loop = Loop()
        self.now = 1000.0
        self.loop.time = lambda: self.now  # type: ignore[method-assign]
        self.store = Store(self.loop.time)
        self.networks = Networks(folder, loopback=False)
        self.ids = iter(f"id{number:03}" for number in range(1000))
        self.orchestrator = Orchestrator(self.store, self.loop, lambda: next(self.ids))
        self.control = Control(self.store, self.networks, lambda: next(self.ids))
        self.orchestrator.refit = self.control.refit
        self.network = self.control.create_network(NetworkSpec("web_network", subnet="192.168.100.0/24"))

    def settle(self) -> None:
        self.loop.settle()

    def every(self, state: TaskState) -> None:
        """All tasks that are wanted come to this state."""
        for task in list(self.store.tasks.values()):
            if task.desired.wants_to_run and not task.state.is_final:
                self.store.put(task._replace(state=state, timestamp=self.now, started_at=self.now))
        self.settle()


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    made = Room(tmp_path)
    yield made
    made.networks.close()


def refusal(verb: Callable[[], object]) -> tuple[int, str]:
    with pytest.raises(SwarmError) as error:
        verb()
    return error.value.status, str(error.value)


def test_a_name_is_there_once(room: Room) -> None:
    room.control.create_service(WEB)
    words = "name conflicts with an existing object: service webapp already exists"
    assert refusal(lambda: room.control.create_service(WEB)) == (
        409,
        f"rpc error: code = AlreadyExists desc = {words}",
    )
    assert refusal(lambda: room.control.create_network(NetworkSpec("web_network"))) == (
        409,
        "network with name web_network already exists",
    )


def test_a_stale_version_is_out_of_sequence(room: Room) -> None:
    made = room.control.create_service(WEB)
    room.control.update_service(made.id, WEB._replace(replicas=2), made.version)
    assert refusal(lambda: room.control.update_service(made.id, WEB, made.version)) == (
        500,
        "rpc error: code = Unknown desc = update out of sequence",
    )


def test_neither_name_nor_mode_of_a_service_changes(room: Room) -> None:
    made = room.control.create_service(WEB)
    assert refusal(lambda: room.control.update_service(made.id, WEB._replace(name="other"))) == (
        501,
        "rpc error: code = Unimplemented desc = renaming services is not supported",
    )
    assert refusal(lambda: room.control.update_service(made.id, WEB._replace(mode="global"))) == (
        501,
        "rpc error: code = Unimplemented desc = service mode change is not allowed",
    )
    assert room.store.services[made.id] == made


def test_every_change_remembers_the_spec_before_and_forgets_the_status(room: Room) -> None:
    made = room.control.create_service(WEB)
    changed = room.control.update_service("webapp", WEB._replace(replicas=4))
    assert (changed.previous_spec, changed.spec.replicas, changed.update_status) == (WEB, 4, None)
    assert (changed.spec_version, changed.previous_spec_version) == (made.version, made.spec_version)
    again = room.control.update_service("webapp", changed.spec)
    assert again.previous_spec == changed.spec


def test_a_rollback_exchanges_the_specs_and_says_that_it_was_asked_for(room: Room) -> None:
    made = room.control.create_service(WEB)
    assert refusal(lambda: room.control.rollback_service("webapp")) == (
        400,
        f"rpc error: code = FailedPrecondition desc = service {made.id} does not have a previous spec",
    )
    room.control.scale_service("webapp", 3)
    back = room.control.rollback_service("webapp")
    assert (back.spec.replicas, back.previous_spec) == (1, WEB._replace(replicas=3))
    assert back.update_status is not None
    assert (back.update_status.state, back.update_status.message) == (
        UpdateState.ROLLBACK_STARTED,
        "manually requested rollback",
    )


def test_what_is_not_there_is_not_found(room: Room) -> None:
    assert refusal(lambda: room.control.remove_service("nosuch")) == (404, "service nosuch not found")
    assert refusal(lambda: room.control.remove_network("nonet")) == (404, "network nonet not found")
    assert refusal(lambda: room.control.remove_volume("novol")) == (404, "get novol: no such volume")
    assert room.control.remove_volume("novol", force=True) is None


def test_a_service_that_is_removed_takes_its_tasks_along_when_they_have_ended(room: Room) -> None:
    room.control.create_service(WEB._replace(replicas=2))
    room.settle()
    room.every(TaskState.RUNNING)
    room.control.remove_service("webapp")
    room.settle()
    assert {task.desired for task in room.store.tasks.values()} == {DesiredState.REMOVE}
    for task in list(room.store.tasks.values()):
        room.store.put(task._replace(state=TaskState.SHUTDOWN))
    room.settle()
    assert not room.store.tasks


def test_a_network_in_use_stays(room: Room) -> None:
    made = room.control.create_service(WEB)
    assert refusal(lambda: room.control.remove_network("web_network")) == (
        400,
        f"rpc error: code = FailedPrecondition desc = "
        f"network {room.network.id} is in use by service {made.id}",
    )
    room.control.remove_service("webapp")
    room.control.remove_network("web_network")
    assert not room.store.networks


def test_only_idle_networks_are_pruned(room: Room) -> None:
    room.control.create_network(NetworkSpec("idle"))
    room.control.create_service(WEB)
    assert [network.name for network in room.control.prune_networks()] == ["idle"]


def test_a_volume_in_use_by_a_container_stays(room: Room) -> None:
    room.control.create_volume("data", "/somewhere")
    assert room.control.create_volume("data", "/elsewhere").mountpoint == "/somewhere"
    spec = WEB._replace(task=TaskSpec("app", mounts=(Mount("volume", "data", "/data"),)))
    room.control.create_service(spec)
    room.settle()
    task = next(iter(room.store.tasks.values()))
    room.store.put(task._replace(container_id="c0ffee"))
    assert refusal(lambda: room.control.remove_volume("data")) == (
        409,
        "remove data: volume is in use - [c0ffee]",
    )


def test_a_published_port_is_there_once(room: Room) -> None:
    first = room.control.create_service(WEB._replace(ports=(Port(80, 8080),)))
    other = WEB._replace(name="other", ports=(Port(80, 8080, mode="host"),))
    words = f"port '8080' is already in use by service 'webapp' ({first.id}) as an ingress port"
    assert refusal(lambda: room.control.create_service(other)) == (
        400,
        f"rpc error: code = InvalidArgument desc = {words}",
    )
    twice = WEB._replace(name="twice", ports=(Port(80, 9000), Port(81, 9000)))
    assert refusal(lambda: room.control.create_service(twice))[1].endswith(
        "EndpointSpec: duplicate published ports provided"
    )
    by_name = other._replace(endpoint_mode="dnsrr", ports=(Port(80, 9000),))
    assert refusal(lambda: room.control.create_service(by_name))[1].endswith(
        "EndpointSpec: port published with ingress mode can't be used with dnsrr mode"
    )


def test_a_port_without_a_number_gets_one_and_keeps_it(room: Room) -> None:
    room.control.create_service(WEB._replace(ports=(Port(80, 30000),)))
    made = room.control.create_service(WEB._replace(name="auto", ports=(Port(80, 0),)))
    assert (made.spec.ports[0].published, made.ports[0].published) == (0, 30001)
    changed = room.control.scale_service("auto", 2)
    assert changed.ports == made.ports


def test_a_service_that_changes_keeps_its_address(room: Room) -> None:
    made = room.control.create_service(WEB)
    changed = room.control.update_service("webapp", WEB._replace(replicas=2, ports=(Port(80, 8080),)))
    assert [vip.network for vip in changed.vips] == ["ingress", "web_network"]
    assert changed.vips[1] == made.vips[0]


def test_a_failing_update_gives_the_ports_back_with_the_spec(room: Room) -> None:
    config = UpdateConfig(failure_action="rollback")
    room.control.create_service(WEB._replace(ports=(Port(80, 8080),), update=config))
    room.settle()
    room.every(TaskState.RUNNING)
    room.control.update_service("webapp", WEB._replace(ports=(Port(80, 9090),), update=config))
    room.settle()
    old = next(task for task in room.store.tasks.values() if not task.desired.wants_to_run)
    room.store.put(old._replace(state=TaskState.SHUTDOWN))
    room.settle()
    room.every(TaskState.FAILED)
    service = room.store.service("webapp")
    assert service is not None
    assert service.update_status is not None
    assert service.update_status.state is UpdateState.ROLLBACK_STARTED
    assert [port.published for port in service.ports] == [8080]


def test_a_drained_node_s_tasks_are_wanted_shut_down(room: Room) -> None:
    room.store.put(Node("n1", "vm"))
    node = room.store.nodes["n1"]
    room.control.create_service(WEB)
    room.settle()
    for task in list(room.store.tasks.values()):
        room.store.put(task._replace(state=TaskState.RUNNING, node_id="n1"))
    changed = room.control.update_node("n1", node._replace(availability="drain"), node.version)
    room.settle()
    assert [task.desired for task in room.store.tasks.values()] == [
        DesiredState.SHUTDOWN,
        DesiredState.READY,
    ]
    assert refusal(lambda: room.control.update_node("n1", changed, node.version))[0] == 500


def test_a_network_that_overlaps_another_is_made_and_never_allocated(room: Room) -> None:
    made = room.control.create_network(NetworkSpec("second", subnet="192.168.100.0/25"))
    assert (made.subnet, made.gateway) == ("", "")
    service = room.control.create_service(WEB._replace(task=TaskSpec("app", networks=("second",))))
    assert service.vips == ()
    room.control.remove_service("webapp")
    room.control.remove_network("second")


def test_bits_of_a_host_in_a_subnet_are_dropped(room: Room) -> None:
    made = room.control.create_network(NetworkSpec("third", subnet="192.168.103.7/24"))
    assert made.gateway == "192.168.103.1"
