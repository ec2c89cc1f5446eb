"""What the tests of this room share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .serving import Serving


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[str], Serving]]:
    """`serve("server { … }")` is a worker that runs it."""
    running: list[Serving] = []

    def start(http: str) -> Serving:
        running.append(Serving(tmp_path, http))
        return running[-1]

    yield start
    for serving in running:
        serving.close()
