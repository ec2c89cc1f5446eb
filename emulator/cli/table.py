"""How Docker prints: columns, and how long ago something was."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime


def columns(rows: Iterable[Sequence[str]]) -> str:
    """Rows in columns three blanks apart, as Docker's tabwriter has them."""
    table = [tuple(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = ("   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in table)
    return "\n".join(line.rstrip() for line in lines)


def when(timestamp: str) -> datetime:
    """A time of the API: RFC 3339 with up to nine digits of a second, of which six are taken."""
    whole, dot, rest = timestamp.removesuffix("Z").partition(".")
    return datetime.fromisoformat(f"{whole}{dot}{rest[:6].ljust(6, '0') if dot else ''}+00:00")


def human(seconds: float) -> str:
    """A duration in words, as Docker's units.HumanDuration says it."""
    whole = int(seconds)
    minutes, hours = whole // 60, int(seconds / 3600 + 0.5)
    steps = (
        (whole < 1, "Less than a second"),
        (whole == 1, "1 second"),
        (whole < 60, f"{whole} seconds"),
        (minutes == 1, "About a minute"),
        (minutes < 60, f"{minutes} minutes"),
        (hours == 1, "About an hour"),
        (hours < 48, f"{hours} hours"),
        (hours < 24 * 7 * 2, f"{hours // 24} days"),
        (hours < 24 * 30 * 2, f"{hours // 24 // 7} weeks"),
        (hours < 24 * 365 * 2, f"{hours // 24 // 30} months"),
    )
    return next((words for fits, words in steps if fits), f"{hours // 24 // 365} years")
