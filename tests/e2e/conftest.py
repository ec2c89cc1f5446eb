"""What the end-to-end tests start is gone when they end, however they end."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from tests.e2e import project
from tests.e2e.running import Running

Start = Callable[..., Running]


@pytest.fixture
def start() -> Iterator[Start]:
    """`start(folder, *argv)`: a program in a folder; without argv it is `python -m emulator`."""
    started: list[Running] = []

    def run(folder: Path, *argv: str, env: Mapping[str, str] | None = None) -> Running:
        command: Sequence[str] = argv or (sys.executable, "-m", "emulator")
        started.append(Running(command, folder, env))
        return started[-1]

    yield run
    for program in started:
        program.discard()


@pytest.fixture
def demonstration(tmp_path: Path) -> Path:
    """A copy of the demonstration, published on any free port."""
    return project.demonstration(tmp_path / "demonstration")
