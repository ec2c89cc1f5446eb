"""Whole runs of the emulator: start, serve, stop, and every way in which it goes wrong."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from emulator.client import Engine
from tests.engine.world import APP, Emulator, processes_of, project, wait_for_end

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

Up = Callable[..., Emulator]


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    started: list[Emulator] = []

    def run(*words: str, **project_words: str) -> Emulator:
        if not (tmp_path / "config.toml").exists():
            project(tmp_path, **project_words)
        started.append(Emulator(tmp_path, *words))
        return started[-1]

    yield run
    for emulator in started:
        emulator.close()
    assert wait_for_end(processes_of(tmp_path))


def ask(url: str, path: str = "/") -> Any:
    with urllib.request.urlopen(url + path, timeout=10) as answer:
        body = answer.read()
    return json.loads(body) if body.startswith(b"{") else body.decode()


def test_everything_serves_when_it_says_so_and_is_gone_after_sigterm(up: Up, tmp_path: Path) -> None:
    emulator = up()
    (url,) = emulator.ready()["urls"]
    told = [ask(url) for _ in range(10)]
    assert Counter(reply["slot"] for reply in told) == {"1": 5, "2": 5}
    assert all(reply["client"].startswith("127.") and reply["client"] != "127.0.0.1" for reply in told)
    assert len({reply["hostname"] for reply in told}) == 2
    assert ask(url, "/files/seed.txt") == "from the image", "the empty volume took the image's folder"
    assert told[0]["where"] == str(tmp_path / ".emulator/volumes/files/_data"), "a path of the container"
    pids = processes_of(tmp_path)
    assert len(pids) >= 4
    assert emulator.end() == 0
    assert wait_for_end(pids)
    assert "app.1    | serving" in emulator.output
    assert f"Ready in {emulator.output.split('Ready in ')[1].split()[0]} s: {url}" in emulator.output
    assert not list((tmp_path / ".emulator" / "tasks").iterdir())
    assert not (tmp_path / ".emulator" / "docker.sock").exists()


def test_ports_addressing_serves_the_same(up: Up) -> None:
    (url,) = up("--addressing", "ports").ready()["urls"]
    assert Counter(ask(url)["slot"] for _ in range(6)) == {"1": 3, "2": 3}


def test_started_endpoints_serve_the_same(up: Up, tmp_path: Path) -> None:
    project(tmp_path)
    config = tmp_path / "config.toml"
    config.write_text(config.read_text() + '\n[emulator]\nendpoints = "started"\n')
    (url,) = up().ready()["urls"]
    assert ask(url)["slot"] in ("1", "2")


def test_a_dead_task_is_replaced_in_its_slot_under_the_same_url(up: Up) -> None:
    emulator = up()
    (url,) = emulator.ready()["urls"]
    victim = ask(url)
    handle = os.pidfd_open(victim["pid"])
    os.kill(victim["pid"], signal.SIGKILL)
    select.select([handle], [], [], 5)
    os.close(handle)
    seen: dict[str, int] = {}
    while seen.get(victim["slot"], victim["pid"]) == victim["pid"]:
        reply = ask(url)
        seen[reply["slot"]] = reply["pid"]
    assert (
        f"app.{victim['slot']} exited with code 137 (killed); its successor starts in 0.1 s"
        in emulator.output
    )


def test_a_killed_emulator_leaves_nobody_and_the_next_one_serves(up: Up, tmp_path: Path) -> None:
    emulator = up()
    emulator.ready()
    pids = processes_of(tmp_path)
    emulator.process.kill()
    emulator.process.wait()
    assert wait_for_end(pids)
    (url,) = up().ready()["urls"]
    assert ask(url)["slot"] in ("1", "2")


def test_a_second_engine_on_the_same_state_is_refused_by_the_pid_of_the_first(up: Up) -> None:
    first = up()
    first.ready()
    second = up()
    assert second.process.wait(20) == 1
    assert f"another emulator (pid {first.process.pid}) already runs on" in second.output
    assert first.process.poll() is None


def test_the_end_of_its_parent_ends_it(up: Up, tmp_path: Path) -> None:
    emulator = up()
    emulator.ready()
    pids = processes_of(tmp_path)
    emulator.cut()
    assert emulator.process.wait(20) == 0
    assert wait_for_end(pids)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ({"app": "raise RuntimeError('no database today')\n"}, "RuntimeError: no database today"),
        ({"command": "nosuchcmd"}, 'app.1: exec: "nosuchcmd": executable file not found in $PATH'),
        ({"app": "print('done')\n"}, "exited with code 0 before it was ready"),
        ({"app": APP, "service": 'hostname = "{{.Nope}}"'}, "Nope"),
    ],
    ids=["fails at import", "no such command", "ends at once", "bad template"],
)
def test_what_never_serves_ends_the_start_with_one_clear_message(
    up: Up, tmp_path: Path, words: dict[str, str], expected: str
) -> None:
    emulator = up(**words)
    assert emulator.process.wait(20) in (1, 2)
    assert emulator.output.count(expected) == 1, emulator.output
    assert "Ready" not in emulator.output
    assert str(tmp_path / ".emulator") not in emulator.output, "a traceback names the user's own file"
    assert wait_for_end(processes_of(tmp_path))


def test_who_ignores_the_stop_signal_is_killed_after_the_grace_and_at_a_second_signal_at_once(
    up: Up, tmp_path: Path
) -> None:
    stubborn = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + APP
    emulator = up(app=stubborn, service='stop_grace_period = "300ms"')
    emulator.ready()
    assert emulator.end() == 0
    (tmp_path / "config.toml").write_text((tmp_path / "config.toml").read_text().replace("300ms", "60s"))
    again = up()
    again.ready()
    again.process.send_signal(signal.SIGINT)
    while "exited" not in again.output and "exit" not in again.output:
        assert again.process.poll() is None
    assert again.end(signal.SIGINT) == 130


def test_a_published_port_of_a_service_that_is_no_nginx_is_balanced(up: Up) -> None:
    urls = up(service='ports = ["0:8000"]').ready()["urls"]
    assert len(urls) == 2
    assert all(Counter(ask(url)["slot"] for _ in range(6)) == {"1": 3, "2": 3} for url in urls)


def test_an_app_on_localhost_starts_is_told_of_and_serves_nobody(up: Up) -> None:
    emulator = up(app=APP.replace("0.0.0.0", "127.0.0.1"))
    (url,) = emulator.ready()["urls"]
    assert emulator.output.count("as in a container, nobody else reaches it there") == 1
    with pytest.raises(urllib.error.HTTPError, match="502"):
        ask(url)


@pytest.mark.parametrize(("code", "expected"), [("raise SystemExit(4)", 1), ("print('migrated')", 0)])
def test_a_service_without_a_port_has_to_run_a_while_or_end_well(
    up: Up, tmp_path: Path, code: str, expected: int
) -> None:
    project(tmp_path)
    (tmp_path / "little" / "job.py").write_text(code)
    with (tmp_path / "config.toml").open("a") as config:
        config.write('\n[services.job]\nimage = "job"\nrestart_policy = { condition = "none" }\n')
        config.write('\n[images.job]\nfolder = "little"\ncommand = "python job.py"\n')
    emulator = up()
    if expected:
        assert emulator.process.wait(20) == 1
        assert "job.1 exited with code 4 before it was ready" in emulator.output
    else:
        emulator.ready()
        assert emulator.end() == 0
        assert "job.1    | migrated" in emulator.output


def test_a_folder_deeper_than_a_sockets_name_may_be_long_serves_all_the_same(up: Up, tmp_path: Path) -> None:
    deep = tmp_path / ("deep" * 20) / ("deeper" * 10)
    project(tmp_path)
    emulator = up("--state", str(deep))
    told = emulator.ready()
    assert ask(told["urls"][0])["slot"] in ("1", "2")
    assert len(told["socket"]) < 104, "any client can use it"
    assert (deep / "docker.sock").resolve() == Path(told["socket"])
    for path in (Path(told["socket"]), deep / "docker.sock"):
        assert [task.state for task in Engine(path).tasks("app")] == ["running", "running"]


def test_output_that_nobody_reads_stops_nothing(tmp_path: Path) -> None:
    chatty = APP.replace("def do_GET(self):", "def do_GET(self):\n        print('x' * 1000000, flush=True)")
    project(tmp_path, app=chatty)
    reading, writing = os.pipe()
    ready_read, ready_write = os.pipe()
    argv = [sys.executable, "-m", "emulator", "up", "--fresh-addresses", "--ready-fd", str(ready_write)]
    with subprocess.Popen(
        argv, cwd=tmp_path, stdout=writing, stderr=writing, pass_fds=[ready_write]
    ) as emulator:
        os.close(writing)
        os.close(ready_write)
        assert select.select([ready_read], [], [], 20)[0]
        url = json.loads(os.read(ready_read, 4096))["urls"][0]
        assert {ask(url)["slot"] for _ in range(8)} == {"1", "2"}
        emulator.send_signal(signal.SIGTERM)
        assert emulator.wait(15) == 0
    os.close(reading)
    os.close(ready_read)
    assert wait_for_end(processes_of(tmp_path))


def test_a_proxy_is_started_when_the_services_with_a_health_check_are_healthy(up: Up, tmp_path: Path) -> None:
    test = f"test -e {tmp_path}/well || ! touch {tmp_path}/well"
    emulator = up(service=f"healthcheck = {{ test = '{test}', interval = '100ms', retries = 9 }}")
    (url,) = emulator.ready()["urls"]
    assert ask(url)["slot"] in ("1", "2")
    assert "host not found" not in emulator.output
    assert emulator.end() == 0
