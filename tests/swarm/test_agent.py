"""The orchestrator and the agent around a runtime of the test's own: order of steps, states, endpoints."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from emulator import settings
from emulator.livetable import LiveTable
from emulator.settings import Mount, Port, RestartPolicy
from emulator.swarm import described
from emulator.swarm.agent import Agent, Failed, Rejected
from emulator.swarm.control import Control
from emulator.swarm.loop import Loop
from emulator.swarm.model import NetworkSpec, Service, Task, TaskState
from emulator.swarm.networks import Links, Networks
from emulator.swarm.orchestrator import Orchestrator
from emulator.swarm.store import Store


class Box:
    """A container that only remembers what was asked of it."""

    def __init__(self, runtime: Runtime, task: Task, links: Links) -> None:
        self.id, self.hostname, self.pid = f"c-{task.id}", f"h{task.slot}", 4711
        self.task, self.links, self.told = task, links, runtime.told
        self.runtime = runtime
        self.dead: Callable[[], None] = lambda: None
        self.ended: Callable[[int], None] = lambda code: None
        self.on_health: Callable[[str], None] = lambda status: None
        self.mounts = task.spec.mounts
        self.on_oom: Callable[[], None] = lambda: None

    @property
    def checked(self) -> bool:
        return self.task.spec.healthcheck is not None

    def start(self, dead: Callable[[], None], ended: Callable[[int], None]) -> None:
        if self.runtime.refuse:
            raise Failed(self.runtime.refuse, 127)
        self.told.append(f"start {self.task.label}")
        self.dead, self.ended = dead, ended

    def exit(self, code: int) -> None:
        self.dead()
        assert self.task.id not in {endpoint["task"] for endpoint in self.runtime.listed()}
        self.ended(code)

    def stop(self, signal: str | None) -> None:
        self.told.append(f"stop {self.task.label} {self.runtime.resolved()}")

    def ask(self, signal: str | None) -> None:
        self.stop(signal)

    def kill(self) -> None:
        self.told.append(f"kill {self.task.label}")
        self.exit(137)

    def remove(self) -> None:
        self.told.append(f"remove {self.task.label}")


class Runtime:
    def __init__(self) -> None:
        self.told: list[str] = []
        self.boxes: dict[str, Box] = {}
        self.refuse = ""
        self.resolved: Callable[[], int] = lambda: 0
        self.listed: Callable[[], list[dict[str, object]]] = list

    def expose(self, image: str) -> tuple[int, ...]:
        if image == "nosuch:latest":
            raise Rejected("No such image: nosuch:latest")
        return (8000,) if image == "app:latest" else (80,)

    def binds_published_ports(self, image: str) -> bool:
        return image == "nginx:latest"

    def prepare(self, task: Task, service: Service, links: Links) -> Box:
        if any(mount.source == "/nonexistent" for mount in task.spec.mounts):
            raise Rejected("bind source path does not exist: /nonexistent")
        if any(mount.source == "/full" for mount in task.spec.mounts):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/state/tasks/x")
        box = self.boxes[task.label] = Box(self, task, links)
        return box


class Swarm:
    """All of the room but processes."""

    def __init__(self, folder: Path, *, listening: bool = True) -> None:
        self.loop = Loop()
        self.now = 1000.0
        self.loop.time = lambda: self.now  # type: ignore[method-assign]
        self.store = Store(self.loop.time)
        self.networks = Networks(folder, loopback=False)
        self.runtime = Runtime()
        self.runtime.resolved = lambda: len(self.endpoints())
        self.runtime.listed = self.endpoints
        self.agent = Agent(self.store, self.loop, self.networks, self.runtime, "node", listening=listening)
        self.ids = iter(f"id{number:03}" for number in range(1000))
        self.orchestrator = Orchestrator(self.store, self.loop, lambda: next(self.ids))
        self.control = Control(self.store, self.networks, lambda: next(self.ids))
        self.control.create_network(NetworkSpec("web_network", subnet="192.168.100.0/24"))
        self.table = LiveTable(str(folder / "web_network.table"))

    def create(self, **words: object) -> Service:
        words = {"name": "webapp", "image": "app", "networks": ("web_network",), **words}
        service = settings.Service(**words)  # type: ignore[arg-type]
        made = self.control.create_service(described.service(service), service.ports)
        self.loop.settle()
        return made

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.loop._due()

    def task(self, slot: int) -> Task:
        return [task for task in self.store.tasks.values() if task.slot == slot][-1]

    def endpoints(self, service: str = "webapp") -> list[dict[str, object]]:
        found: list[dict[str, object]] = self.table.read()["services"][service]["endpoints"]
        return found

    def listen(self, slot: int) -> None:
        task = self.task(slot)
        place = self.runtime.boxes[task.label].links.place
        self.agent.listens(task.id, place.host, place.port(8000))


@pytest.fixture
def swarm(tmp_path: Path) -> Iterator[Swarm]:
    made = Swarm(tmp_path)
    yield made
    made.networks.close()


def test_addresses_are_handed_out_as_docker_does_it_in_the_article(swarm: Swarm) -> None:
    webapp = swarm.create(replicas=3)
    webproxy = swarm.create(name="webproxy", image="nginx", ports=(Port(80, 8080),))
    tasks = {task.label: task.attachments[-1].address for task in swarm.store.tasks.values()}
    network = swarm.store.network("web_network")
    assert [vip.address for vip in webapp.vips] == ["192.168.100.2"]
    assert tasks["webapp.1"] == "192.168.100.3"
    assert tasks["webapp.3"] == "192.168.100.5"
    assert network is not None
    assert network.endpoint == "192.168.100.6"
    assert [vip.address for vip in webproxy.vips] == ["10.0.0.3", "192.168.100.7"]
    assert tasks["webproxy.1"] == "192.168.100.8"
    assert swarm.task(1).attachments[0].network in ("web_network", "ingress")


def test_a_task_has_a_name_when_it_runs_and_a_turn_when_it_listens(swarm: Swarm) -> None:
    swarm.create(replicas=2)
    assert [endpoint["ready"] for endpoint in swarm.endpoints()] == [False, False]
    swarm.listen(2)
    assert [endpoint["ready"] for endpoint in swarm.endpoints()] == [False, True]
    assert swarm.agent.is_ready(swarm.task(2))


def test_started_endpoints_are_ready_at_once_as_in_docker(tmp_path: Path) -> None:
    swarm = Swarm(tmp_path, listening=False)
    swarm.create()
    assert [endpoint["ready"] for endpoint in swarm.endpoints()] == [True]
    swarm.networks.close()


def test_listening_on_another_port_or_on_its_own_loopback_is_no_readiness(swarm: Swarm) -> None:
    swarm.create()
    task = swarm.task(1)
    swarm.agent.listens(task.id, "127.40.100.3", 8000)
    swarm.agent.listens(task.id, "127.0.0.1", 1)
    assert [endpoint["ready"] for endpoint in swarm.endpoints()] == [False]


def test_the_endpoint_leaves_before_the_stop_signal(swarm: Swarm) -> None:
    service = swarm.create()
    swarm.listen(1)
    swarm.store.put(service._replace(spec=service.spec._replace(replicas=0)))
    swarm.loop.settle()
    assert swarm.endpoints() == []
    assert swarm.runtime.told == ["start webapp.1"], "who is being served is served to the end"
    for _ in range(2):
        swarm.wait(0.05)
    assert "stop webapp.1 0" in swarm.runtime.told
    swarm.runtime.boxes["webapp.1"].exit(0)
    swarm.loop.settle()
    assert not swarm.store.tasks
    assert swarm.runtime.told[-1] == "remove webapp.1"


def test_what_ignores_the_stop_signal_is_killed_after_the_grace(swarm: Swarm) -> None:
    service = swarm.create(stop_grace_period=10.0)
    swarm.store.put(service._replace(spec=service.spec._replace(replicas=0)))
    swarm.loop.settle()
    swarm.wait(9.9)
    assert "kill webapp.1" not in swarm.runtime.told
    swarm.wait(0.2)
    assert "kill webapp.1" in swarm.runtime.told


def test_a_task_that_dies_leaves_the_rotation_and_is_replaced_with_a_new_address(swarm: Swarm) -> None:
    swarm.create(restart_policy=RestartPolicy(delay=0.5))
    first = swarm.task(1)
    swarm.listen(1)
    swarm.runtime.boxes["webapp.1"].exit(137)
    assert swarm.endpoints() == []
    swarm.loop.settle()
    dead = swarm.store.tasks[first.id]
    assert (dead.state, dead.error) == (TaskState.FAILED, "task: non-zero exit (137)")
    swarm.wait(0.5)
    assert swarm.task(1).state is TaskState.RUNNING
    assert swarm.task(1).attachments[-1].address == "192.168.100.5"


def test_an_exit_with_zero_is_complete(swarm: Swarm) -> None:
    swarm.create()
    swarm.runtime.boxes["webapp.1"].exit(0)
    assert next(task.state for task in swarm.store.tasks.values()) is TaskState.COMPLETE


def test_what_cannot_be_prepared_is_rejected_and_tried_again_after_the_delay(swarm: Swarm) -> None:
    swarm.create(mounts=(Mount("bind", "/nonexistent", "/x"),), restart_policy=RestartPolicy(delay=5))

    def rejected() -> int:
        return [task.state for task in swarm.store.tasks.values()].count(TaskState.REJECTED)

    assert rejected() == 2, "the first, and its successor that waits"
    swarm.wait(4.9)
    assert rejected() == 2
    swarm.wait(0.2)
    assert rejected() == 3


def test_what_the_machine_refuses_is_rejected_in_its_words_and_no_task_hangs(swarm: Swarm) -> None:
    swarm.create(mounts=(Mount("bind", "/full", "/x"),))
    task = min(swarm.store.tasks.values(), key=lambda task: task.created_at)
    assert (task.state, task.error) == (TaskState.REJECTED, "/state/tasks/x: no space left on device")


def test_an_image_that_nobody_knows_is_rejected_in_dockers_words(swarm: Swarm) -> None:
    swarm.create(image="nosuch")
    assert {task.error for task in swarm.store.tasks.values() if task.error} == {
        "No such image: nosuch:latest"
    }


def test_a_process_that_does_not_start_is_failed_with_its_exit_code(swarm: Swarm) -> None:
    swarm.runtime.refuse = 'exec: "x": executable file not found in $PATH'
    swarm.create()
    failed = next(iter(swarm.store.tasks.values()))
    assert (failed.state, failed.exit_code, failed.message) == (TaskState.FAILED, 127, "starting")


def test_freezing_ends_the_replacing(swarm: Swarm) -> None:
    swarm.create(restart_policy=RestartPolicy(delay=0))
    swarm.orchestrator.freeze()
    swarm.runtime.boxes["webapp.1"].exit(1)
    swarm.wait(60)
    assert len(swarm.store.tasks) == 1


def test_a_task_for_which_there_is_no_address_stays_new_until_one_is_free(swarm: Swarm) -> None:
    swarm.control.create_network(NetworkSpec("tiny", subnet="10.9.0.0/29"))
    swarm.create(networks=("tiny",), replicas=5, restart_policy=RestartPolicy("none"))
    states = [task.state for task in swarm.store.tasks.values()]
    waiting = [task for task in swarm.store.tasks.values() if task.state is TaskState.NEW]
    assert (states.count(TaskState.RUNNING), len(waiting)) == (4, 1)
    swarm.runtime.boxes["webapp.1"].ended(0)
    swarm.loop.settle()
    assert swarm.store.tasks[waiting[0].id].state is TaskState.RUNNING


def test_the_tasks_of_a_network_without_a_subnet_stay_new(swarm: Swarm) -> None:
    swarm.control.create_network(NetworkSpec("second", subnet="192.168.100.0/25"))
    swarm.create(networks=("second",))
    assert [task.state for task in swarm.store.tasks.values()] == [TaskState.NEW]
    swarm.control.remove_service("webapp")
    swarm.loop.settle()
    assert not swarm.store.tasks
