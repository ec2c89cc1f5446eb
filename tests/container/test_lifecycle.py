"""Containers of a whole engine: sick, too large, deaf to their stop signal, a hundred of them."""

from __future__ import annotations

import json
import os
import select
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.engine.scripted import Daemon, Unix
from tests.engine.world import processes_of, wait_for_end

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

SECOND = 1_000_000_000
CONFIG = """
[images.app]
folder = "app"
command = "python app.py"
expose = [8000]

[images.idle]
command = "sleep 1000"
"""
APP = """
import os, signal, socket
signal.signal(signal.SIGTERM, lambda *args: os._exit(0))
server = socket.create_server(("0.0.0.0", 8000))
while True:
    server.accept()[0].close()
"""


class Engine(Daemon):
    def __init__(self, folder: Path) -> None:
        (folder / "app").mkdir()
        (folder / "app" / "app.py").write_text(APP)
        (folder / "config.toml").write_text(CONFIG)
        super().__init__(folder)
        self.ask("POST", "/swarm/init", {"Spec": {}})
        self.ask("POST", "/networks/create", {"Name": "net", "Driver": "overlay"})

    def create(self, container: dict[str, Any], replicas: int = 1, **template: Any) -> None:
        template["ContainerSpec"] = {"StopGracePeriod": SECOND, **container}
        template.setdefault("RestartPolicy", {"Condition": "none"})
        if container["Image"] == "app":
            template["Networks"] = [{"Target": "net"}]
        mode = {"Replicated": {"Replicas": replicas}}
        self.ask("POST", "/services/create", {"Name": "s", "TaskTemplate": template, "Mode": mode})

    def tasks(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask("GET", "/tasks")
        return sorted(found, key=lambda task: task["Slot"])

    def task_state(self) -> str:
        return str(self.tasks()[0]["Status"]["State"])

    def container(self) -> dict[str, Any]:
        status = self.tasks()[0]["Status"]["ContainerStatus"]
        found: dict[str, Any] = self.ask("GET", f"/containers/{status['ContainerID']}/json")
        return found

    def events(self, since: float) -> list[str]:
        filters = quote(json.dumps({"type": {"container": True}}))
        connection = self.ask_raw(f"/events?since={since}&until={time.time()}&filters={filters}")
        return [json.loads(line)["Action"] for line in connection.splitlines()]

    def ask_raw(self, path: str) -> str:
        connection = Unix(self.state / "docker.sock")
        connection.request("GET", path)
        text = connection.getresponse().read().decode()
        connection.close()
        return text

    def until(self, so: Callable[[], bool], patience: float = 15.0) -> None:
        deadline = time.monotonic() + patience
        while not so():
            assert time.monotonic() < deadline, (self.tasks(), self.output[-2000:])
            select.select([], [], [], 0.03)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = Engine(tmp_path)
    yield made
    made.kill()
    Daemon.started.remove(made)
    assert wait_for_end(processes_of(tmp_path))


def check(*test: str, **words: int) -> dict[str, Any]:
    return {"Test": list(test), "Interval": SECOND // 10, "Retries": 2, **words}


def test_a_task_is_starting_until_it_is_healthy_and_stopped_when_it_is_not(engine: Engine) -> None:
    since = time.time()
    sick = engine.folder / "sick"
    test = f"test -e {engine.folder / 'well'} -a ! -e {sick}"
    engine.create({"Image": "idle", "Healthcheck": check("CMD-SHELL", test, Retries=100)})
    engine.until(lambda: engine.task_state() == "starting")
    assert engine.container()["State"]["Health"]["Status"] == "starting"
    (engine.folder / "well").touch()
    engine.until(lambda: engine.task_state() == "running")
    assert engine.container()["State"]["Health"]["Status"] == "healthy"
    assert "health_status: healthy" in engine.events(since)


def test_an_unhealthy_task_ends_in_dockers_words(engine: Engine) -> None:
    since = time.time()
    engine.create({"Image": "idle", "Healthcheck": check("CMD-SHELL", "echo bad; exit 1")})
    engine.until(lambda: engine.task_state() == "failed")
    (task,) = engine.tasks()
    assert task["Status"]["Message"] == "starting"
    assert task["Status"]["Err"] == "task: non-zero exit (137): dockerexec: unhealthy container"
    assert task["Status"]["ContainerStatus"]["ExitCode"] == 137
    health = engine.container()["State"]["Health"]
    assert health["Status"] == "unhealthy"
    assert {result["Output"] for result in health["Log"]} == {"bad\n"}
    assert "health_status: unhealthy" in engine.events(since)


def test_one_that_ends_well_when_it_is_told_to_is_complete(engine: Engine) -> None:
    test = check("CMD", "test", "-e", str(engine.folder / "app" / "app.py"))
    engine.create({"Image": "app", "Healthcheck": test})
    engine.until(lambda: engine.task_state() == "running")
    (engine.folder / "app" / "app.py").unlink()
    engine.until(lambda: engine.task_state() == "complete")
    assert engine.tasks()[0]["Status"].get("Err") is None


def test_a_check_of_localhost_asks_the_task_itself(engine: Engine) -> None:
    test = "import socket; socket.create_connection(('localhost', 8000)).close()"
    engine.create({"Image": "app", "Healthcheck": check("CMD", sys.executable, "-c", test, Retries=50)})
    engine.until(lambda: engine.task_state() == "running")


def test_too_much_memory_ends_with_137_and_is_told_apart_in_the_containers_state(engine: Engine) -> None:
    code = "import time; time.sleep(0.3); block = bytearray(200 << 20); time.sleep(100)"
    limits, since = {"Limits": {"MemoryBytes": 60 << 20}}, time.time()
    engine.create({"Image": "idle", "Command": [sys.executable, "-c", code]}, Resources=limits)
    engine.until(lambda: engine.task_state() == "failed")
    assert engine.tasks()[0]["Status"]["Err"] == "task: non-zero exit (137)"
    state = engine.container()["State"]
    assert (state["OOMKilled"], state["ExitCode"], state["Status"]) == (True, 137, "exited")
    assert "oom" in engine.events(since)


def test_who_has_no_handler_for_the_stop_signal_is_killed_after_its_grace(engine: Engine) -> None:
    engine.create({"Image": "idle"})
    engine.until(lambda: engine.task_state() == "running")
    began = time.monotonic()
    engine.ask("POST", f"/containers/{engine.container()['Id']}/stop?t=1")
    assert 0.9 < time.monotonic() - began < 5
    engine.until(lambda: engine.task_state() == "failed")
    assert engine.tasks()[0]["Status"]["Err"] == "task: non-zero exit (137)"


@pytest.mark.parametrize(
    ("container", "state", "error", "code"),
    [
        (
            {"Image": "idle", "Args": ["nosuchcmd"]},
            "failed",
            "starting container failed: failed to create shim task: OCI runtime create failed: runc create "
            'failed: unable to start container process: exec: "nosuchcmd": executable file not found in '
            "$PATH: unknown",
            127,
        ),
        ({"Image": "idle", "Args": ["sh", "-c", "exit 3"]}, "failed", "task: non-zero exit (3)", 3),
        ({"Image": "idle", "StopSignal": "NOPE"}, "rejected", "Invalid signal: NOPE", None),
        ({"Image": "nosuch"}, "rejected", "No such image: nosuch:latest", None),
    ],
    ids=["no program", "exit code", "signal", "image"],
)
def test_what_does_not_run_says_so_in_dockers_words(
    engine: Engine, container: dict[str, Any], state: str, error: str, code: int | None
) -> None:
    engine.create(container)
    engine.until(lambda: engine.task_state() == state)
    status = engine.tasks()[0]["Status"]
    assert status["Err"] == error
    assert (status.get("ContainerStatus") or {}).get("ExitCode") == code


def test_of_a_container_that_cannot_be_made_nothing_is_left(engine: Engine) -> None:
    mounts = [{"Type": "tmpfs", "Target": "/t"}, {"Type": "bind", "Source": "/nonexistent", "Target": "/x"}]
    engine.create({"Image": "idle", "Mounts": mounts})
    engine.until(lambda: engine.task_state() == "rejected")
    assert not list((engine.state / "tasks").glob("*"))


def test_a_hundred_replicas_start_scale_and_stop_without_a_lost_task(engine: Engine) -> None:
    engine.create({"Image": "app"}, 100)
    engine.converge("s", 100, 60)
    addresses = {task["NetworksAttachments"][-1]["Addresses"][0] for task in engine.tasks()}
    assert len(addresses) == 100
    for replicas in (20, 60):
        found = engine.ask("GET", "/services/s")
        found["Spec"]["Mode"]["Replicated"]["Replicas"] = replicas
        engine.ask("POST", f"/services/s/update?version={found['Version']['Index']}", found["Spec"])
        engine.converge("s", replicas, 60)
    tasks = engine.tasks()
    assert {task["Status"]["State"] for task in tasks if task["DesiredState"] == "running"} == {"running"}
    assert len({task["Slot"] for task in engine.running("s")}) == 60
    engine.ask("DELETE", "/services/s")
    engine.until(lambda: not engine.tasks() and not processes_of(engine.folder))
    assert not list((engine.state / "tasks").iterdir())


def test_three_replicas_at_rest_cost_next_to_nothing(engine: Engine) -> None:
    engine.create({"Image": "app"}, 3)
    engine.converge("s", 3)
    select.select([], [], [], 1.0)  # what is still to be done after a start
    before = spent(engine.process.pid)
    select.select([], [], [], 3.0)
    assert spent(engine.process.pid) - before <= 0.03


def spent(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
