"""kill -9: of one replica under a steady load, and of the emulator itself."""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.e2e.conftest import Start
from tests.e2e.running import survivors
from tests.e2e.traffic import Load, ask, who

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def test_a_killed_replica_loses_only_what_was_in_flight_on_it_and_is_replaced(
    demonstration: Path, start: Start
) -> None:
    program = start(demonstration)
    base = program.ready()
    victim = next(reply for reply in who(base, 3) if reply["slot"] == 2)
    with Load(base, threads=4) as load:
        load.more(20)
        group = os.getpgid(victim["pid"])
        processes = [os.pidfd_open(pid) for pid in (group, victim["pid"])]
        killed = time.monotonic()
        os.killpg(group, signal.SIGKILL)
        for process in processes:
            select.select([process], [], [])
            os.close(process)
        dead = time.monotonic()
        program.line(r"webapp\.2 .*(?i:exit|kill|137)")
        load.more(20)
    assert [request for request in load.failed if request.began > dead or request.ended < killed] == []
    # 502, or an answer that had begun and visibly breaks off
    outcomes = [request.outcome for request in load.failed]
    assert all(outcome == 502 or str(outcome).startswith("IncompleteRead") for outcome in outcomes), outcomes
    told = {reply["slot"]: reply["pid"] for reply in who(base, 3)}
    assert set(told) == {1, 2, 3}
    assert told[2] != victim["pid"]
    assert program.stop() == 0


def test_a_killed_emulator_leaves_no_process_behind_and_the_next_start_serves(
    demonstration: Path, start: Start
) -> None:
    program = start(demonstration)
    who(program.ready(), 3)
    groups = program.groups()
    assert len(groups) >= 5
    program.process.kill()
    program.exit_code()
    assert not survivors(groups)
    again = start(demonstration)
    base = again.ready()
    assert ask(base).status == 200
    assert {reply["slot"] for reply in who(base, 3)} == {1, 2, 3}
    assert again.stop() == 0
