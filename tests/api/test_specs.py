"""Specs and bodies alone: read from Docker's JSON, refused in its words, shown as they came."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from emulator.api import body, filters, specread, specshape
from emulator.api.rules import check_service, check_volume_name
from emulator.settings import Mount, RestartPolicy, Service
from emulator.swarm import described
from emulator.swarm.errors import SwarmError
from emulator.swarm.model import Network, ServiceSpec
from emulator.swarm.store import Store

INVALID = "rpc error: code = InvalidArgument desc = "
NUMBER = "json: cannot unmarshal number into Go struct field ServiceSpec."


@pytest.fixture
def store() -> Store:
    made = Store(lambda: 1.0)
    made.put(Network("net1id", "net1", "overlay", "10.1.0.0/24", "10.1.0.1"))
    return made


def spec(store: Store, **fields: Any) -> ServiceSpec:
    container = {"Image": "web:latest", **fields.pop("ContainerSpec", {})}
    whole = {"Name": "web", "TaskTemplate": {"ContainerSpec": container, **fields.pop("TaskTemplate", {})}}
    made = specread.service_spec(
        body.read(json.dumps({**whole, **fields}), "ServiceSpec"), store, {"h": "host"}
    )
    check_service(made)
    return made


@pytest.mark.parametrize(
    "template",
    [
        {"ContainerSpec": {"Image": "a:1", "Init": False, "DNSConfig": {}, "Isolation": "default"},
         "Resources": {"Limits": {}, "Reservations": {}}, "Placement": {}, "ForceUpdate": 0},
        {"ContainerSpec": {"Image": "a:1", "Isolation": "default"}, "ForceUpdate": 3},
        {"ContainerSpec": {"Image": "a:1", "Env": ["A=1", "B"], "Ulimits": [{"Name": "nofile", "Hard": 9}],
                           "Isolation": "default"},
         "RestartPolicy": {"Condition": "on-failure"}, "ForceUpdate": 0},
        {"ContainerSpec": {"Image": "a:1", "Mounts": [{"Type": "volume", "Source": "v", "Target": "/v",
                           "VolumeOptions": {"NoCopy": True}}], "Isolation": "default"},
         "Resources": {"Limits": {"MemoryBytes": 1 << 25}}, "Networks": [{"Target": "net1id"}],
         "Placement": {"Constraints": ["node.role==manager"]}, "ForceUpdate": 0},
    ],
)  # fmt: skip
def test_a_template_is_shown_as_it_came(store: Store, template: dict[str, Any]) -> None:
    made = specread.service_spec(
        body.read(json.dumps({"Name": "x", "TaskTemplate": template}), "ServiceSpec"), store, {}
    )
    shown = specshape.service_spec(made, store)["TaskTemplate"]
    assert shown == {**template, "Runtime": "container"}


def test_a_service_of_the_configuration_survives_a_clients_read_and_write(store: Store) -> None:
    wanted = Service("web", "web", 2, ("run", "it"), (("A", "1"),), networks=("net1",),
                     mounts=(Mount("volume", "v", "/v", read_only=True),),
                     restart_policy=RestartPolicy(delay=0.1), stop_grace_period=1.5)  # fmt: skip
    known = described.service(wanted)
    shown = specshape.service_spec(known, store)
    assert specread.service_spec(body.read(json.dumps(shown), "ServiceSpec"), store, {}) == known


def test_networks_are_found_by_name_and_by_id(store: Store) -> None:
    for target in ("net1", "net1id", "net1i"):
        made = spec(store, TaskTemplate={"Networks": [{"Target": target, "Aliases": ["www"]}]})
        assert (made.task.networks, made.task.aliases) == (("net1",), (("net1", "www"),))


def test_a_service_without_a_name_is_given_one_of_two_words(store: Store) -> None:
    assert re.fullmatch("[a-z]+_[a-z]+", spec(store, Name="").name)


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"Name": 5}, 400, NUMBER + "Name of type string"),
        ({"Labels": {"a": 1}}, 400, NUMBER + "Labels of type string"),
        ({"Name": "a.b"}, 400, INVALID + "name must be valid as a DNS name component"),
        ({"ContainerSpec": {"Image": ""}}, 400,
         INVALID + "ContainerSpec: image reference must be provided"),
        ({"ContainerSpec": {"Mounts": [{"Type": "odd"}]}}, 400, 'invalid MountType: "odd"'),
        ({"ContainerSpec": {"Secrets": [{}]}}, 501,
         "secrets cannot be emulated: mount a file of this machine instead: --mount type=bind"),
        ({"Mode": {"ReplicatedJob": {}}}, 501,
         "the service mode replicated-job cannot be emulated: a service here is to keep running"),
        ({"TaskTemplate": {"Networks": [{"Target": "host"}]}}, 501,
         "the network host cannot be emulated: every task here has addresses of its own"),
        ({"TaskTemplate": {"Networks": [{"Target": "nosuch"}]}}, 500, "network nosuch not found"),
        ({"UpdateConfig": {"FailureAction": "x"}}, 400, "unrecognized update failure action x"),
        ({"UpdateConfig": {"MaxFailureRatio": 2}}, 400,
         INVALID + "TaskSpec: update-maxfailureratio cannot be less than 0 or bigger than 1"),
        ({"TaskTemplate": {"Resources": {"Limits": {"NanoCPUs": 10}}}}, 400,
         INVALID + "invalid cpu value 1e-08: Must be at least 0.001"),
    ],
)  # fmt: skip
def test_a_bad_spec_is_refused_in_dockers_words(
    store: Store, fields: dict[str, Any], status: int, words: str
) -> None:
    with pytest.raises(SwarmError) as refused:
        spec(store, **fields)
    assert (refused.value.status, str(refused.value)) == (status, words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "got EOF while reading request body"),
        ("{bad", "invalid character 'b' looking for beginning of object key string"),
        ("[1, x]", "invalid character 'x' looking for beginning of value"),
        ('{"a": 1', "unexpected EOF"),
        ("[]", "json: cannot unmarshal array into Go value of type ServiceSpec"),
    ],
)
def test_a_body_that_is_no_json_is_told_as_go_tells_it(text: str, words: str) -> None:
    with pytest.raises(SwarmError) as refused:
        body.read(text, "ServiceSpec")
    assert str(refused.value) == words


@pytest.mark.parametrize("name", ["UPPER", "a/b:c:d", "a b", "-a", "a:"])
def test_what_is_no_image_reference_is_refused(store: Store, name: str) -> None:
    with pytest.raises(SwarmError, match="is not a valid repository/tag"):
        spec(store, ContainerSpec={"Image": name})


@pytest.mark.parametrize(
    "name", ["nginx", "nginx:1.25", "a.b:5000/c/d_e:tag", f"x@sha256:{'0' * 64}", "a__b"]
)
def test_an_image_reference_is_taken(store: Store, name: str) -> None:
    assert spec(store, ContainerSpec={"Image": name}).task.image == name


def test_filters_in_both_of_dockers_forms() -> None:
    assert filters.read('{"a": {"b": true, "c": false}}') == {"a": frozenset({"b", "c"})}
    assert filters.read('{"a": ["b"]}') == {"a": frozenset({"b"})}
    with pytest.raises(SwarmError, match="Invalid filter 'zz'"):
        filters.services([], {"zz": frozenset({"a"})})


def test_volume_names_are_dockers() -> None:
    check_volume_name("web_static.2")
    for bad in ("a", "a b", ".a"):
        with pytest.raises(SwarmError):
            check_volume_name(bad)
