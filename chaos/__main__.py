"""`python -m chaos [ROW ...]`: all rows, or those whose names begin so; exit code 1 when a bar is missed."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from chaos import changes, kills, pressure
from chaos.rows import Row, Skipped, Verdict

ROWS = (*kills.ROWS, *changes.ROWS, *pressure.ROWS)


def main(words: list[str]) -> int:
    chosen = [row for row in ROWS if not words or row.name.startswith(tuple(words))]
    print("| fault | bar | emulator | | nginx and a minimal supervisor |", flush=True)
    print("|---|---|---|---|---|", flush=True)
    bad = 0
    for row in chosen:
        began = time.monotonic()
        verdict, beside = run(row.ours), run(row.reference).words if row.reference else ""
        bad += not verdict.good
        skipped = verdict.words.startswith("skipped")
        mark = "skipped" if skipped else "met" if verdict.good else "MISSED"
        print(f"| {row.name} | {row.bar} | {verdict.words} | {mark} | {beside} |", flush=True)
        print(f"{row.name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return 1 if bad else 0


def run(fault: Callable[[Path], Verdict]) -> Verdict:
    """In a folder of its own; what breaks is a bar missed, and the table goes on."""
    with tempfile.TemporaryDirectory(prefix="chaos-", ignore_cleanup_errors=True) as folder:
        try:
            return fault(Path(folder) / "project")
        except Skipped as reason:
            return Verdict(True, f"skipped: {reason}")
        except Exception as error:
            return Verdict(False, f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")


def named(name: str) -> Row:
    return next(row for row in ROWS if row.name == name)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
