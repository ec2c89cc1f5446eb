"""The table of faults: its form, and its quickest rows for real; `make chaos` runs them all."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from chaos import __main__ as table
from chaos.load import Load, Request
from chaos.rows import Skipped, Verdict

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def test_every_row_has_a_name_of_its_own_and_a_bar() -> None:
    names = [row.name for row in table.ROWS]
    assert len(set(names)) == len(names) > 15
    assert all(row.bar for row in table.ROWS)


def test_chosen_rows_are_done_and_judged() -> None:
    argv = [sys.executable, "-m", "chaos", "portinuse", "killmain"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout
    rows = [line.split("|")[1:-1] for line in done.stdout.splitlines()[2:]]
    assert [(row[0].strip(), row[3].strip()) for row in rows] == [("killmain", "met"), ("portinuse", "met")]


def test_a_fault_that_breaks_is_a_bar_missed_and_one_that_cannot_be_done_is_skipped() -> None:
    def broken(folder: object) -> Verdict:
        raise RuntimeError("no\nsuch thing")

    def skipped(folder: object) -> Verdict:
        raise Skipped("needs root")

    assert table.run(broken) == Verdict(False, "RuntimeError: no such thing")
    assert table.run(skipped) == Verdict(True, "skipped: needs root")


def test_an_outage_is_from_the_first_failure_to_the_last() -> None:
    load = Load(1)
    now = time.monotonic()
    load.requests += [
        Request(now, now + 1, 200),
        Request(now + 1, now + 2, 502),
        Request(now + 3, now + 4, "TimeoutError()"),
    ]
    assert load.outage() == pytest.approx(3)
    assert load.words == "3 requests, 2 failed (1 x 502, 1 x TimeoutError)"
