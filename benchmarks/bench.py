"""`make bench`: how fast it starts and serves, each figure beside its yardstick from the same run.

Rows are interleaved (ours, theirs, ours, theirs ...), so that a slow moment of the machine meets both, and
the median is shown. Results go to benchmarks/results.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import ready
import throughput

Measure = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison: `setup` gives two ways to take the same measurement, ours and the yardstick's."""

    name: str
    unit: str
    yardstick: str
    setup: Callable[[], AbstractContextManager[tuple[Measure, Measure]]]


@dataclass(frozen=True, slots=True)
class Result:
    """What one row gave; `ratio` is ours over the yardstick's."""

    name: str
    unit: str
    yardstick: str
    ours: float
    theirs: float
    ratio: float
    samples: list[tuple[float, float]]


ROWS = (
    Row("ready", "s", "one bare gunicorn", ready.both),
    Row("article", "requests/s", "nginx", throughput.article),
    Row("dial", "requests/s", "nginx", throughput.dial),
    Row("small", "requests/s", "nginx", throughput.small),
)


def measure(row: Row, rounds: int) -> Result:
    with row.setup() as (ours, theirs):
        ours(), theirs()  # what is done once only (bytecode, page cache) is not measured
        samples = [(ours(), theirs()) for _ in range(rounds)]
    mine = statistics.median(sample[0] for sample in samples)
    other = statistics.median(sample[1] for sample in samples)
    return Result(row.name, row.unit, row.yardstick, mine, other, mine / other, samples)


def table(results: list[Result]) -> Iterator[str]:
    """Lines of Markdown, as the README shows them."""
    yield "| row | emulator | yardstick | emulator / yardstick |"
    yield "|---|---|---|---|"
    for result in results:
        digits = 2 if result.unit == "s" else 0
        ours, theirs = f"{result.ours:.{digits}f} {result.unit}", f"{result.theirs:.{digits}f} {result.unit}"
        yield f"| {result.name} | {ours} | {theirs} ({result.yardstick}) | {result.ratio:.2f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", help=f"of {', '.join(row.name for row in ROWS)}; all without any")
    parser.add_argument("--rounds", type=int, default=7, help="measurements of each side (default 7)")
    options = parser.parse_args()
    unknown = set(options.rows) - {row.name for row in ROWS}
    if unknown:
        parser.error(f"no row {', '.join(sorted(unknown))}")
    results = [measure(row, options.rounds) for row in ROWS if not options.rows or row.name in options.rows]
    print("\n".join(table(results)))
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()}
    record = {
        "machine": machine,
        "time": time.strftime("%Y-%m-%d"),
        "rows": [asdict(result) for result in results],
    }
    target = Path(__file__).with_name("results.json")
    target.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
