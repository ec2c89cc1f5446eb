"""A rolling update of the article's three replicas under load, told by the real docker client."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import Start
from tests.e2e.traffic import Load, ask

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
    pytest.mark.skipif(shutil.which("docker") is None, reason="needs the docker client"),
]
HEALTH = "python -c \"import urllib.request as u; u.urlopen('http://127.0.0.1:8000/whoami')\""
ENOUGH = 10_000


def docker(folder: Path, *words: str) -> str:
    env = {**os.environ, "DOCKER_HOST": f"unix://{folder / '.emulator' / 'docker.sock'}"}
    done = subprocess.run(["docker", *words], env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def update(folder: Path, service: str, *words: str) -> None:
    """Replace all of a service's tasks; returns when the client says that it has converged."""
    docker(folder, "service", "update", "--quiet", "--force", "--update-monitor", "500ms", *words, service)


def test_no_request_of_ten_thousand_fails_while_three_replicas_are_replaced(
    demonstration: Path, start: Start
) -> None:
    program = start(demonstration)
    base = program.ready()
    before = {ask(base, "/whoami").json["pid"] for _ in range(6)}
    order = ("--update-order", "start-first", "--health-cmd", HEALTH, "--health-interval", "300ms")
    with Load(base, threads=8) as load:
        update(demonstration, "webapp", *order)
        after = {ask(base, "/whoami").json["pid"] for _ in range(60)}  # the load takes turns, too
        update(demonstration, "webapp", "--no-healthcheck", "--update-order", "stop-first")
        while len(load.requests) < ENOUGH:
            load.more(100)
    assert len(before) == len(after) == 3
    assert not before & after
    assert load.failed == []
    assert program.stop() == 0


def test_the_proxy_itself_is_replaced_within_a_moment(demonstration: Path, start: Start) -> None:
    program = start(demonstration)
    base = program.ready()
    with Load(base, threads=4) as load:
        load.more(20)
        update(demonstration, "webproxy", "--update-order", "start-first")
        load.more(20)
        update(demonstration, "webproxy")
        load.more(20)
    lost = [request.began for request in load.failed]
    assert max(lost, default=0.0) - min(lost, default=0.0) < 0.02, "only while the port changes hands"
    assert program.stop() == 0


def test_replicas_come_and_go_without_a_lost_request(demonstration: Path, start: Start) -> None:
    program = start(demonstration)
    base = program.ready()
    with Load(base, threads=4) as load:
        docker(demonstration, "service", "scale", "--detach", "webapp=5")
        load.more(20)
        docker(demonstration, "service", "scale", "--detach", "webapp=3")
        load.more(20)
    assert load.failed == []
    assert program.stop() == 0
