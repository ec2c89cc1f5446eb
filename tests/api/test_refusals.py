"""What dockerd (20.10.24) answers to raw requests that a client seldom sends: status and words, measured."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from .raw import call, following
from .recorded import Stage

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

BAD = "invalid character 'b' looking for beginning of object key string"
MAP = "json: cannot unmarshal {} into Go value of type map[string]{}"
ATOI, INT = 'strconv.Atoi: parsing "abc": invalid syntax', 'strconv.ParseInt: parsing "abc": invalid syntax'
UINT = 'strconv.ParseUint: parsing "zz": invalid syntax'
NO_CONTAINER, NO_EXEC = "No such container: nosuch", "No such exec instance: nosuch"
NO_IMAGE, NO_PLUGIN = "No such image: nosuch:latest", 'plugin "nosuch" not found'
DANGLING = 'invalid value for filter \'dangling\', must be "true" (or "1"), or "false" (or "0")'
IPAM = "rpc error: code = InvalidArgument desc = ipam configuration: "
DNS = "rpc error: code = InvalidArgument desc = name must be valid as a DNS name component"
FEATURE = (
    "This experimental feature is disabled by default. "
    "Start the Docker daemon in experimental mode in order to enable it."
)


def overlay(**fields: Any) -> dict[str, Any]:
    return {"Name": "new", "Driver": "overlay", **fields}


def subnet(**fields: str) -> dict[str, Any]:
    return overlay(IPAM={"Config": [{"Subnet": "10.9.0.0/24", **fields}]})


def spec(**template: Any) -> dict[str, Any]:
    return {"Name": "new", "TaskTemplate": {"ContainerSpec": {"Image": "bookworm-base"}, **template}}


def constraint(text: str) -> dict[str, Any]:
    return spec(Placement={"Constraints": [text]})


FILTERS = (
    ("/services", "{bad", 400, BAD),
    ("/tasks", "{bad", 500, BAD),
    ("/nodes", "{bad", 500, BAD),
    ("/networks", "{bad", 500, BAD),
    ("/volumes", "{bad", 400, f"error reading volume filters: {BAD}"),
    ("/images/json", "{bad", 500, BAD),
    ("/containers/json", "{bad", 500, BAD),
    ("/events", "{bad", 500, BAD),
    ("/secrets", "{bad", 500, BAD),
    ("/configs", "{bad", 500, BAD),
    ("/plugins", "{bad", 500, BAD),
    ("/services", "[]", 400, MAP.format("array", "map[string]bool")),
    ("/containers/json", '"x"', 500, MAP.format("string", "map[string]bool")),
    ("/services", '{"a": 5}', 400, MAP.format("number", "bool")),
    ("/services", '{"name": [5]}', 400, MAP.format("array", "bool")),
    ("/services", '{"a": {"b": 5}}', 400, "json: cannot unmarshal number into Go value of type bool"),
    ("/containers/json", '{"status": ["zz"]}', 400, "Invalid filter 'status=zz'"),
    ("/containers/json", '{"health": ["zz"]}', 400, "Unrecognised filter value for health: zz"),
    ("/containers/json", '{"exited": ["abc"]}', 500, ATOI),
    ("/containers/json", '{"is-task": ["zz"]}', 400, "Invalid filter 'is-task=[zz]'"),
    ("/containers/json", '{"before": ["nosuch"]}', 500, "no such container nosuch"),
    ("/containers/json", '{"since": ["nosuch"]}', 500, "no such container nosuch"),
    ("/containers/json", '{"publish": ["zz"]}', 500, f"error while looking up for publish zz: {UINT}"),
    ("/containers/json", '{"expose": ["zz"]}', 500, f"error while looking up for expose zz: {UINT}"),
    ("/nodes", '{"membership": ["zz"]}', 500, "Invalid membership filter: 'zz'"),
    ("/nodes", '{"role": ["zz"]}', 500, "Invalid role filter: 'zz'"),
    ("/tasks", '{"desired-state": ["zz"]}', 500, "Invalid desired-state filter: 'zz'"),
    ("/networks", '{"type": ["zz"]}', 500, "invalid filter: 'type'='zz'"),
    ("/networks", '{"dangling": ["zz"]}', 400, DANGLING),
    ("/volumes", '{"dangling": ["zz"]}', 400, "Invalid filter 'dangling=[zz]'"),
    ("/images/json", '{"dangling": ["zz"]}', 400, "Invalid filter 'dangling=[zz]'"),
    ("/images/json", '{"before": ["nosuch"]}', 404, NO_IMAGE),
)
REQUESTS = (
    ("GET", "/containers/json?limit=abc", None, 500, ATOI),
    ("GET", "/events?until=abc", None, 500, INT),
    ("GET", "/events?since=5&until=1", None, 400, "`since` time (5) cannot be after `until` time (1)"),
    ("GET", "/services/web/logs", None, 500, "Bad parameters: you must choose at least one stream"),
    ("GET", "/services/web/logs?stdout=1&tail=abc", None, 500,
     'tail value must be a positive integer or "all"'),
    ("GET", "/services/web/logs?stdout=1&tail=-1", None, 500, "negative tail values not supported"),
    ("GET", "/services/web/logs?stdout=1&since=abc", None, 500,
     f"could not parse since timestamp: {INT}"),
    ("GET", "/containers/{c}/logs", None, 400, "Bad parameters: you must choose at least one stream"),
    ("GET", "/containers/{c}/logs?stdout=1&since=abc", None, 500, INT),
    ("GET", "/containers/{c}/logs?stdout=1&until=abc", None, 500, INT),
    ("POST", "/containers/nosuch/kill", None, 404, f"Cannot kill container: nosuch: {NO_CONTAINER}"),
    ("POST", "/containers/{c}/kill?signal=FOO", None, 400, "Invalid signal: FOO"),
    ("POST", "/containers/{c}/kill?signal=99", None, 500,
     "Cannot kill container: {c}: The linux daemon does not support signal 99"),
    ("POST", "/containers/{c}/stop?t=abc", None, 500, ATOI),
    ("POST", "/containers/nosuch/exec", {"Cmd": ["x"]}, 404, NO_CONTAINER),
    ("POST", "/containers/nosuch/attach", None, 404, NO_CONTAINER),
    ("POST", "/containers/nosuch/rename?name=x", None, 404, NO_CONTAINER),
    ("POST", "/containers/nosuch/update", {}, 404, NO_CONTAINER),
    ("POST", "/containers/nosuch/resize?h=1&w=1", None, 404, NO_CONTAINER),
    ("GET", "/containers/{c}/top?ps_args=-o cmd", None, 500, "Couldn't find PID field in ps output"),
    ("GET", "/containers/{c}/top?ps_args=--zzz", None, 500, "ps: error: unknown gnu long option"),
    ("GET", "/containers/{c}/top?ps_args=-o foo=PID,pid", None, 500,
     'specifying "foo=PID,pid" is not allowed'),
    ("GET", "/containers/nosuch/changes", None, 404, NO_CONTAINER),
    ("GET", "/containers/nosuch/export", None, 404, NO_CONTAINER),
    ("GET", "/containers/nosuch/archive?path=/", None, 404, NO_CONTAINER),
    ("GET", "/containers/{c}/checkpoints", None, 501, FEATURE),
    ("POST", "/commit?container=nosuch", {}, 404, NO_CONTAINER),
    ("GET", "/exec/nosuch/json", None, 404, NO_EXEC),
    ("POST", "/exec/nosuch/start", {}, 404, NO_EXEC),
    ("POST", "/exec/nosuch/resize?h=1&w=1", None, 404, NO_EXEC),
    ("GET", "/images/nosuch/history", None, 404, NO_IMAGE),
    ("POST", "/images/nosuch/tag?repo=x", None, 404, NO_IMAGE),
    ("DELETE", "/images/nosuch", None, 404, NO_IMAGE),
    ("POST", '/images/prune?filters={"zz":["a"]}', None, 400, "Invalid filter 'zz'"),
    ("POST", "/networks/net/connect", {"Container": "nosuch"}, 404, NO_CONTAINER),
    ("POST", "/networks/net/connect", None, 400, "got EOF while reading request body"),
    ("POST", "/networks/create", overlay(Name="x y"), 400, DNS),
    ("POST", "/networks/create", overlay(Scope="local"), 403,
     "cannot downgrade network scope for overlay networks"),
    ("POST", "/networks/create", subnet(Gateway="bad"), 400, f"{IPAM}invalid gateway bad"),
    ("POST", "/networks/create", subnet(Gateway="10.10.0.1"), 400,
     f"{IPAM}subnet 10.9.0.0/24 does not contain gateway 10.10.0.1"),
    ("POST", "/networks/create", subnet(IPRange="10.10.0.0/24"), 400,
     f"{IPAM}subnet 10.9.0.0/24 does not contain range 10.10.0.0/24"),
    ("POST", "/volumes/create", [], 400,
     "json: cannot unmarshal array into Go value of type volume.VolumeCreateBody"),
    ("POST", "/volumes/create", {"Name": 5}, 400,
     "json: cannot unmarshal number into Go struct field VolumeCreateBody.Name of type string"),
    ("POST", "/services/create", [], 400,
     "json: cannot unmarshal array into Go value of type swarm.ServiceSpec"),
    ("POST", "/services/create", spec(Networks=[{"Target": "nosuch"}]), 500, "network nosuch not found"),
    ("POST", "/services/create", spec() | {"EndpointSpec": {"Mode": "zz"}}, 400,
     'invalid resolution mode: "zz"'),
    ("POST", "/services/create", constraint("bad"), 500,
     "rpc error: code = Unknown desc = constraint expected one operator from ==, !="),
    ("POST", "/services/create", constraint("a==b"), 500,
     "rpc error: code = Unknown desc = key 'a' is invalid"),
    ("POST", "/services/web/update?version=1&rollback=previous", None, 400,
     "got EOF while reading request body"),
    ("POST", "/nodes/nosuch/update?version=1", {}, 400, 'invalid Role: ""'),
    ("POST", "/nodes/nosuch/update?version=1", {"Role": "manager", "Availability": "active"}, 404,
     "node nosuch not found"),
    ("POST", "/secrets/nosuch/update?version=1", {}, 404, "secret nosuch not found"),
    ("POST", "/configs/nosuch/update?version=1", {}, 404, "config nosuch not found"),
    ("POST", "/plugins/nosuch/disable", None, 404, NO_PLUGIN),
    ("DELETE", "/plugins/nosuch", None, 404, NO_PLUGIN),
    ("GET", "/nosuch", None, 404, "page not found"),
)  # fmt: skip


@pytest.fixture(scope="module")
def container(stage: Stage) -> str:
    """The id of the one container of a service on a network."""
    call(stage.socket, "POST", "/swarm/init", {})
    call(stage.socket, "POST", "/networks/create", overlay(Name="net"))
    made = spec(ContainerSpec={"Image": "bookworm-base", "Command": ["sleep", "600"]})
    made |= {"Name": "web", "TaskTemplate": made["TaskTemplate"] | {"Networks": [{"Target": "net"}]}}
    with following(stage.socket, '/events?filters={"event":["start"]}') as events:
        assert call(stage.socket, "POST", "/services/create", made)[0] == 201
        identity = json.loads(events.readline())["Actor"]["ID"]
    return str(identity)


@pytest.mark.parametrize(("path", "filters", "status", "words"), FILTERS)
def test_a_filter_that_is_none_is_refused(
    stage: Stage, container: str, path: str, filters: str, status: int, words: str
) -> None:
    assert call(stage.socket, "GET", f"{path}?filters={filters}") == (status, {"message": words})


@pytest.mark.parametrize(("method", "path", "body", "status", "words"), REQUESTS)
def test_a_request_that_cannot_be_is_refused(
    stage: Stage, container: str, method: str, path: str, body: Any, status: int, words: str
) -> None:
    answer = call(stage.socket, method, path.replace("{c}", container), body)
    assert answer == (status, {"message": words.replace("{c}", container)})


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/containers/create"), ("POST", "/containers/{c}/exec"), ("POST", "/containers/{c}/attach"),
        ("GET", "/containers/{c}/archive?path=/"), ("GET", "/containers/{c}/changes"),
        ("GET", "/containers/{c}/export"), ("POST", "/containers/{c}/rename?name=x"),
        ("POST", "/containers/{c}/update"), ("POST", "/commit?container={c}"), ("POST", "/build"),
        ("POST", "/session"), ("GET", "/images/search?term=x"), ("POST", "/images/load"),
        ("DELETE", "/images/bookworm-base"), ("POST", "/images/bookworm-base/tag?repo=x"),
        ("GET", "/images/bookworm-base/get"), ("POST", "/secrets/create"), ("POST", "/configs/create"),
        ("POST", "/plugins/pull"), ("POST", "/auth"),
    ],
)  # fmt: skip
def test_what_is_not_emulated_is_refused_by_name(
    stage: Stage, container: str, method: str, path: str
) -> None:
    status, answer = call(stage.socket, method, path.replace("{c}", container))
    assert status == 501
    assert "cannot be " in answer["message"]


def test_before_and_since_are_of_the_containers_making(stage: Stage, container: str) -> None:
    for name in ("before", "since"):
        path = f'/containers/json?filters={{"{name}":["{container[:12]}"]}}'
        assert call(stage.socket, "GET", path) == (200, [])


def test_a_list_tells_no_aliases_and_an_inspection_does(stage: Stage, container: str) -> None:
    (listed,) = call(stage.socket, "GET", "/containers/json")[1]
    assert listed["NetworkSettings"]["Networks"]["net"]["Aliases"] is None
    shown = call(stage.socket, "GET", f"/containers/{container}/json")[1]
    assert shown["NetworkSettings"]["Networks"]["net"]["Aliases"] == [container[:12]]
    assert "ExposedPorts" not in shown["Config"]
    assert "Mounts" not in shown["HostConfig"]


def test_options_are_answered_everywhere(stage: Stage) -> None:
    assert call(stage.socket, "OPTIONS", "/services") == (200, b"")


def test_where_a_task_really_is_has_a_path_of_its_own(stage: Stage, container: str) -> None:
    status, found = call(stage.socket, "GET", f"/emulator/containers/{container}")
    assert status == 200
    assert found["Ready"]
    assert found["Address"].startswith("127.")
    assert "Emulator" not in call(stage.socket, "GET", f"/containers/{container}/json")[1]
    assert call(stage.socket, "GET", "/emulator/containers/nosuch") == (404, {"message": NO_CONTAINER})


def test_top_takes_the_arguments_of_ps_and_shows_the_containers_processes_only(
    stage: Stage, container: str
) -> None:
    path = f"/containers/{container}/top"
    status, found = call(stage.socket, "GET", f"{path}?ps_args=-o pid,cmd -e")
    assert (status, found["Titles"]) == (200, ["PID", "CMD"])
    ((pid, command),) = found["Processes"]
    assert command == "sleep 600"
    assert call(stage.socket, "GET", f"{path}?ps_args=")[1]["Processes"][0][1] == pid
    assert call(stage.socket, "GET", f"{path}?ps_args=-p 1")[1]["Processes"] is None
    assert call(stage.socket, "GET", f"{path}?ps_args=-C nosuch") == (500, {"message": "ps: exit status 1"})
