"""The fixture `emulator`, as a user's suite has it: pytest runs inside pytest, on a small project."""

import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

pytest_plugins = ["pytester"]

CONFIG = """
[services.web]
image = "app"
replicas = 2
networks = ["net"]
mounts = ["src=files,dst=/app/files"]
restart_policy = { delay = 0 }

[services.front]
image = "nginx"
networks = ["net"]
mounts = ["type=bind,src=conf,dst=/etc/nginx/conf.d", "src=files,dst=/files"]
ports = ["8080:80"]

[networks.net]
subnet = "192.168.100.0/24"

[volumes.files]
path = "files"

[images.app]
folder = "app"
command = "gunicorn -b 0.0.0.0:8000 app"
expose = [8000]
"""
CONF = """
server {
    listen 80;
    location / { proxy_pass http://web:8000; }
    location /files/ { alias /files/; }
}
"""
APP = """
import os
from pathlib import Path

def application(environ, start_response):
    if environ["PATH_INFO"] == "/write":
        Path("files/written").write_text("by the app")
    print("asked for", environ["PATH_INFO"], flush=True)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getppid()).encode()]
"""
GET = """
from urllib.request import urlopen

def get(emulator, path="/"):
    with urlopen(emulator.base_url + path, timeout=20) as reply:
        return reply.read().decode()
"""


@pytest.fixture
def project(pytester, monkeypatch):
    """A project of two replicas behind nginx, with the given tests."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    for name, text in {"config.toml": CONFIG, "conf/app.conf": CONF, "app/app.py": APP}.items():
        path = pytester.path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    (pytester.path / "files").mkdir()
    (pytester.path / "files/seed").write_text("of the project")

    def project(tests):
        pytester.makepyfile(get=GET, test_it="from get import get\n" + dedent(tests))
        return pytester

    return project


PYTEST = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "emulator.pytest_plugin")


def run(pytester, *options):
    return pytester.run(*PYTEST, *options, timeout=90)


def test_importing_the_plugin_costs_a_suite_nothing():
    code = (
        "import pytest, sys; before = set(sys.modules); import emulator.pytest_plugin;"
        "print(*sorted(set(sys.modules) - before))"
    )
    new = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert {name for name in new if name.startswith("emulator")} == {"emulator", "emulator.pytest_plugin"}
    assert not {"asyncio", "aiohttp", "http.client", "tomllib", "dataclasses"} & set(new)


def test_the_fixture_is_the_running_topology(project):
    pytester = project("""
        def test_replicas(emulator):
            assert [replica.slot for replica in emulator.replicas] == [1, 2]
            assert {int(get(emulator)) for _ in range(4)} == {replica.pid for replica in emulator.replicas}
            assert len({replica.address for replica in emulator.replicas}) == 2

        def test_kill(emulator):
            before = [replica.pid for replica in emulator.replicas]
            emulator.kill(2)
            emulator.wait_until_ready()
            after = [replica.pid for replica in emulator.replicas]
            assert after[0] == before[0]
            assert after[1] != before[1]
            assert {int(get(emulator)) for _ in range(4)} == set(after)

        def test_pause(emulator):
            import threading
            emulator.pause(1)
            answers = []
            asking = [threading.Thread(target=lambda: answers.append(get(emulator))) for _ in range(2)]
            [thread.start() for thread in asking]
            second = emulator.replicas[1].pid
            emulator.resume(1)
            [thread.join() for thread in asking]
            assert len(set(answers)) == 2

        def test_logs(emulator):
            get(emulator, "/one")
            get(emulator, "/two")
            logs = emulator.logs(1) + emulator.logs(2)
            assert "asked for /one" in logs
            assert "asked for /two" in logs

        def test_a_slot_that_is_not_there(emulator):
            import pytest
            with pytest.raises(LookupError, match="web has no running replica 3"):
                emulator.kill(3)
    """)
    run(pytester).assert_outcomes(passed=5)


def test_volumes_are_copies_that_die_with_the_session(project):
    pytester = project("""
        def test_it(emulator):
            assert get(emulator, "/files/seed") == "of the project"
            get(emulator, "/write")
            assert get(emulator, "/files/written") == "by the app"
    """)
    run(pytester).assert_outcomes(passed=1)
    assert [path.name for path in (pytester.path / "files").iterdir()] == ["seed"]
    assert not (pytester.path / ".emulator").exists()


def test_two_sessions_and_two_workers_side_by_side_do_not_meet(project):
    pytester = project("""
        import pytest

        @pytest.mark.parametrize("turn", range(6))
        def test_it(emulator, turn):
            pids = {replica.pid for replica in emulator.replicas}
            assert {int(get(emulator)) for _ in range(4)} == pids
    """)
    runs = [
        subprocess.Popen([*PYTEST, *more], cwd=pytester.path, stdout=subprocess.PIPE, text=True)
        for more in ([], ["-p", "xdist", "-n", "2"])
    ]
    outputs = [one.communicate(timeout=90)[0] for one in runs]
    assert [one.returncode for one in runs] == [0, 0], outputs


def test_a_failed_test_shows_what_was_written_during_it(project):
    pytester = project("""
        def test_one(emulator):
            get(emulator, "/before")

        def test_two(emulator):
            get(emulator, "/during")
            written = emulator.logs(1) + emulator.logs(2)
            raise AssertionError(len(written))
    """)
    result = run(pytester)
    result.assert_outcomes(passed=1, failed=1)
    shown = result.stdout.str().partition("Captured emulator output")[2]
    assert "asked for /during" in shown
    assert "asked for /before" not in shown


def test_a_start_that_fails_is_an_error_with_the_apps_own_words(project):
    pytester = project("def test_it(emulator): pass")
    (pytester.path / "app/app.py").write_text("import no_such_module")
    result = run(pytester)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*the emulator ended with exit code 1; it wrote:", "*No module named*"])


def test_a_wrong_file_is_an_error_with_its_problems(project):
    pytester = project("def test_it(emulator): pass")
    (pytester.path / "other.toml").write_text("services = 1")
    for options in (["--emulator-config", "other.toml"], ["-o", "emulator_config=other.toml"]):
        result = run(pytester, *options)
        result.assert_outcomes(errors=1)
        result.stdout.fnmatch_lines(
            ["*other.toml: services: found 1 (a number), expected a table of tables*"]
        )


def test_a_killed_pytest_leaves_no_process_behind(project):
    pytester = project("""
        def test_it(emulator):
            import sys
            pids = [emulator._process.pid, *(replica.pid for replica in emulator.replicas)]
            print("PIDS", *pids, file=sys.__stderr__, flush=True)
            sys.stdin.read()
    """)
    with subprocess.Popen(
        [*PYTEST, "-s"],
        cwd=pytester.path,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    ) as run:
        assert run.stderr is not None
        line = next(line for line in run.stderr if line.startswith("PIDS"))
        alive = [os.pidfd_open(int(pid)) for pid in line.split()[1:]]
        run.send_signal(signal.SIGKILL)
    assert len(alive) == 3
    for descriptor in alive:
        ended, _, _ = select.select([descriptor], [], [], 20)
        os.close(descriptor)
        assert ended


def test_an_installed_plugin_takes_the_nearest_file_above(project, monkeypatch):
    monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    pytester = project("def test_it(emulator): assert get(emulator)")
    inner = pytester.path / "deep" / "er"
    inner.mkdir(parents=True)
    for name in ("get.py", "test_it.py"):
        (pytester.path / name).rename(inner / name)
    pytester.makeini("[pytest]")
    (pytester.path / "tox.ini").rename(inner / "pytest.ini")
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q"],
        cwd=inner,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert result.returncode == 0, result.stdout
    assert Path(inner).is_dir()
