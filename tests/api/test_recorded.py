"""Each command of the recorded session prints here what it printed there, or what its reason says."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .recorded import Answer, Case, Stage, cases

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
DIFFERENCES = Path(__file__).parents[2] / "docs" / "docker.md"
# What the words on both streams are of.
CLIENT = "28."


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Answer]]:
    """All of the session in its order, once."""
    client = shutil.which("docker")
    if client is None:
        if os.environ.get("CI"):
            pytest.fail("there is no docker client here")
        pytest.skip("there is no docker client here")
    found = subprocess.run([client, "--version"], capture_output=True, text=True).stdout
    if f"version {CLIENT}" not in found:
        pytest.skip(f"the session was recorded with client {CLIENT}x, and here is {found.strip()}")
    stage = Stage(tmp_path_factory.mktemp("recorded"))
    try:
        yield stage.play(cases())
    finally:
        stage.close()


@pytest.mark.parametrize("case", [case for case in cases() if case.name], ids=lambda case: case.name)
def test_a_recorded_command_prints_what_docker_printed(case: Case, played: dict[str, Answer]) -> None:
    assert played[case.name] == case.expected


@pytest.mark.parametrize("case", [case for case in cases() if case.ours], ids=lambda case: case.name)
def test_what_differs_differs_still_and_the_documents_say_why(case: Case) -> None:
    assert case.ours != case.docker
    assert case.why in " ".join(DIFFERENCES.read_text().split())
