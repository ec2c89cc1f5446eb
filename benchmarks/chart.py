"""The results as an SVG that reads well on light and on dark paper; docs/performance.svg is one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from benchmarks.machine import Machine
from benchmarks.report import bound, figure, named
from benchmarks.results import Result
from benchmarks.rows import Better

WIDTH, LINE, TOP = 880, 30, 84
_LEFT, _LENGTH, _LONGEST = 360, 285, 370  # where bars begin; a bar of ratio 1; where they are cut
_STYLE = """
    .paper { fill: #f6f7f9 } .name { fill: #1b2330; font-size: 14px; font-weight: 600 }
    .word { fill: #5b6675; font-size: 12px } .head { fill: #1b2330; font-size: 17px; font-weight: 600 }
    .good { fill: #0b57d0 } .bad { fill: #a6461b } .one { stroke: #8a96a6; stroke-dasharray: 3 3 }
    .floor { stroke: #1b2330; stroke-width: 2 }
    @media (prefers-color-scheme: dark) {
      .paper { fill: #10141a } .name, .head { fill: #e6eaf0 } .word { fill: #9aa6b5 }
      .good { fill: #8ab4f8 } .bad { fill: #f2a678 } .one { stroke: #6b7787 } .floor { stroke: #e6eaf0 }
    }
"""


def draw(results: Sequence[Result], machine: Machine, rounds: int) -> str:
    """Two groups: where more is better, bars up to nginx's length; where less is, up to what is allowed."""
    measured = [result for result in results if not result.refused]
    more = [result for result in measured if result.better is Better.MORE]
    less = [result for result in measured if result.better is Better.LESS]
    body: list[str] = []
    y = TOP
    for title, group in (("more is better", more), ("less is better", less)):
        if group:
            body += _group(title, group, y)
            y += LINE * (len(group) + 1) + 18
    alt = "; ".join(f"{result.name} {result.ratio:.2f} ({bound(result)})" for result in measured)
    return "\n".join([*_opening(y + 26, alt), *body, *_closing(y, machine, rounds)]) + "\n"


def _opening(height: int, alt: str) -> Iterator[str]:
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        'aria-labelledby="title" font-family="system-ui, sans-serif">'
    )
    yield f'  <title id="title">The emulator measured against its yardsticks: {escape(alt)}</title>'
    yield f"  <style>{_STYLE}  </style>"
    yield f'  <rect class="paper" width="{WIDTH}" height="{height}" rx="14"/>'
    yield _text(24, 38, "head", "The emulator, measured against nginx in the same run")
    yield _text(
        24, 58, "word", "A bar is emulator / yardstick; the upright line is the floor, the dashed one 1.0."
    )


def _closing(y: int, machine: Machine, rounds: int) -> Iterator[str]:
    yield _text(24, y + 4, "word", f"Medians of {rounds} interleaved rounds. {named(machine)}.")
    yield "</svg>"


def _group(title: str, group: Sequence[Result], y: int) -> Iterator[str]:
    """A heading, the line of 1.0, and the rows; a shared scale, on which the largest value has its place."""
    more = group[0].better is Better.MORE
    unit = _LENGTH if more else _LENGTH / max(result.floor for result in group)
    yield _text(_LEFT, y + 8, "word", title)
    one = _LEFT + unit
    bottom = y + LINE * (len(group) + 1) - 8
    for number, result in enumerate(group, 1):
        yield from _row(result, y + LINE * number, unit)
    yield f'  <line class="one" x1="{one:.0f}" x2="{one:.0f}" y1="{y + 14}" y2="{bottom}"/>'


def _row(result: Result, y: int, unit: float) -> Iterator[str]:
    length = min(result.ratio * unit, _LONGEST)
    tick = _LEFT + result.floor * unit
    yield _text(24, y + 9, "name", result.name)
    yield _text(164, y + 9, "word", _short(result))
    yield (
        f'  <rect class="{"good" if result.met else "bad"}" x="{_LEFT}" y="{y - 4}" '
        f'width="{length:.1f}" height="16" rx="2"/>'
    )
    yield f'  <line class="floor" x1="{tick:.1f}" x2="{tick:.1f}" y1="{y - 7}" y2="{y + 15}"/>'
    yield _text(_LEFT + _LONGEST + 12, y + 9, "name", f"{result.ratio:.2f}")
    yield _text(_LEFT + _LONGEST + 56, y + 9, "word", bound(result))


def _short(result: Result) -> str:
    return f"{figure(result.ours, result.unit).split()[0]} / {figure(result.theirs, result.unit)}"


def _text(x: int, y: int, kind: str, text: str) -> str:
    return f'  <text class="{kind}" x="{x}" y="{y}">{escape(text)}</text>'
