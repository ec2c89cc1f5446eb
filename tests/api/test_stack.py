"""`docker stack deploy`: two services, a network, a volume, a health check, an update config."""

from __future__ import annotations

import json
import os
import shutil
import sys
from typing import Any

import pytest

from .recorded import Stage

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
    pytest.mark.skipif(not shutil.which("docker") and not os.environ.get("CI"), reason="no docker client"),
]
COMPOSE = """
version: "3.8"
services:
  webapp:
    image: kmmanoj/flask_gunicorn_app
    environment: {{COLOUR: {colour}}}
    networks: [web_network]
    volumes: ["web_static:/app/static"]
    healthcheck: {{test: ["CMD", "true"], interval: 200ms, timeout: 1s, retries: 2}}
    deploy:
      replicas: 2
      restart_policy: {{delay: 300ms}}
      update_config: {{parallelism: 1, order: start-first, monitor: 500ms, failure_action: rollback}}
  webproxy:
    image: nginx
    networks: [web_network]
    ports: ["{port}:80"]
    depends_on: [webapp]
    volumes: ["web_static:/var/www-data:ro", "./nginx_conf:/etc/nginx/conf.d"]
networks:
  web_network:
    driver: overlay
    ipam: {{config: [{{subnet: 10.82.5.0/24}}]}}
volumes:
  web_static: {{}}
"""
PORT = 28093


def deploy(stage: Stage, colour: str) -> str:
    (stage.folder / "compose.yml").write_text(COMPOSE.format(colour=colour, port=PORT))
    done = stage.run("docker stack deploy --detach=false -c compose.yml st")
    assert done.code == 0, done.err
    return done.out


def services(stage: Stage) -> dict[str, Any]:
    found = json.loads(stage.run("docker service inspect st_webapp st_webproxy").out)
    return {service["Spec"]["Name"]: service for service in found}


def test_a_stack_is_deployed_changed_and_removed(stage: Stage) -> None:
    stage.run("docker swarm init")
    deploy(stage, "green")
    listed = stage.run("docker stack services st --format '{{.Name}} {{.Replicas}}' | sort").out
    assert listed == "st_webapp 2/2\nst_webproxy 1/1"
    assert stage.run(f"curl -s -m 5 http://127.0.0.1:{PORT}/").out == "ok"
    assert stage.run("docker stack ls --format '{{.Name}} {{.Services}}'").out == "st 2"
    before = services(stage)["st_webapp"]
    assert before["Spec"]["Labels"]["com.docker.stack.namespace"] == "st"
    assert before["Spec"]["TaskTemplate"]["Networks"][0]["Aliases"] == ["webapp"]

    assert "Updating service st_webapp" in deploy(stage, "blue")
    after = services(stage)
    assert after["st_webapp"]["UpdateStatus"]["State"] in ("updating", "completed")
    assert after["st_webapp"]["Spec"]["TaskTemplate"]["ContainerSpec"]["Env"] == ["COLOUR=blue"]
    assert "UpdateStatus" not in after["st_webproxy"]

    removed = stage.run("docker stack rm st")
    assert removed.code == 0, removed.err
    assert stage.run("docker service ls -q").out == ""
    assert "st_web_static" in stage.run("docker volume ls -q").out
