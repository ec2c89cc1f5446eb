"""`stack deploy` makes of a compose file what Docker's client makes of it on the same engine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from emulator.cli.docker.dispatch import main
from emulator.client import Engine

from .conftest import World

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
FILE = """
version: "3.8"
services:
  web:
    image: little
    command: ["python3", "-c", "import time; time.sleep(1000)"]
    environment: {COLOUR: "${COLOUR:-red}", PRICE: "5$$"}
    networks: {inside: {aliases: [shop]}, default: null}
    volumes: ["files:/data", "./conf:/etc/conf:ro", {type: tmpfs, target: /tmp/t}]
    healthcheck: {test: ["CMD", "true"], interval: 200ms, timeout: 1s, retries: 2}
    stop_grace_period: 300ms
    labels: {tier: one}
    extra_hosts: ["db:10.0.0.9"]
    deploy:
      replicas: 2
      labels: {team: shop}
      restart_policy: {condition: on-failure, delay: 300ms, max_attempts: 3}
      update_config: {parallelism: 1, order: start-first, monitor: 500ms, failure_action: rollback}
      resources: {limits: {cpus: "0.5", memory: 64M}, reservations: {memory: 16M}}
      placement: {constraints: [node.role == manager]}
  front:
    image: little:latest
    entrypoint: sleep 1000
    hostname: "{{.Task.Name}}"
    stop_grace_period: 300ms
    ports: ["28711:80", {target: 81, published: 28712, mode: host}]
    deploy: {endpoint_mode: vip, replicas: 1}
networks:
  inside: {driver: overlay, attachable: true, ipam: {config: [{subnet: 10.83.5.0/24}]}, labels: {a: b}}
volumes:
  files: {}
"""


@pytest.fixture
def file(tmp_path: Path, world: World, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{world.socket}")
    (tmp_path / "conf").mkdir()
    (tmp_path / "stack.yml").write_text(FILE)
    return tmp_path / "stack.yml"


def made(world: World) -> dict[str, Any]:
    """What there is of the stack, without what differs between any two of them."""
    engine, found = Engine(world.socket), {}
    for one in engine.get("/services"):
        if one["Spec"]["Name"].startswith("st_"):
            spec = one["Spec"]
            for network in spec["TaskTemplate"]["Networks"]:
                network["Target"] = engine.get(f"/networks/{network['Target']}")["Name"]
                network["Aliases"].sort()
            spec["TaskTemplate"]["Networks"].sort(key=lambda network: str(network["Target"]))
            found[spec["Name"]] = spec
    for one in engine.get("/networks"):
        if one["Name"].startswith("st_"):
            found[one["Name"]] = {
                key: one[key] for key in ("Driver", "Attachable", "Labels", "IPAM", "Internal")
            }
    return found


def test_both_clients_make_the_same_of_a_compose_file(
    world: World, file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["stack", "deploy", "-c", str(file), "st"]
    theirs = subprocess.run([world.docker, *words], capture_output=True, text=True, timeout=30)
    assert theirs.returncode == 0, theirs
    expected = made(world)
    assert main(["stack", "rm", "st"]) == 0
    capfd.readouterr()
    assert main(words) == 0
    printed = capfd.readouterr()
    assert sorted(printed.out.splitlines()) == sorted(theirs.stdout.splitlines())
    assert printed.err == theirs.stderr
    assert made(world) == expected
    assert main(words) == 0, "a second time changes what is there"
    assert "Updating service st_web (id: " in capfd.readouterr().out
    assert main(["stack", "rm", "st"]) == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("services: {web: {image: server, privileged: true}}", "services.web.privileged: not emulated"),
        ("services: {web: {image: server, deploy: {mood: x}}}", "services.web.deploy.mood: not emulated"),
        ("services: {web: {image: server, secrets: [x]}}", "services.web: not emulated: this swarm keeps no"),
        ("services: {web: {image: server, networks: [nowhere]}}", 'undefined network "nowhere"'),
        (
            "services: {web: {image: x, environment: {A: true}}}",
            ".A must be a string, number or null",
        ),
        ("services: [", "yaml: while parsing"),
        ("- a", "top-level object must be a mapping"),
    ],
)
def test_what_a_file_asks_for_and_nobody_does_is_refused(
    file: Path, text: str, words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    file.write_text(text)
    assert main(["stack", "deploy", "-c", str(file), "st"]) == 1
    assert words in capfd.readouterr().err


def test_without_yaml_the_way_out_is_told(
    file: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    assert main(["stack", "deploy", "-c", str(file), "st"]) == 1
    assert "pip install 'swarm-emulator[stack]'" in capfd.readouterr().err
