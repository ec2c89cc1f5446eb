"""Ids as Docker makes them, and the id that this machine keeps as a node."""

from __future__ import annotations

import os
from pathlib import Path

# What a service without a name is called: two words, by chance, as Docker joins them.
_MOODS = (
    "brave",
    "calm",
    "clever",
    "eager",
    "gentle",
    "happy",
    "hopeful",
    "keen",
    "kind",
    "merry",
    "quiet",
    "wise",
)
_PEOPLE = (
    "curie",
    "darwin",
    "euler",
    "galileo",
    "gauss",
    "hopper",
    "kepler",
    "lovelace",
    "noether",
    "pascal",
    "turing",
)
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def object_id() -> str:
    """25 characters of base 36: services, tasks, networks, nodes."""
    return digits(25)


def digits(count: int) -> str:
    """So many characters of base 36, by chance."""
    number = int.from_bytes(os.urandom(count), "big")
    characters = []
    for _ in range(count):
        number, digit = divmod(number, 36)
        characters.append(_DIGITS[digit])
    return "".join(characters)


def service_name() -> str:
    """What a service is called that was given no name."""
    mood, person = os.urandom(2)
    return f"{_MOODS[mood % len(_MOODS)]}_{_PEOPLE[person % len(_PEOPLE)]}"


def container_id() -> str:
    """64 hexadecimal digits; the first twelve are a container's hostname."""
    return os.urandom(32).hex()


def node_id(state: Path) -> str:
    """The same node for as long as the state folder lives."""
    file = state / "node"
    try:
        return file.read_text().strip()
    except FileNotFoundError:
        file.write_text(object_id() + "\n")
        return file.read_text().strip()
