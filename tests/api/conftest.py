"""An empty engine for the tests of one module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .recorded import Stage


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    made = Stage(tmp_path_factory.mktemp("engine"))
    yield made
    made.close()
