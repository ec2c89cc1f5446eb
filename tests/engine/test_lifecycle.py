"""Engines that stay: in the background, without services, after their end, on a full disk."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.scripted import CONFIG, Daemon, Refused, service
from tests.engine.world import processes_of, project, wait_for_end

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def emulator(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "emulator", *words]
    return subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    emulator(tmp_path, "down")
    while Daemon.started:
        Daemon.started.pop().process.wait(30)
    assert wait_for_end(processes_of(tmp_path))


@pytest.fixture
def daemon(home: Path) -> Daemon:
    (home / "config.toml").write_text(CONFIG)
    return Daemon(home)


def swarm(daemon: Daemon) -> Daemon:
    daemon.ask("POST", "/swarm/init", {"Spec": {}})
    daemon.ask("POST", "/networks/create", {"Name": "net", "Driver": "overlay"})
    daemon.ask("POST", "/services/create", service("web", 2, "a", network="net"))
    daemon.converge("web", 2)
    return daemon


def facts(found: dict[str, Any]) -> tuple[object, ...]:
    return found["ID"], found["Spec"], found["CreatedAt"], found["Endpoint"]["VirtualIPs"]


@pytest.mark.parametrize("how", ["end", "kill"])
def test_services_outlive_their_engine_with_ids_addresses_and_history(
    daemon: Daemon, home: Path, how: str
) -> None:
    before = facts(swarm(daemon).ask("GET", "/services/web"))
    token = daemon.ask("GET", "/swarm")["JoinTokens"]["Worker"]
    getattr(daemon, how)()
    again = Daemon(home)
    assert facts(again.ask("GET", "/services/web")) == before
    assert again.ask("GET", "/swarm")["JoinTokens"]["Worker"] == token
    again.converge("web", 2)
    states = [(task["DesiredState"], task["Status"]["State"]) for task in again.ask("GET", "/tasks")]
    assert sorted(states) == [("running", "running")] * 2 + [("shutdown", "failed")] * 2
    words = {task["Status"].get("Err", "").split(":")[0] for task in again.ask("GET", "/tasks")}
    assert words == {"", "No such container"}
    assert again.end() == 0


def test_an_engine_is_in_no_swarm_before_init_and_after_leave(daemon: Daemon, home: Path) -> None:
    with pytest.raises(Refused, match="This node is not a swarm manager"):
        daemon.ask("GET", "/services")
    swarm(daemon)
    daemon.ask("POST", "/volumes/create", {"Name": "files"})
    tasks = [task["Status"]["ContainerStatus"]["PID"] for task in daemon.running("web")]
    with pytest.raises(Refused, match="Removing the last manager erases all current state"):
        daemon.ask("POST", "/swarm/leave")
    with pytest.raises(Refused, match="already part of a swarm"):
        daemon.ask("POST", "/swarm/init", {"Spec": {}})
    daemon.ask("POST", "/swarm/leave?force=1")
    assert wait_for_end(tasks)
    daemon.kill()
    again = Daemon(home)
    with pytest.raises(Refused, match="not part of a swarm"):
        again.ask("POST", "/swarm/leave?force=1")
    swarm(again)
    assert [found["Name"] for found in again.ask("GET", "/volumes")["Volumes"]] == ["files"]


def test_up_in_the_background_serves_after_its_terminal_is_gone_and_down_ends_it(home: Path) -> None:
    project(home)
    started = emulator(home, "up", "--detach", "--fresh-addresses")
    assert started.returncode == 0, started.stderr
    assert started.stdout.startswith("Running in the background (pid ")
    assert "http://localhost:" in started.stdout
    again = emulator(home, "up", "--fresh-addresses")
    assert again.returncode == 1
    assert "already runs on" in again.stderr
    assert "`emulator down` stops it" in again.stderr
    pids = processes_of(home)
    stopped = emulator(home, "down")
    assert stopped.returncode == 0
    assert "Removed services app, front\nRemoved network net\n" in stopped.stdout
    assert wait_for_end(pids)
    assert (home / ".emulator/volumes/files/_data/seed.txt").exists()
    assert emulator(home, "down", "-v").stdout == "Removed volume files\n"
    assert not (home / ".emulator/swarm.db").exists()
    assert "nothing is kept there" in emulator(home, "down").stdout


def test_a_start_in_the_background_that_fails_says_why(home: Path) -> None:
    project(home, command="nosuchcmd")
    failed = emulator(home, "up", "--detach", "--fresh-addresses")
    assert failed.returncode == 1
    assert 'exec: "nosuchcmd": executable file not found in $PATH' in failed.stderr
    (home / "config.toml").write_text("[services.web\n")
    assert emulator(home, "up", "--detach").returncode == 2


def test_two_first_verbs_at_once_share_one_engine(home: Path) -> None:
    words = [sys.executable, "-m", "emulator", "swarm", "init"]
    verbs = [
        subprocess.Popen(words, cwd=home, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    told = [verb.communicate(timeout=30) for verb in verbs]
    assert sorted(verb.returncode for verb in verbs) == [0, 1], told
    assert sum("Started an engine in the background" in errors for _, errors in told) == 1
    assert sum("already part of a swarm" in errors for _, errors in told) == 1


def test_an_engine_needs_no_file_and_knows_nginx(home: Path) -> None:
    daemon = Daemon(home)
    daemon.ask("POST", "/swarm/init", {"Spec": {}})
    assert daemon.ask("GET", "/info")["Swarm"]["LocalNodeState"] == "active"
    assert daemon.end() == 0


def test_a_plain_up_that_was_killed_is_followed_by_one_that_keeps_its_ids(home: Path) -> None:
    project(home)
    assert emulator(home, "up", "--detach", "--fresh-addresses").returncode == 0
    pid = int((home / ".emulator/engine.lock").read_text())
    before = emulator_services(home)
    os.kill(pid, 9)
    assert wait_for_end([pid])
    assert emulator(home, "up", "--detach", "--fresh-addresses").returncode == 0
    assert emulator_services(home) == before


def emulator_services(home: Path) -> dict[str, str]:
    from tests.engine.scripted import Unix

    connection = Unix(home / ".emulator" / "docker.sock")
    connection.request("GET", "/services")
    found = json.loads(connection.getresponse().read())
    connection.close()
    return {thing["Spec"]["Name"]: thing["ID"] for thing in found}


def fill(path: Path) -> None:
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as file:
        while file.write(b"x" * 4096):
            pass


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small file system")
def test_a_full_disk_refuses_verbs_keeps_what_runs_and_is_recovered_from(home: Path) -> None:
    (home / "config.toml").write_text(CONFIG)
    state = home / ".emulator"
    state.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(state)], check=True)
    try:
        daemon = swarm(Daemon(home))
        ballast = state / "ballast"
        fill(ballast)
        with pytest.raises(Refused, match="no space left on device"):
            daemon.ask("POST", "/services/create", service("late", 1, "a"))
        pid = daemon.running("web")[0]["Status"]["ContainerStatus"]["PID"]
        os.kill(pid, 9)
        daemon.ask("GET", "/services")
        ballast.unlink()
        daemon.converge("web", 2)
        daemon.ask("POST", "/services/create", service("late", 1, "a"))
        daemon.converge("late", 1)
        assert "until it can be written" in daemon.output
        daemon.kill()
        again = Daemon(home)
        assert {thing["Spec"]["Name"] for thing in again.ask("GET", "/services")} == {"web", "late"}
        again.converge("web", 2)
        assert again.end() == 0
        assert "Traceback" not in again.output
    finally:
        emulator(home, "down")
        subprocess.run(["umount", "-l", str(state)], check=True)
