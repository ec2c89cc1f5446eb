"""Every case of the corpus, played in several ways: the judge finds nothing, and nothing is left over."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings

from tests.oracle.servers import ours

from .arena import Arena, Verdict
from .corpus import Case, every, load
from .mutations import as_play, batches

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="each client has an address of 127.0.0.0/8")
CASES = load()
GROUPS = sorted({case.group for case in CASES})
MUTATIONS = int(os.environ.get("HOSTILE_MUTATIONS", "300"))
BATCH = 10
_NUMBERS = count(1_000_000)
_SHOWN = 12


@pytest.fixture(scope="module")
def arena() -> Iterator[Arena]:
    arena = Arena(ours())
    yield arena
    arena.stop()


def told(verdicts: list[Verdict]) -> str:
    """What was found, play by play."""
    bad = [verdict for verdict in verdicts if verdict.findings]
    lines = [
        "\n    ".join([v.play.label, *v.findings[:3], f"sent {v.played.sent[:1500]!r}"]) for v in bad[:_SHOWN]
    ]
    return "\n".join([f"{len(bad)} plays have findings", *lines]) if bad else ""


def judged(arena: Arena, verdicts: list[Verdict]) -> None:
    """Fail for each finding, and for what is left over."""
    text = "\n".join(filter(None, [told(verdicts), *arena.aftermath()]))
    if text:
        pytest.fail(text, pytrace=False)


@pytest.mark.parametrize("group", GROUPS)
def test_nothing_is_found(arena: Arena, group: str) -> None:
    cases = [case for case in CASES if case.group == group]
    start = 10_000 * (1 + GROUPS.index(group))
    judged(arena, arena.run(every(cases, start)))


@settings(
    max_examples=MUTATIONS // BATCH,
    deadline=None,
    derandomize="HOSTILE_MUTATIONS" not in os.environ,
    suppress_health_check=list(HealthCheck),
)
@given(batch=batches(CASES, BATCH))
def test_nothing_is_found_in_mutations(arena: Arena, batch: list[tuple[Case, str, list[int]]]) -> None:
    plays = [as_play(case, route, points, next(_NUMBERS)) for case, route, points in batch]
    verdicts = arena.run(plays)
    assert not told(verdicts), told(verdicts)


def test_the_mutations_have_left_nothing_over(arena: Arena) -> None:
    assert arena.aftermath() == []
