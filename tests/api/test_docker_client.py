"""A real docker client on our socket, and the routes that it does not reach."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.world import Emulator, project

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The path of the socket of a running emulator."""
    emulator = Emulator(project(tmp_path_factory.mktemp("api")))
    yield str(emulator.ready()["socket"])
    emulator.end()
    emulator.close()


@pytest.fixture
def docker(engine: str) -> Any:
    client = shutil.which("docker")
    if client is None:
        if os.environ.get("CI"):
            pytest.fail("there is no docker client here")
        pytest.skip("there is no docker client here")

    def run(*words: str) -> str:
        argv = [client, "-H", f"unix://{engine}", *words]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=20)
        return done.stdout + done.stderr

    return run


def call(engine: str, method: str, path: str) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("localhost", timeout=20)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(20)
    connection.sock.connect(engine)
    connection.request(method, path)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response.status, json.loads(body) if body.startswith((b"{", b"[")) else body


def test_version_says_who_we_are(docker: Any) -> None:
    assert "Server: swarm-emulator" in docker("version")


def test_services_and_their_replicas(docker: Any) -> None:
    listed = docker("service", "ls", "--format", "{{.Name}} {{.Mode}} {{.Replicas}} {{.Image}}").splitlines()
    assert listed == ["app replicated 2/2 little:latest", "front replicated 1/1 nginx:latest"]


def test_a_service_read_and_sent_back_is_the_service_that_it_was(docker: Any, engine: str) -> None:
    before = call(engine, "GET", "/services/app")[1]
    assert docker("service", "update", "--detach", "--label-add", "colour=blue", "app").strip() == "app"
    after = call(engine, "GET", "/services/app")[1]
    assert after["Spec"].pop("Labels") == {"colour": "blue"}
    before["Spec"].pop("Labels")
    assert after["Spec"] == before["Spec"]
    filters = '{"service":["app"],"desired-state":["running"],"_up-to-date":["true"]}'
    assert len(call(engine, "GET", f"/tasks?filters={filters}")[1]) == 2


def test_tasks_of_a_service(docker: Any) -> None:
    listed = docker("service", "ps", "app", "--format", "{{.Name}} {{.DesiredState}} {{.Error}}").splitlines()
    assert [line.split()[:2] for line in listed if "\\_" not in line] == [
        ["app.1", "Running"],
        ["app.2", "Running"],
    ]


def test_containers_are_listed_as_docker_lists_them(docker: Any) -> None:
    listed = docker("ps", "--format", "{{.Image}}|{{.Command}}|{{.Ports}}|{{.Names}}").splitlines()
    front = next(line for line in listed if line.startswith("nginx"))
    assert front.startswith('nginx:latest|"nginx -g \'daemon of…"|80/tcp|front.1.')
    assert len(listed) == 3


def test_service_inspect_is_understood(docker: Any) -> None:
    shown = docker("service", "inspect", "--pretty", "front")
    assert "Replicas:\t1" in shown
    assert "TargetPort = 80" in shown.replace("  ", " ")


def test_network_inspect_shows_the_containers_and_the_endpoint(docker: Any) -> None:
    (network,) = json.loads(docker("network", "inspect", "net"))
    names = {member["Name"].rpartition(".")[0] or member["Name"] for member in network["Containers"].values()}
    assert names == {"app.1", "app.2", "front.1", "net-endpoint"}
    assert network["IPAM"]["Config"] == [{"Subnet": "10.77.3.0/24", "Gateway": "10.77.3.1"}]


def test_the_other_nouns_answer(docker: Any) -> None:
    assert "files" in docker("volume", "ls")
    assert "Leader" in docker("node", "ls")
    assert "Swarm: active" in docker("info")
    assert json.loads(docker("volume", "inspect", "files"))[0]["Name"] == "files"


def test_logs_come_in_frames_the_last_lines_too(docker: Any, engine: str) -> None:
    container = docker("ps", "-q", "--filter", "name=app.1").strip()
    assert "serving" in docker("logs", container).splitlines()
    assert docker("logs", "--tail", "0", container) == ""
    assert "app.1." in docker("service", "logs", "app")
    status, refused = call(engine, "GET", f"/containers/{container}/logs")
    assert (status, refused["message"]) == (400, "Bad parameters: you must choose at least one stream")


def test_a_killed_container_has_ended_when_kill_answers_and_its_task_tells_why(
    docker: Any, engine: str
) -> None:
    container = docker("ps", "-q", "--filter", "name=app.2").strip()
    assert docker("kill", container).strip() == container
    state = call(engine, "GET", f"/containers/{container}/json")[1]["State"]
    assert (state["Running"], state["ExitCode"], state["Status"]) == (False, 137, "exited")
    tasks = call(engine, "GET", "/tasks")[1]
    (task,) = [
        t
        for t in tasks
        if t["Status"].get("ContainerStatus", {}).get("ContainerID", "").startswith(container)
    ]
    assert task["Status"]["Err"] == "task: non-zero exit (137)"
    again = docker("kill", container)
    assert "Cannot kill container" in again
    assert "is not running" in again


def test_pause_and_unpause(docker: Any, engine: str) -> None:
    container = docker("ps", "-q", "--filter", "name=app.1").strip()
    docker("pause", container)
    assert "(Paused)" in docker("ps", "--filter", f"id={container}")
    assert "is already paused" in docker("pause", container)
    docker("unpause", container)
    assert "is not paused" in docker("unpause", container)
    assert call(engine, "GET", f"/containers/{container}/json")[1]["State"]["Status"] == "running"


def test_stop_waits_for_the_end(docker: Any, engine: str) -> None:
    container = docker("ps", "-q", "--filter", "name=app.1").strip()
    assert docker("stop", container).strip() == container
    assert not call(engine, "GET", f"/containers/{container}/json")[1]["State"]["Running"]
    assert call(engine, "POST", f"/containers/{container}/stop")[0] == 304


def test_events_tell_of_an_end_with_its_exit_code(docker: Any, engine: str) -> None:
    connection = http.client.HTTPConnection("localhost", timeout=20)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(20)
    connection.sock.connect(engine)
    connection.request("GET", '/events?filters={"type":["container"],"event":["die"]}')
    stream = connection.getresponse()
    listed = call(engine, "GET", "/containers/json")[1]
    front = next(container for container in listed if container["Image"] == "nginx:latest")
    assert call(engine, "POST", f"/containers/{front['Id']}/kill?signal=KILL")[0] == 204
    event = json.loads(stream.readline())
    connection.close()
    assert (event["Action"], event["Actor"]["Attributes"]["exitCode"]) == ("die", "137")
    assert event["Actor"]["ID"] == front["Id"]


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("/containers/nosuch/json", 404, "No such container: nosuch"),
        ("/services/nosuch", 404, "service nosuch not found"),
        ("/tasks/nosuch", 404, "task nosuch not found"),
        ("/networks/nosuch", 404, "network nosuch not found"),
        ("/nodes/nosuch", 404, "node nosuch not found"),
        ("/volumes/nosuch", 404, "get nosuch: no such volume"),
        ("/nosuch", 404, "page not found"),
        ('/tasks?filters={"zz":["a"]}', 400, "Invalid filter 'zz'"),
        ("/v1.99/services", 400, "client version 1.99 is too new. Maximum supported API version is 1.41"),
    ],
)
def test_errors_are_dockers(engine: str, path: str, status: int, message: str) -> None:
    assert call(engine, "GET", path) == (status, {"message": message})


def test_the_socket_is_its_owners_alone(engine: str) -> None:
    assert Path(engine).stat().st_mode & 0o777 == 0o600
    assert Path(engine).parent.stat().st_mode & 0o777 == 0o700
