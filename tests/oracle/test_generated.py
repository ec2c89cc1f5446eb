"""Generated configurations and requests: nginx and we do the same.

ORACLE_PROFILE=fast (the default) plays some 600 exchanges, always the same ones; deep plays 5,000 and new ones
each time, and prints how to repeat what failed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from .casefile import Exchange, Scene
from .compare import NotBuilt, compare
from .generators import exchanges, scenes
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
    phases=[Phase.generate, Phase.shrink] if DEEP else [Phase.generate],
)
@given(scene=scenes(), plays=st.lists(exchanges(), min_size=EXCHANGES, max_size=EXCHANGES))
def test_nginx_and_we_do_the_same_with_what_is_generated(
    loop: Loop, scene: Scene, plays: list[Exchange]
) -> None:
    note(scene.conf)
    pair = Pair(scene, reference(), candidate(), loop)
    try:
        for exchange in plays:
            note(exchange.name)
            compare(pair, exchange)
    except NotBuilt as reason:
        pytest.fail(f"{reason}: the generator is to draw only what is built", pytrace=False)
    finally:
        pair.stop()
