"""The engine killed at random moments of a session, and started again: nothing lost, nothing left behind."""

from __future__ import annotations

import os
import random
import select
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from tests.engine.scripted import CONFIG, Daemon, Session
from tests.engine.world import processes_of, wait_for_end

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
KILLS = 50


def test_an_engine_that_is_killed_at_fifty_random_moments_loses_nothing_and_leaves_nothing_behind(
    tmp_path: Path,
) -> None:
    (tmp_path / "config.toml").write_text(CONFIG)
    seed = int(os.environ.get("KILLS_SEED") or random.randrange(1 << 32))
    print("KILLS_SEED", seed)
    session = Session(seed)
    daemon = Daemon(tmp_path)
    swarm = daemon.ask("POST", "/swarm/init", {"Spec": {}})
    daemon.ask("POST", "/networks/create", {"Name": "net", "Driver": "overlay"})
    for _ in range(KILLS):
        working = threading.Thread(target=session.go_on, args=(daemon,))
        working.start()
        select.select([], [], [], session.chance.uniform(0, 0.4))
        daemon.kill()
        working.join(20)
        assert not working.is_alive()
        left = processes_of(tmp_path)
        daemon = Daemon(tmp_path)
        assert wait_for_end(left)
        session.check(daemon)
    assert daemon.ask("GET", "/info")["Swarm"]["NodeID"] == swarm
    assert [found["Name"] for found in daemon.ask("GET", "/networks") if found["Name"] == "net"] == ["net"]
    for name, replicas in session.replicas():
        daemon.converge(name, replicas)
        slots = Counter(task["Slot"] for task in daemon.running(name))
        assert set(slots.values()) <= {1}
    count = sum(replicas for _, replicas in session.replicas())
    assert len(list((tmp_path / ".emulator" / "tasks").iterdir())) >= count
    left = processes_of(tmp_path)
    assert daemon.end() == 0
    assert wait_for_end(left)
    assert not list((tmp_path / ".emulator" / "tasks").iterdir())
    assert "Traceback" not in daemon.output
