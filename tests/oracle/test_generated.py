"""Generated configurations and requests: nginx and we do the same.

ORACLE_PROFILE=fast (the default) plays 600 exchanges, always the same ones; deep plays 5,000. ORACLE_SEED
chooses others, `ORACLE_SEED=random` new ones; the seed is in the name of what failed.
"""

from __future__ import annotations

import functools
import os
import random
from collections.abc import Iterator

import pytest

from .casefile import Scene
from .compare import Different, NotBuilt, compare
from .generators import generated
from .servers import Pair
from .test_cases import candidate, reference
from .upstream import Loop

SCENES, EXCHANGES = (100, 50) if os.environ.get("ORACLE_PROFILE") == "deep" else (20, 30)
WANTED = os.environ.get("ORACLE_SEED", "1")
SEED = random.SystemRandom().randrange(10**6) if WANTED == "random" else int(WANTED)


@functools.cache
def scenes() -> list[Scene]:
    return generated(SCENES, EXCHANGES, SEED)


@pytest.fixture(scope="module")
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.stop()


@pytest.mark.parametrize("index", range(SCENES), ids=lambda index: f"seed{SEED}-{index}")
def test_nginx_and_we_do_the_same_with_what_is_generated(loop: Loop, index: int) -> None:
    scene = scenes()[index]
    found = []
    pair = Pair(scene, reference(), candidate(), loop)
    try:
        for exchange in scene.exchanges:
            try:
                compare(pair, exchange)
            except (Different, NotBuilt) as error:
                found.append(f"{exchange.name}\n{error}")
    finally:
        pair.stop()
    if found:
        pytest.fail("\n\n".join([scene.conf, *found[:5]]), pytrace=False)
