"""A row of the table: a fault, what it is done to, and the bar that ours is judged by."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple


class Verdict(NamedTuple):
    good: bool
    words: str


class Skipped(Exception):
    """Why a row cannot be run here."""


class Row(NamedTuple):
    """`ours` gets an empty folder; `reference`, where there is one, the same row against the real nginx."""

    name: str
    bar: str
    ours: Callable[[Path], Verdict]
    reference: Callable[[Path], Verdict] | None = None
