"""The table on the terminal: a line and a bar for each row, and what is under its floor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.machine import Machine
from benchmarks.results import Result
from benchmarks.rows import Better

WIDTH = 20  # cells of a bar that has nginx's length, or the length of what is allowed
_MOST = 1.3  # such lengths are the longest bar
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_DIGITS = {"requests/s": 0, "MB/s": 0, "bytes": 0, "ms": 2, "s": 3, "times": 2}
HEADER = f"{'':16} {'emulator':>18} {'yardstick':>18}  ratio  {'':{round(WIDTH * _MOST)}} floor"


def figure(value: float, unit: str) -> str:
    shown = f"{value:,.{_DIGITS[unit]}f}"
    return f"{shown} x" if unit == "times" else f"{shown} {unit}"


def bar(length: float, tick: float) -> str:
    """A bar of so many times WIDTH cells, in eighths, with a line where the floor is beyond its end."""
    eighths = round(min(max(length, 0.0), _MOST) * WIDTH * 8)
    whole, rest = divmod(eighths, 8)
    cells = list(("█" * whole + (_EIGHTHS[rest] if rest else "")).ljust(round(WIDTH * _MOST)))
    if length > _MOST:
        cells[-1] = "▶"
    at = round(tick * WIDTH) - 1
    if cells[at] == " ":
        cells[at] = "┊"
    return "".join(cells)


def bound(result: Result) -> str:
    return f"{'≥' if result.better is Better.MORE else '≤'} {result.floor:.2f}"


def line(result: Result) -> str:
    """One row: figures, ratio, bar, floor, verdict."""
    if result.refused:
        return f"{result.name:16} refused: {result.refused}"
    more = result.better is Better.MORE
    drawn = bar(result.ratio, result.floor) if more else bar(result.ratio / result.floor, 1.0)
    both = (f"{figure(value, result.unit):>18}" for value in (result.ours, result.theirs))
    return (
        f"{result.name:16} {' '.join(both)}  {result.ratio:5.2f}  {drawn} {bound(result)}  {verdict(result)}"
    )


def verdict(result: Result) -> str:
    if not result.met:
        return "BELOW THE FLOOR"
    return "ok, and the goal" if result.reached else "ok"


def aside(result: Result) -> str:
    """What a row says besides: its yardstick, where that is not nginx, and others for comparison."""
    parts = [f"yardstick: {result.yardstick}"] if result.yardstick != "nginx" else []
    parts += [result.note] if result.note else []
    parts += [f"{name} {figure(value, result.unit)}" for name, value in result.context.items()]
    return "; ".join(parts)


def named(machine: Machine) -> str:
    """The machine, in one line."""
    host = f"{machine.cores} cores, {machine.cpu}, Linux {machine.kernel}"
    return f"{host}, Python {machine.python}, {machine.date}"


def footer(results: Sequence[Result], machine: Machine, rounds: int) -> Iterator[str]:
    """What has to be known to read the table."""
    yield f"Medians of {rounds} interleaved rounds, also of their ratios; one worker each. {named(machine)}."
    for result in results:
        if said := aside(result):
            yield f"{result.name}: {said}"
    yield from (f"WARNING: {text}" for text in machine.warnings())
    missed = [result.name for result in results if result.refused or not result.met]
    yield f"Refused or below the floor: {', '.join(missed)}." if missed else "Every floor is met."
