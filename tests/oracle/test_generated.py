"""Generated configurations and requests: nginx and we do the same.

ORACLE_PROFILE=fast (the default) plays 600 exchanges, always the same ones; deep plays 5,000, new ones each
time, and prints how to repeat what failed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from .compare import Different, NotBuilt, compare
from .generators import Play, plays
from .servers import Pair
from .test_cases import candidate, reference
from .upstream import Loop

DEEP = os.environ.get("ORACLE_PROFILE") == "deep"
SCENES, EXCHANGES = (100, 50) if DEEP else (20, 30)


@pytest.fixture(scope="module")
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.stop()


@settings(
    max_examples=SCENES,
    deadline=None,
    derandomize=not DEEP,
    database=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],  # a failure names the one exchange; shrinking would start servers for minutes
    report_multiple_bugs=False,
)
@given(play=plays(EXCHANGES))
def test_nginx_and_we_do_the_same_with_what_is_generated(loop: Loop, play: Play) -> None:
    pair = Pair(play.scene, reference(), candidate(), loop)
    try:
        for exchange in play.exchanges:
            try:
                compare(pair, exchange)
            except (Different, NotBuilt) as error:
                pytest.fail(f"{play.scene.conf}\n{exchange.name}\n{error}", pytrace=False)
    finally:
        pair.stop()
