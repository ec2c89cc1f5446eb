"""Published ports, names and addresses of services that the real docker client makes and changes."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.world import Emulator, processes_of, wait_for_end
from tests.swarm.test_mesh import PROBE, _post

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="127/8"),
    pytest.mark.skipif(shutil.which("docker") is None, reason="needs the docker client"),
]
CONFIG = """
[services.first]
image = "probe"
networks = ["net"]
ports = ["0:9000"]
[networks.net]
subnet = "10.81.3.0/24"
[images.probe]
folder = "probe"
workdir = "/app"
command = "python probe.py"
expose = [9000]
"""


class Docker:
    """The client, on a run of one service that answers questions."""

    def __init__(self, folder: Path) -> None:
        (folder / "probe").mkdir()
        (folder / "config.toml").write_text(CONFIG)
        (folder / "probe" / "probe.py").write_text(PROBE)
        self.folder = folder
        self.emulator = Emulator(folder)
        self.port = int(self.emulator.ready()["urls"][0].rpartition(":")[2])

    def __call__(self, *words: str, code: int = 0) -> str:
        env = {**os.environ, "DOCKER_HOST": f"unix://{self.folder / '.emulator' / 'docker.sock'}"}
        done = subprocess.run(["docker", *words], env=env, capture_output=True, text=True, timeout=30)
        assert done.returncode == code, done.stderr
        return (done.stdout + done.stderr).strip()

    def create(self, name: str, *words: str, code: int = 0) -> str:
        quick = ("--quiet", "--detach", "--no-resolve-image")
        short = ("--restart-delay", "100ms", "--stop-grace-period", "200ms")
        return self("service", "create", *quick, *short, "--name", name, *words, "probe", code=code)

    def tasks(self, service: str) -> list[dict[str, str]]:
        told = self("service", "ps", "--no-trunc", "--format", "json", service)
        return [json.loads(line) for line in told.splitlines()]

    def ask(self, code: str) -> Any:
        """What the first service's task says."""
        return _post(self.port, code)

    def close(self) -> None:
        self.emulator.close()
        assert wait_for_end(processes_of(self.folder))


@pytest.fixture(scope="module")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Docker]:
    made = Docker(tmp_path_factory.mktemp("verbs"))
    yield made
    made.close()


def until(true: Callable[[], object]) -> None:
    """An answer of another process's that no event tells of here."""
    deadline = time.monotonic() + 15
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def answers(port: int) -> str | None:
    try:
        return str(_post(port, "socket.gethostname()"))
    except (OSError, ValueError):
        return None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_an_ingress_port_answers_follows_an_update_and_is_free_again(docker: Docker) -> None:
    one, other = free_port(), free_port()
    docker.create("web", "--replicas", "2", "-p", f"{one}:9000", "--hostname", "web-{{.Task.Slot}}")
    until(lambda: {answers(one) for _ in range(4)} == {"web-1", "web-2"})
    assert Counter(answers(one) for _ in range(6)) == {"web-1": 3, "web-2": 3}
    words = docker.create("late", "-p", f"{one}:9000", code=1)
    assert f"port '{one}' is already in use by service 'web' (" in words
    docker("service", "update", "-d", "--publish-rm", "9000", "--publish-add", f"{other}:9000", "web")
    until(lambda: answers(other))
    until(lambda: not answers(one))
    docker("service", "rm", "web")
    until(lambda: not answers(other))
    with socket.create_server(("127.0.0.1", other)):
        pass


def test_a_host_mode_port_is_the_tasks_own_and_one_that_is_taken_fails_it_in_dockers_words(
    docker: Docker,
) -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        docker.create("host", "--publish", f"mode=host,published={port},target=9000")
        words = f"Error starting userland proxy: listen tcp4 0.0.0.0:{port}: bind: address already in use"
        until(lambda: any(words in task["Error"] for task in docker.tasks("host")))
    until(lambda: answers(port))
    docker.create("second", "--publish", f"mode=host,published={port},target=9000")
    until(lambda: "host-mode port already in use on 1 node" in docker.tasks("second")[0]["Error"])
    docker("service", "rm", "host")
    until(lambda: docker.tasks("second")[0]["CurrentState"].startswith("Running"))
    until(lambda: answers(port))
    docker("service", "rm", "second")


def test_names_and_aliases_come_and_go_with_services_and_networks(docker: Docker) -> None:
    docker("network", "create", "-d", "overlay", "--subnet", "10.82.3.0/24", "late")
    docker.create("named", "--network", "name=net,alias=store", "--network", "late", "--replicas", "2")
    docker.create("turns", "--network", "net", "--endpoint-mode", "dnsrr", "--replicas", "2")
    until(lambda: docker.ask("unknown('named')") is None and docker.ask("unknown('turns')") is None)
    assert docker.ask("socket.gethostbyname('store') == socket.gethostbyname('named')")
    until(lambda: docker.ask("len(socket.gethostbyname_ex('tasks.store')[2])") == 2)
    until(lambda: docker.ask("len(set(socket.gethostbyname_ex('turns')[2]))") == 2)
    until(lambda: docker.ask("refused('store', 9000)") is None)
    until(lambda: docker.ask("refused('turns', 9000)") is None)
    docker("service", "scale", "-d", "named=0")
    until(lambda: docker.ask("unknown('named') and unknown('store')"))
    docker("service", "rm", "named", "turns")
    until(lambda: docker.ask("unknown('turns')"))
    until(lambda: "late" in docker("network", "prune", "-f") or "late" not in docker("network", "ls"))


def test_the_rotation_is_left_by_what_is_unhealthy_and_by_what_is_killed(docker: Docker) -> None:
    check = "python -c \"import os, sys; sys.exit(os.path.exists('sick'))\""
    docker.create(
        "checked", "--network", "net", "--health-cmd", check, "--health-interval", "200ms",
        "--health-retries", "1", "--hostname", "checked-{{.Task.Slot}}", "--replicas", "2", "-p", "0:9000",
    )  # fmt: skip
    listed = docker("service", "inspect", "checked", "-f", "{{(index .Endpoint.Ports 0).PublishedPort}}")
    port = int(listed)
    assert 30000 <= port < 32768
    until(lambda: {answers(port) for _ in range(4)} == {"checked-1", "checked-2"})
    sick = _post(port, "open('sick', 'w').close() or socket.gethostname()")
    left = "checked-2" if sick == "checked-1" else "checked-1"
    until(lambda: {answers(port) for _ in range(4)} == {left})
    until(lambda: {answers(port) for _ in range(4)} == {"checked-1", "checked-2"})
    docker("service", "rm", "checked")
