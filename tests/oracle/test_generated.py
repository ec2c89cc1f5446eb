"""Generated configurations and requests: nginx and we do the same.

5,000 exchanges, always the same ones; ORACLE_PROFILE=deep plays 20,000, ORACLE_SEED chooses others,
`ORACLE_SEED=random` new ones. What differs is printed as the smallest `.case` that still does.
"""

from __future__ import annotations

import functools
import os
import random
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import pytest

from .casefile import Exchange, Scene
from .compare import Different, NotBuilt, compare
from .generators import generated
from .servers import NotStarted, Pair
from .shrink import case_text, smallest
from .test_cases import candidate, reference
from .upstream import Loop

SCENES, EXCHANGES = (250, 80) if os.environ.get("ORACLE_PROFILE") == "deep" else (112, 50)
WANTED = os.environ.get("ORACLE_SEED", "1")
SEED = random.SystemRandom().randrange(10**6) if WANTED == "random" else int(WANTED)
Found = tuple[Exchange, str] | None
PLAYED: dict[str, int] = {}


@functools.cache
def scenes() -> list[Scene]:
    return generated(SCENES, EXCHANGES, SEED)


def first_difference(scene: Scene) -> Found:
    """The first exchange that differs, with how; nothing where nginx itself refuses the configuration."""
    loop = Loop()
    try:
        pair = Pair(scene, reference(), candidate(), loop)
    except NotStarted:
        loop.stop()
        return None
    try:
        for exchange in scene.exchanges:
            try:
                compare(pair, exchange)
            except (Different, NotBuilt) as error:
                return exchange, str(error)
        PLAYED[scene.name] = len(scene.exchanges)
        return None
    except ConnectionRefusedError:  # without any server, while a failure is made smaller
        return None
    finally:
        pair.stop()
        loop.stop()


@pytest.fixture(scope="module")
def played() -> Iterator[list[Future[Found]]]:
    """All scenes, two at a time, which keeps two processors busy."""
    with ThreadPoolExecutor(2) as pool:
        yield [pool.submit(first_difference, scene) for scene in scenes()]


@pytest.mark.parametrize("index", range(SCENES), ids=lambda index: f"seed{SEED}-{index}")
def test_nginx_and_we_do_the_same_with_what_is_generated(played: list[Future[Found]], index: int) -> None:
    found = played[index].result()
    if found is not None:
        exchange, difference = found
        scene = scenes()[index]
        until = replace(scene, exchanges=scene.exchanges[: scene.exchanges.index(exchange) + 1])
        if first_difference(until) is None and first_difference(scene) is None:
            return  # a race of the log's lines with the next exchange, seen of nginx beside nginx as well
        least = smallest(until, lambda each: first_difference(each) is not None)
        again = first_difference(least)
        pytest.fail(f"{case_text(least)}\n{again[1] if again else difference}", pytrace=False)


def test_five_thousand_are_played() -> None:
    """A few configurations are refused, by nginx itself: those are not counted."""
    assert sum(PLAYED.values()) >= 5000
