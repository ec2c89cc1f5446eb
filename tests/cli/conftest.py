"""An engine with two services, and both clients on it."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from emulator.client import Engine
from tests.engine.world import Emulator, project

AGO = re.compile(r" *(?:\d+|Less than a|less than a|About an?|about an?) (?:seconds?|minutes?)(?: ago)? *")


class World:
    """An engine with two services, and both clients on it."""

    def __init__(self, socket: Path, docker: str) -> None:
        self.socket, self.docker = socket, docker
        tasks = Engine(socket).tasks("app", running=True)
        self.container = tasks[0].container[:12]
        self.node = Engine(socket).get("/info")["Name"]

    def words(self, line: str) -> list[str]:
        return [
            word.replace("{1}", self.container).replace("{node}", self.node) for word in shlex.split(line)
        ]

    def theirs(self, words: list[str]) -> tuple[int, str, str]:
        env = {**os.environ, "DOCKER_HOST": f"unix://{self.socket}"}
        done = subprocess.run(
            [self.docker, *words],
            capture_output=True,
            text=True,
            timeout=30,
            env=env,
            stdin=subprocess.DEVNULL,
        )
        return done.returncode, settled(done.stdout), settled(done.stderr)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, need: Callable[[str], str]) -> Iterator[World]:
    docker = need("docker")
    emulator = Emulator(project(tmp_path_factory.mktemp("same")))
    yield World(Path(str(emulator.ready()["socket"])), docker)
    emulator.end()
    emulator.close()


def settled(text: str) -> str:
    """The text without what a second changes."""
    return AGO.sub(" AGO ", text)
