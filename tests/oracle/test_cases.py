"""Every exchange of every `.case` file, played on real nginx and on ours: the outcomes are the same."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import need_tool

from .casefile import Exchange, Scene, load
from .compare import NotBuilt, compare
from .servers import Command, NotStarted, Pair, ours
from .upstream import Loop

CASES = Path(__file__).parent / "cases"
SCENES = [scene for path in sorted(CASES.rglob("*.case")) for scene in load(path, CASES)]


def reference() -> Command:
    return Command("nginx", (need_tool("nginx"),))


def candidate() -> Command:
    """Ours; with ORACLE_SELF=1 nginx once more, which must never differ from itself."""
    return Command("again", (need_tool("nginx"),)) if os.environ.get("ORACLE_SELF") == "1" else ours()


class Stage:
    """Keeps the pair of the current scene running; the next scene takes its place."""

    def __init__(self) -> None:
        self.loop = Loop()
        self.pair: Pair | None = None
        self.fault = ""
        self.scene: Scene | None = None

    def enter(self, scene: Scene) -> Pair:
        if self.scene is not scene:
            self.leave()
            self.scene, self.fault = scene, "this scene did not start"
            try:
                self.pair = Pair(scene, reference(), candidate(), self.loop)
            except NotStarted as error:
                self.fault = f"nginx itself does not run this configuration: {error}"
        if self.pair is None:
            pytest.fail(self.fault, pytrace=False)
        return self.pair

    def leave(self) -> None:
        pair, self.pair = self.pair, None
        if pair:
            pair.stop()


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.leave()
    stage.loop.stop()


PARAMETERS = [
    pytest.param(scene, exchange, id=f"{scene.name}: {exchange.name}")
    for scene in SCENES
    for exchange in scene.exchanges
]


@pytest.mark.parametrize(("scene", "exchange"), PARAMETERS)
def test_nginx_and_we_do_the_same(stage: Stage, scene: Scene, exchange: Exchange) -> None:
    try:
        compare(stage.enter(scene), exchange)
    except NotBuilt as reason:
        pytest.xfail(str(reason))
    except AssertionError as error:
        pytest.fail(str(error), pytrace=False)
