"""What a line of flags asks for is the same, whoever of the two clients is given it."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from typing import Any

import pytest

from emulator.cli.docker.dispatch import main
from emulator.client import Engine

from .conftest import World

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
CREATE = (
    "-e A=1 -e B=2 -e A=3 -l x=y --container-label c=d nginx sleep 5",
    "--mount src=vv,dst=/y,volume-nocopy --mount type=tmpfs,dst=/z,tmpfs-size=1m,tmpfs-mode=1770 nginx",
    "-p 29001:80 -p 29002-29003:81-82/tcp --publish mode=host,target=90,published=29009,protocol=udp nginx",
    "--network name=net,alias=foo --hostname h.{{.Task.Slot}} --user 1:1 --workdir /w --init --tty nginx",
    "--health-cmd true --health-interval 5s --health-retries 3 --health-start-period 2s nginx",
    "--update-delay 5s --update-order start-first --update-max-failure-ratio 0.5 --rollback-monitor 1s nginx",
    "--restart-condition on-failure --restart-max-attempts 3 --limit-cpu .5 --reserve-memory 16MiB nginx",
    "--dns 1.1.1.1 --host a:1.2.3.4 --cap-add net_admin --ulimit nofile=10:20 --sysctl a.b=10 nginx",
    "--log-opt max-size=1m --stop-grace-period 1m30s --entrypoint 'sh -c' nginx 'echo hi'",
    "--oom-score-adj 5 nginx",
    "--mount type=tmpfs,dst=/q,tmpfs-size=xx nginx",
)
# One after another, on the same service.
UPDATES = (
    "--env-add C=1 --env-rm A --label-add q=r",
    "--mount-add type=bind,src=/tmp,dst=/m",
    "--image nginx:1.27 --args 'sleep 7' --force",
    "--limit-memory 128m --health-cmd true",
    "--no-healthcheck --constraint-add node.role==manager",
    "--placement-pref-add spread=node.labels.a --placement-pref-add spread=node.labels.b",
    "--placement-pref-rm spread=node.labels.a --host-add h:9.9.9.9",
    "--cap-add NET_RAW --ulimit-add nofile=7",
    "--cap-drop NET_RAW --ulimit-add nofile=8:9 --ulimit-add core=1",
    "--cap-drop NET_RAW --cap-drop chown --ulimit-rm nofile",
    "--cap-add NET_RAW",
    "--cap-add ALL --cap-drop CHOWN",
    "--cap-drop ALL --cap-add CHOWN",
)


@pytest.fixture
def engine(world: World, monkeypatch: pytest.MonkeyPatch) -> Engine:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{world.socket}")
    return Engine(world.socket)


def theirs(world: World, words: list[str]) -> int:
    return subprocess.run([world.docker, *words], env=os.environ, capture_output=True, timeout=30).returncode


def spec(engine: Engine, name: str) -> dict[str, Any]:
    found: dict[str, Any] = engine.get(f"/services/{name}")["Spec"]
    return found | {"Name": ""}


@pytest.mark.parametrize("line", CREATE)
def test_both_clients_make_the_same_service(world: World, engine: Engine, line: str) -> None:
    order = ["service", "create", "-dq", "--no-resolve-image", "--replicas=0", "--name"]
    made = []
    for name, run in (("one", lambda words: theirs(world, words)), ("two", main)):
        code = run([*order, name, *shlex.split(line)])
        made.append((code, None if code else spec(engine, name)))
        if not code:
            engine.delete(f"/services/{name}")
    assert made[0] == made[1]


def test_both_clients_change_a_service_in_the_same_way(world: World, engine: Engine) -> None:
    order = "service create -dq --no-resolve-image --replicas=0 -e A=1 -l x=y --name"
    assert theirs(world, [*order.split(), "one", "nginx"]) == main([*order.split(), "two", "nginx"]) == 0
    for line in UPDATES:
        words = ["service", "update", "-dq", "--no-resolve-image", *shlex.split(line)]
        assert theirs(world, [*words, "one"]) == main([*words, "two"]) == 0, line
        assert spec(engine, "one") == spec(engine, "two"), line
    for name in ("one", "two"):
        engine.delete(f"/services/{name}")
