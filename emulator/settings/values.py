"""How a TOML value becomes ours, or one line that says where it is, what it is and what would be right."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple


class Unfit(Exception):
    """A value is not what its key takes; a text, where there is one, says more than the kind's own."""


class Problems(list[str]):
    """Problems as lines, and the keys that lead to the place of each."""

    def __init__(self) -> None:
        super().__init__()
        self.places: list[tuple[str | int, ...]] = []


class Spot:
    """A place in the file, and the list of problems that all places share; its path is made when told."""

    __slots__ = ("above", "key", "problems")

    def __init__(self, problems: list[str], above: Spot | None = None, key: str | int = "") -> None:
        self.problems, self.above, self.key = problems, above, key

    def at(self, key: str | int) -> Spot:
        """The place of a key in the table here, or of an item in the list."""
        return Spot(self.problems, self, key)

    @property
    def path(self) -> str:
        if self.above is None:
            return ""
        above = self.above.path
        if isinstance(self.key, int):
            return f"{above}[{self.key}]"
        name = self.key if re.fullmatch(r"[A-Za-z0-9_-]+", self.key, re.ASCII) else quoted(self.key)
        return f"{above}.{name}" if above else name

    @property
    def keys(self) -> tuple[str | int, ...]:
        return () if self.above is None else (*self.above.keys, self.key)

    def add(self, message: str) -> None:
        self.problems.append(f"{self.path}: {message}")
        if isinstance(self.problems, Problems):
            self.problems.places.append(self.keys)

    def wrong(self, found: object, expected: str) -> None:
        self.add(f"found {shown(found)}, expected {expected}")


class Kind(NamedTuple):
    """What a key takes: `expected` says it in errors and in the reference page.

    `read` returns None after it reported a problem to its spot.
    """

    expected: str
    read: Callable[[Any, Spot], Any]


def quoted(text: str, longest: int = 60) -> str:
    """A string as TOML writes it, in one line and of bounded length, safe for a terminal."""
    import json

    text = text if len(text) <= longest else text[: longest - 3] + "..."
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in json.dumps(text, ensure_ascii=False))


def shown(value: object) -> str:
    """A value as an error names it: what it is, and of which type."""
    if isinstance(value, str):
        return f"{quoted(value)} (a string)"
    if isinstance(value, bool):
        return f"{str(value).lower()} (a boolean)"
    if isinstance(value, int | float):
        try:
            return f"{value} (a number)"
        except ValueError:  # an int of more digits than Python prints
            return "a number of thousands of digits"
    if isinstance(value, dict | list):
        return "a table" if isinstance(value, dict) else "a list"
    return f"{value} (a date or time)"


def closest(word: str, known: tuple[str, ...]) -> str | None:
    """The known word that was probably meant."""
    import difflib

    lower = {name.lower(): name for name in reversed(known)}
    near = difflib.get_close_matches(word.lower(), lower, n=1, cutoff=0.6)
    return lower[near[0]] if near else None


def simple(expected: str, convert: Callable[[Any], Any]) -> Kind:
    """A kind of one value: `convert` raises Unfit for what does not fit."""

    def read(value: Any, spot: Spot) -> Any:
        try:
            return convert(value)
        except Unfit as unfit:
            spot.wrong(value, str(unfit) or expected)
            return None

    return Kind(expected, read)


def listed(kind: Kind, example: str) -> Kind:
    """A list of values of one kind."""
    expected = f"a list like {example}"

    def read(value: Any, spot: Spot) -> Any:
        if not isinstance(value, list):
            spot.wrong(value, expected)
            return None
        found = [kind.read(item, spot.at(index)) for index, item in enumerate(value)]
        return None if None in found else tuple(found)

    return Kind(expected, read)


def as_text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise Unfit
    if not value.isprintable():
        raise Unfit("a string without control characters")
    return value


def whole(at_least: int, at_most: int | None = None) -> Kind:
    """A whole number within bounds; a boolean is none, although Python thinks so."""
    bounds = f"of at least {at_least}" if at_most is None else f"from {at_least} to {at_most}"

    def convert(value: Any) -> int:
        if type(value) is not int or value < at_least or (at_most is not None and value > at_most):
            raise Unfit
        return value

    return simple(f"a whole number {bounds}", convert)


def as_boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Unfit
    return value


def choice(*words: str) -> Kind:
    """One of a few words."""
    expected = " or ".join(f'"{word}"' for word in words)

    def convert(value: Any) -> str:
        if value not in words:
            raise Unfit
        return str(value)

    return simple(expected, convert)


TEXT = simple("a string", as_text)
BOOLEAN = simple("true or false", as_boolean)
