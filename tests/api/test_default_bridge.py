"""What a container of a service without a network is on: Docker's default bridge, or ingress alone."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from .raw import call, following
from .recorded import Stage

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
TEMPLATE = {"ContainerSpec": {"Image": "bookworm-base", "Command": ["sleep", "600"]}}
PORTS = [{"TargetPort": 80, "PublishedPort": 28094}]


@pytest.fixture(scope="module")
def containers(stage: Stage) -> dict[str, Any]:
    """Their inspections, by the names of their services."""
    call(stage.socket, "POST", "/swarm/init", {})
    found = {}
    with following(stage.socket, '/events?filters={"event":["start"]}') as events:
        for name, ports in (("alone", []), ("published", PORTS)):
            spec = {"Name": name, "TaskTemplate": TEMPLATE, "EndpointSpec": {"Ports": ports}}
            assert call(stage.socket, "POST", "/services/create", spec)[0] == 201
            identity = json.loads(events.readline())["Actor"]["ID"]
            found[name] = call(stage.socket, "GET", f"/containers/{identity}/json")[1]
    return found


def test_without_a_network_it_is_on_the_default_bridge(containers: dict[str, Any]) -> None:
    settings = containers["alone"]["NetworkSettings"]
    assert list(settings["Networks"]) == ["bridge"]
    assert settings["Networks"]["bridge"]["IPAMConfig"] is None
    assert settings["Networks"]["bridge"]["Gateway"] == settings["Gateway"] == "172.17.0.1"
    assert settings["IPAddress"].startswith("172.17.0.")


def test_with_a_published_port_it_is_on_ingress_alone(containers: dict[str, Any]) -> None:
    settings = containers["published"]["NetworkSettings"]
    assert list(settings["Networks"]) == ["ingress"]
    assert settings["IPAddress"] == ""


def test_each_bridge_lists_those_that_are_on_it(stage: Stage, containers: dict[str, Any]) -> None:
    members = call(stage.socket, "GET", "/networks/bridge")[1]["Containers"]
    assert list(members) == [containers["alone"]["Id"]]
    gateways = call(stage.socket, "GET", "/networks/docker_gwbridge")[1]["Containers"]
    assert set(gateways) == {"ingress-sbox", containers["published"]["Id"]}


def test_a_list_finds_it_by_its_network(stage: Stage, containers: dict[str, Any]) -> None:
    (found,) = call(stage.socket, "GET", '/containers/json?filters={"network":["bridge"]}')[1]
    assert found["Id"] == containers["alone"]["Id"]
