"""Configurations and exchanges by chance: always the same ones for one seed."""

from __future__ import annotations

from random import Random

from .casefile import Scene
from .configurations import scene
from .requests import exchange


def generated(count: int, each: int, number: int) -> list[Scene]:
    """`count` configurations with `each` exchanges, all of them drawn."""
    found = []
    for index in range(count):
        chance = Random(f"{number}-{index}")
        drawn = scene(chance)
        drawn.name = f"generated-{number}-{index}"
        drawn.exchanges = [exchange(chance, drawn.checks) for _ in range(each)]
        found.append(drawn)
    return found
