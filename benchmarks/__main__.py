"""`make bench`: how fast it starts and serves, each figure beside its yardstick's from the same run.

Ends with 1 when a row is under its floor or was refused; docs/performance.svg is drawn anew when all rows
were measured.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks import chart, machine, memory, report, wrk
from benchmarks.results import Result, measure
from benchmarks.rows import QUICK, ROWS, Row
from benchmarks.servers import ROOT
from benchmarks.sides import Effort


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names = ", ".join(row.name for row in ROWS)
    parser.add_argument(
        "rows", nargs="*", help=f"which; `tail` is all that begin so; all without any: {names}"
    )
    parser.add_argument("--quick", action="store_true", help=f"{', '.join(QUICK)} only, shorter")
    parser.add_argument("--rounds", type=int, help="measurements of each side (7, quick: 5)")
    parser.add_argument("--seconds", type=float, help="of each measurement under load (2, quick: 1)")
    parser.add_argument("--idle", type=int, default=10_000, help="idle connections (10000)")
    parser.add_argument("--no-floors", action="store_true", help="end with 0 even under a floor")
    parser.add_argument(
        "--json", type=Path, default=ROOT / "benchmarks/results.json", help="where the record goes"
    )
    parser.add_argument("--chart", type=Path, help="where the chart goes, whichever rows were measured")
    options = parser.parse_args(arguments)
    for word in options.rows:
        if not any(_selects(word, row) for row in ROWS):
            parser.error(f"no row {word}: there are {names}")
    return options


def _selects(word: str, row: Row) -> bool:
    return row.name == word or row.name.startswith(f"{word}-")


def chosen(options: argparse.Namespace) -> list[Row]:
    """The rows of a run, in the order of the table."""
    if options.rows:
        return [row for row in ROWS if any(_selects(word, row) for word in options.rows)]
    return [row for row in ROWS if row.name in QUICK or not options.quick]


def effort(options: argparse.Namespace) -> Effort:
    seconds, rounds = (1.0, 5) if options.quick else (2.0, 7)
    return Effort(options.seconds or seconds, options.rounds or rounds, options.idle, not options.quick)


def run(rows: Sequence[Row], work: Effort) -> list[Result]:
    """Each row, shown as soon as it is known."""
    print(report.HEADER, flush=True)
    results = []
    for row in rows:
        results.append(measure(row, work))
        print(report.line(results[-1]), flush=True)
    return results


def record(results: Sequence[Result], host: machine.Machine, work: Effort) -> str:
    rows = [{**asdict(result), "ratio": result.ratio} for result in results if not result.refused]
    refused = {result.name: result.refused for result in results if result.refused}
    seen = {"machine": asdict(host), "effort": asdict(work), "rows": rows, "refused": refused}
    return json.dumps(seen, indent=2, ensure_ascii=False) + "\n"


def code(results: Sequence[Result], *, floors: bool) -> int:
    """The exit code: no row may be refused, and with `floors` none may be under its own."""
    return int(any(result.refused or (floors and not result.met) for result in results))


def main(arguments: Sequence[str]) -> int:
    options = parse(arguments)
    try:
        wrk.program()
    except wrk.Missing as missing:
        print(missing, file=sys.stderr)
        return 2
    memory.raise_limit()
    rows, work, host = chosen(options), effort(options), machine.look()
    for text in host.warnings():
        print(f"WARNING: {text}")
    try:
        results = run(rows, work)
    except KeyboardInterrupt:
        return 130
    print("\n".join(report.footer(results, host, work.rounds)))
    options.json.write_text(record(results, host, work))
    whole = len(rows) == len(ROWS) and not any(result.refused for result in results)
    if target := options.chart or (ROOT / "docs/performance.svg" if whole else None):
        target.write_text(chart.draw(results, host, work.rounds))
    return code(results, floors=not options.no_floors)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
