"""What processes use, and who belongs to a container; memory limits with real memory."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from emulator.container.memory import MemoryLimit
from emulator.container.process import Process, spawn
from emulator.container.usage import Usage, family, members, resident, rows, usage

from .rig import Rig

pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
_MEGABYTE = 1 << 20


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def python(rig: Rig, code: str, **env: str) -> Process:
    """Started, and past its first output."""
    process = spawn(rig.command(sys.executable, "-c", code, **env))
    rig.loop.add_reader(process.stdout, lambda: said.append(os.read(process.stdout, 4096)))
    said: list[bytes] = []
    rig.until(lambda: bool(said))
    rig.loop.remove_reader(process.stdout)
    return process


def end(rig: Rig, process: Process) -> int:
    codes: list[int] = []
    process.send_group(signal.SIGKILL)
    rig.children.watch(process, codes.append)
    rig.until(lambda: bool(codes))
    process.close()
    return codes[0]


def test_memory_and_time_are_summed_over_the_processes_of_a_container(rig: Rig) -> None:
    code = f"""
import os, time
block = bytearray({30 * _MEGABYTE})
if os.fork() == 0:
    while time.process_time() < 0.1: pass
    print("spent", flush=True)
    time.sleep(60)
time.sleep(60)
"""
    process = python(rig, code)
    found = members(process.pid)
    sum_of = usage(found)
    end(rig, process)
    assert len(found) == sum_of.pids == 2
    assert 30 * _MEGABYTE < sum_of.memory < 58 * _MEGABYTE, "pages that both share count once"
    assert 0.05 < sum_of.cpu < 5
    assert usage([process.pid]) == Usage(), "what is gone uses nothing"


def test_a_daemon_that_left_its_session_is_found_by_its_mark(rig: Rig) -> None:
    code = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    print(os.getpid(), flush=True)
time.sleep(60)
"""
    process = python(rig, code, EMULATOR_TASK="t1")
    found = members(process.pid, b"EMULATOR_TASK=t1")
    assert found != family(process.pid)
    assert len(found) == 2
    for pid in found:
        os.kill(pid, signal.SIGKILL)
    end(rig, process)


def test_a_row_is_what_ps_would_list(rig: Rig) -> None:
    process = python(rig, "import time; print(1, flush=True); time.sleep(60)")
    (row,) = rows([process.pid])
    end(rig, process)
    assert (row.pid, row.parent, row.terminal) == (process.pid, os.getpid(), "?")
    assert row.command.startswith(f"{sys.executable} -c import time")
    assert row.time == "00:00:00"


def test_over_its_memory_limit_the_largest_process_is_killed_and_not_the_first(rig: Rig) -> None:
    code = f"""
import os, sys, time
child = os.fork()
if child == 0:
    block = bytearray({60 * _MEGABYTE})
    time.sleep(60)
print("begun", flush=True)
pid, status = os.wait()
print("lost", os.waitstatus_to_exitcode(status), flush=True)
time.sleep(60)
"""
    process = python(rig, code)
    told: list[bool] = []
    limit = MemoryLimit(rig.loop, process.pid, 40 * _MEGABYTE, lambda: told.append(True))
    said: list[bytes] = []
    rig.loop.add_reader(process.stdout, lambda: said.append(os.read(process.stdout, 4096)))
    rig.until(lambda: bool(said))
    assert said == [b"lost -9\n"]
    assert told == [True]
    assert resident(process.pid) > 0
    limit.end()
    rig.loop.remove_reader(process.stdout)
    assert end(rig, process) == 137


def test_memory_that_processes_share_is_no_excess(rig: Rig) -> None:
    code = f"""
import os, time
block = bytearray({40 * _MEGABYTE})
for _ in range(2):
    if os.fork() == 0:
        time.sleep(60)
print("begun", flush=True)
time.sleep(60)
"""
    process = python(rig, code)
    told: list[bool] = []
    looked: list[bool] = []
    limit = MemoryLimit(rig.loop, process.pid, 80 * _MEGABYTE, lambda: told.append(True))
    rig.loop.call_later(0.3, lambda: looked.append(True))
    rig.until(lambda: bool(looked))
    limit.end()
    assert not told
    end(rig, process)


def test_a_child_of_a_thread_is_of_the_family(rig: Rig) -> None:
    code = """
import subprocess, threading, time
def begin():
    subprocess.Popen(["sleep", "60"])
    print(1, flush=True)
    time.sleep(60)
threading.Thread(target=begin).start()
"""
    process = python(rig, code)
    assert len(family(process.pid)) == 2
    end(rig, process)
