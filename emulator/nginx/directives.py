"""What a directive is: where it may stand, what it takes, and what we do with it.

A row of the table is a `Directive`. Each family of directives (`modules/<family>.py`, named after
nginx's own module) lists its rows in `DIRECTIVES`; `table()` puts them together. The validator, the
compiler's inheritance, the reference page and its counts are all made from these rows.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


class Context(enum.Flag):
    """The blocks in which a directive may stand."""

    MAIN = enum.auto()
    EVENTS = enum.auto()
    HTTP = enum.auto()
    SERVER = enum.auto()
    LOCATION = enum.auto()
    UPSTREAM = enum.auto()
    IF_SERVER = enum.auto()
    IF_LOCATION = enum.auto()
    LIMIT_EXCEPT = enum.auto()
    TYPES = enum.auto()
    MAP = enum.auto()
    GEO = enum.auto()


class Status(enum.Enum):
    """What the emulator does with a directive."""

    IMPLEMENTED = "implemented"
    NO_EFFECT = "accepted without effect"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Directive:
    """One row: `arity` is the allowed numbers of arguments (None: any number from `at_least` on).

    `block` names the context that the directive's own block opens (None: the directive is simple).
    `parse` turns the arguments into the value that the compiler merges, and raises `BadValue`
    with nginx's words. `default` is the value where nobody set one. A directive with `repeat` may
    stand several times in one block: its values form a tuple, inherited all or nothing.
    """

    name: str
    contexts: Context
    arity: frozenset[int] | None
    status: Status
    doc: str
    at_least: int = 0
    block: Context | None = None
    parse: Callable[[tuple[str, ...]], Any] | None = None
    default: Any = None
    repeat: bool = False
    why: str = ""


class BadValue(ValueError):
    """A directive's arguments are wrong; the text is nginx's, without file and line."""
