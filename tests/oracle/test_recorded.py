"""Every exchange of the recorded cases: ours does what an nginx with these modules did."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from . import recorded
from .casefile import Scene, load
from .compare import diff, outcome
from .servers import Side, ours
from .upstream import Loop

FILES = sorted(recorded.FOLDER.glob("*.case"))
SCENES = [(path.stem, scene) for path in FILES for scene in load(path, recorded.FOLDER)]


@pytest.fixture(scope="module")
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.stop()


@pytest.mark.parametrize(("name", "scene"), [pytest.param(*each, id=each[1].name) for each in SCENES])
def test_ours_does_what_was_recorded(name: str, scene: Scene, loop: Loop) -> None:
    answers = recorded.read(recorded.FOLDER / f"{name}.answers")
    with recorded.running(scene, ours(), loop) as side:
        found = [_difference(side, scene, number, answers) for number in range(len(scene.exchanges))]
    wrong = [text for text in found if text]
    if wrong:
        pytest.fail(f"{len(wrong)} of {len(found)} exchanges differ:\n" + "\n".join(wrong), pytrace=False)


def _difference(side: Side, scene: Scene, number: int, answers: recorded.Answers) -> str:
    title = recorded.key(scene, number)
    expected, got = answers[title], outcome(side, scene.exchanges[number])
    return "" if got == expected else f"{title}\n{diff(expected, got)}"
