"""docker-py (`docker` of PyPI) on our socket: another client of the same API, with habits of its own."""

from __future__ import annotations

import gc
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from .recorded import Stage

docker = pytest.importorskip("docker")
# It leaves the sockets of its streams to the garbage collector.
pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
IMAGE = "kmmanoj/flask_gunicorn_app"


@pytest.fixture(scope="module")
def client(stage: Stage) -> Iterator[Any]:
    made = docker.DockerClient(base_url=f"unix://{stage.socket}", timeout=30)
    made.swarm.init()
    yield made
    made.close()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gc.collect()


@pytest.fixture(scope="module")
def service(client: Any) -> Any:
    """Three replicas on a network, with a volume, a health check and an update config; all of them up."""
    network = client.networks.create("net", driver="overlay", ipam=docker.types.IPAMConfig(
        pool_configs=[docker.types.IPAMPool(subnet="10.81.4.0/24")]))  # fmt: skip
    client.volumes.create("data", labels={"of": "test"})
    started = client.events(decode=True, filters={"type": "container", "event": "health_status"})
    made = client.services.create(
        IMAGE,
        name="web",
        labels={"tier": "front"},
        env=["A=1", "SLOT={{.Task.Slot}}"],
        mounts=["data:/app/static:rw"],
        networks=[network.id],
        mode=docker.types.ServiceMode("replicated", replicas=3),
        healthcheck=docker.types.Healthcheck(test=["CMD", "true"], interval=200_000_000, retries=2),
        update_config=docker.types.UpdateConfig(parallelism=2, order="start-first", monitor=500_000_000),
        restart_policy=docker.types.RestartPolicy(condition="any", delay=1),
        endpoint_spec=docker.types.EndpointSpec(mode="vip"),
    )
    wait_for(client, started, 3)
    for container in client.containers.list():
        next(line for line in container.logs(stream=True, follow=True) if b"Booting worker" in line)
    return made


def wait_for(client: Any, events: Any, count: int) -> None:
    """Until so many containers have been told healthy."""
    for _ in range(count):
        next(events)
    events.close()


def test_the_engine_is_a_swarm_manager(client: Any) -> None:
    assert client.ping()
    assert client.version()["ApiVersion"] == "1.41"
    assert client.info()["Swarm"]["ControlAvailable"]
    (node,) = client.nodes.list(filters={"role": "manager"})
    assert node.attrs["ManagerStatus"]["Leader"]
    assert client.swarm.attrs["JoinTokens"]["Worker"].startswith("SWMTKN-1-")


def test_a_service_is_as_it_was_asked_for(client: Any, service: Any) -> None:
    service.reload()
    template = service.attrs["Spec"]["TaskTemplate"]
    assert template["ContainerSpec"]["Env"] == ["A=1", "SLOT={{.Task.Slot}}"]
    assert template["ContainerSpec"]["Healthcheck"]["Interval"] == 200_000_000
    assert service.attrs["Spec"]["UpdateConfig"]["Order"] == "start-first"
    assert service.attrs["Endpoint"]["VirtualIPs"][0]["Addr"] == "10.81.4.2/24"
    assert [found.name for found in client.services.list(filters={"label": "tier=front"})] == ["web"]
    assert {task["Status"]["State"] for task in service.tasks({"desired-state": "running"})} == {"running"}


def test_its_containers_are_containers(client: Any, service: Any) -> None:
    found = client.containers.list(filters={"label": "com.docker.swarm.service.name=web"})
    assert sorted(container.labels["com.docker.swarm.service.name"] for container in found) == ["web"] * 3
    one = found[0]
    assert one.status == "running"
    assert one.attrs["State"]["Health"]["Status"] == "healthy"
    slot = one.name.split(".")[1]
    assert f"SLOT={slot}" in one.attrs["Config"]["Env"]
    assert one.top()["Titles"][0] == "UID"
    assert one.stats(stream=False, one_shot=True)["memory_stats"]["usage"] > 0
    assert b"Booting worker" in one.logs()


def test_logs_of_a_service_carry_every_task(client: Any, service: Any) -> None:
    told = b"".join(service.logs(stdout=True, stderr=True, details=True))
    assert len({part for part in told.split() if b"com.docker.swarm.task.id=" in part}) == 3


def test_a_network_and_a_volume_in_use_are_kept(client: Any, service: Any) -> None:
    with pytest.raises(docker.errors.APIError) as refused:
        client.networks.get("net").remove()
    assert refused.value.status_code == 400
    assert "is in use by service" in refused.value.explanation
    with pytest.raises(docker.errors.APIError) as refused:
        client.volumes.get("data").remove()
    assert refused.value.status_code == 409


def test_scaling_and_updating(client: Any, service: Any) -> None:
    service.reload()
    assert service.scale(2) == {"Warnings": None}
    service.reload()
    assert service.attrs["Spec"]["Mode"] == {"Replicated": {"Replicas": 2}}
    service.update(labels={"tier": "back"})
    service.reload()
    assert service.attrs["Spec"]["Labels"] == {"tier": "back"}
    assert service.attrs["PreviousSpec"]["Labels"] == {"tier": "front"}


def test_events_come_as_they_happen(client: Any) -> None:
    events = client.events(decode=True, filters={"type": "volume", "event": "create"})
    client.volumes.create("another")
    event = next(events)
    events.close()
    assert (event["Action"], event["Actor"]["ID"]) == ("create", "another")
    assert client.volumes.prune()["VolumesDeleted"] == ["another"]


@pytest.mark.parametrize(
    ("call", "status", "words"),
    [
        (lambda c: c.containers.run(IMAGE), 501, "a container without a service cannot be emulated"),
        (lambda c: c.secrets.create(name="s", data=b"x"), 501, "secrets cannot be emulated"),
        (lambda c: c.services.get("nosuch"), 404, "service nosuch not found"),
        (lambda c: c.images.get("nosuch"), 404, "No such image: nosuch:latest"),
        (lambda c: c.networks.create("b", driver="bridge"), 501, "cannot be emulated"),
        (lambda c: c.services.create(IMAGE, name="j", mode="replicated-job"), 501, "replicated-job"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_refused_by_name(client: Any, call: Any, status: int, words: str) -> None:
    with pytest.raises(docker.errors.APIError) as refused:
        call(client)
    assert refused.value.status_code == status
    assert words in refused.value.explanation


def test_a_removed_service_is_gone(client: Any, service: Any) -> None:
    gone = client.events(decode=True, filters={"type": "service", "event": "remove"})
    assert service.remove()
    assert next(gone)["Actor"]["ID"] == service.id
    gone.close()
    assert client.services.list() == []
    assert client.swarm.leave(force=True)
    assert not client.info()["Swarm"]["ControlAvailable"]
