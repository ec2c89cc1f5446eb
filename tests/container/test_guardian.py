"""kill -9 of a parent leaves nothing: neither its groups nor who left them, nor if the guardian dies, too."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from emulator.container.guardian import kill_leftovers, parse, started

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

PARENT = """
import os, signal, sys
from emulator.container import guardian
from emulator.container.process import Command, spawn
keeper = guardian.start("run-of-a-test-{mark}")
keeper.record(sys.argv[1])
code = (
    "import os, signal, sys\\n"
    "if os.fork() == 0:\\n"
    "    os.setsid()\\n"  # a daemon: out of the group
    "print(os.getpid(), flush=True)\\n"
    "signal.pause()\\n"
)
env = {{"EMULATOR_RUN": "run-of-a-test-{mark}", "EMULATOR_STATE": "state-{mark}"}}
process = spawn(Command((sys.executable, "-c", code), env, "/"))
keeper.watch(process.pid)
os.set_blocking(process.stdout, True)
pids = []
while len(pids) < 2:
    pids += os.read(process.stdout, 100).split()
print(keeper.pid, *(int(pid) for pid in pids), flush=True)
{end}
"""


def parent(tmp_path: Path, end: str) -> tuple[subprocess.Popen[str], list[int]]:
    code = PARENT.format(mark=tmp_path.name, end=end)
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "groups")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, [int(word) for word in process.stdout.readline().split()]


def gone(handles: list[int]) -> bool:
    """Whether each of the processes ends within a few seconds."""
    ended = all(select.select([handle], [], [], 5)[0] for handle in handles)
    for handle in handles:
        os.close(handle)
    return ended


def test_a_killed_parent_leaves_nobody(tmp_path: Path) -> None:
    process, (keeper, *tasks) = parent(tmp_path, "signal.pause()")
    handles = [os.pidfd_open(pid) for pid in (keeper, *tasks)]
    process.kill()
    process.communicate()
    assert gone(handles)


def test_an_orderly_end_ends_the_guardian_and_kills_nobody_who_was_forgotten(tmp_path: Path) -> None:
    end = (
        "keeper.forget(process.pid); [os.kill(int(pid), 9) for pid in pids]; keeper.close(); print('closed')"
    )
    process, (keeper, *tasks) = parent(tmp_path, end)
    handles = []
    for pid in (keeper, *tasks):
        try:
            handles.append(os.pidfd_open(pid))
        except ProcessLookupError:
            continue
    out, _ = process.communicate(timeout=10)
    assert out == "closed\n"
    assert process.returncode == 0
    assert gone(handles)


def test_the_next_start_ends_what_is_left_when_the_guardian_died_too(tmp_path: Path) -> None:
    process, (keeper, *tasks) = parent(tmp_path, "signal.pause()")
    handles = [os.pidfd_open(pid) for pid in tasks]
    os.kill(keeper, signal.SIGKILL)
    process.kill()
    process.communicate()
    assert kill_leftovers(str(tmp_path / "groups"), f"EMULATOR_STATE=state-{tmp_path.name}") == 2
    assert gone(handles)
    assert kill_leftovers(str(tmp_path / "no such record"), "EMULATOR_STATE=x") == 0


def test_a_number_that_belongs_to_another_process_now_is_left_alone(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, process_group=0) as other:
        record = tmp_path / "groups"
        record.write_text(f"+{other.pid} {started(other.pid) + 1}\n")
        kill_leftovers(str(record), "EMULATOR_STATE=of-nobody")
        assert other.poll() is None


def test_the_record_survives_a_cut_off_line() -> None:
    assert parse(["+10 5\n", "+11 6\n", "-10 0\n", "+12"]) == {11: 6}
