"""Whatever Docker's client prints on our socket, ours prints: all but the time that goes by."""

from __future__ import annotations

import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from emulator.cli.docker.dispatch import main
from emulator.client import Engine
from tests.engine.world import Emulator, project

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

CASES = [
    line
    for line in (Path(__file__).parent / "same.cases").read_text().splitlines()
    if line and not line.startswith("#")
]
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


@pytest.mark.parametrize("line", CASES)
def test_both_clients_say_the_same(
    world: World, line: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{world.socket}")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO()))
    words = world.words(line)
    before = world.theirs(words)
    code = main(words)
    printed = capfd.readouterr()
    ours = (code, settled(printed.out), settled(printed.err))
    # A second may end between the two, and columns are as wide as what they hold.
    assert ours == before or ours == world.theirs(words)
