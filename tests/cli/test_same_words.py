"""Whatever Docker's client prints on our socket, ours prints: all but the time that goes by."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from emulator.cli.docker.dispatch import main

from .conftest import World, settled

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

CASES = [
    line
    for line in (Path(__file__).parent / "same.cases").read_text().splitlines()
    if line and not line.startswith("#")
]


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
