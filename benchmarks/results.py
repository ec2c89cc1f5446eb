"""What a row gave, and a run's record of all of them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from statistics import median

from benchmarks.answers import Refused
from benchmarks.rows import Better, Row
from benchmarks.sides import Effort, Sides


@dataclass(frozen=True, slots=True)
class Result:
    """Medians of all rounds; `refused` says why there are none."""

    name: str
    what: str
    unit: str
    yardstick: str
    better: Better
    floor: float
    goal: float | None
    ours: float = math.nan
    theirs: float = math.nan
    context: dict[str, float] = field(default_factory=dict)
    note: str = ""
    rounds: list[tuple[float, float]] = field(default_factory=list)
    refused: str = ""

    @property
    def ratio(self) -> float:
        """The median of the rounds' own: a slow minute of the machine meets both sides of a round."""
        return median(ours / theirs for ours, theirs in self.rounds or [(self.ours, self.theirs)])

    @property
    def met(self) -> bool:
        """As the table shows it: a ratio that reads like the floor meets it."""
        shown = round(self.ratio, 2)
        return shown >= self.floor if self.better is Better.MORE else shown <= self.floor

    @property
    def reached(self) -> bool:
        """Nothing is left to be wished: nginx's own speed, or the goal of what has one."""
        target = self.goal or 1.0
        return (
            round(self.ratio, 2) >= target if self.better is Better.MORE else round(self.ratio, 2) <= target
        )


def measure(row: Row, effort: Effort) -> Result:
    """Both sides, checked, measured in turn, and checked again."""
    named = (row.name, row.what, row.unit, row.yardstick, row.better, row.floor, row.goal)
    try:
        with ExitStack() as stack:
            sides = row.setup(stack, effort)
            sides.verify()
            rounds = list(_rounds(sides, effort))
            context = dict(_context(sides, effort))
            sides.verify()
            note = sides.note()
    except Refused as refusal:
        return Result(*named, refused=str(refusal))
    ours, theirs = (median(pair[at] for pair in rounds) for at in (0, 1))
    return Result(*named, ours, theirs, context, note, rounds)


def _context(sides: Sides, effort: Effort) -> Iterator[tuple[str, float]]:
    """What is shown beside a row does not refuse it."""
    for name, take in sides.context.items():
        with suppress(Refused):
            yield name, median([take() for _ in range(effort.rounds)])


def _rounds(sides: Sides, effort: Effort) -> Iterator[tuple[float, float]]:
    """Interleaved, and each begins in turn: a slow moment of the machine meets both."""
    for number in range(effort.rounds):
        if number % 2:
            theirs = sides.theirs()
            yield sides.ours(), theirs
        else:
            ours = sides.ours()
            yield ours, sides.theirs()
