"""What goes wrong at start is one clear message and exit code 1, and nothing stays behind."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

import pytest

from tests.e2e import project
from tests.e2e.conftest import Start
from tests.e2e.running import members, processes


def children_of_mine(folder: Path) -> set[int]:
    """Processes that still work inside a folder of this test."""
    found = set()
    for pid, state, _, _ in processes():
        try:
            where = Path(f"/proc/{pid}/cwd").readlink()
        except OSError:
            continue
        if state not in "ZX" and where.is_relative_to(folder):
            found.add(pid)
    return found


def test_a_busy_port_is_one_clear_line_and_nothing_is_started(demonstration: Path, start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        project.rewrite(demonstration / "config.toml", r'"0:80"', f'"{port}:80"')
        program = start(demonstration)
        assert program.exit_code() == 1
    assert f"127.0.0.1:{port}: Address already in use" in program.output
    assert len(program.output.splitlines()) == 1
    assert not children_of_mine(demonstration)


def test_a_missing_app_folder_is_named(demonstration: Path, start: Start) -> None:
    shutil.rmtree(demonstration / "webapp")
    program = start(demonstration)
    assert program.exit_code() == 2
    assert 'folder: "' in program.output
    assert 'webapp" does not exist' in program.output
    assert "Traceback" not in program.output
    assert not children_of_mine(demonstration)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("raise RuntimeError('no database today')", "RuntimeError: no database today"),
        (
            "import a_module_that_nobody_has",
            "ModuleNotFoundError: No module named 'a_module_that_nobody_has'",
        ),
        ("application = (", "SyntaxError"),
    ],
    ids=["raises", "imports what is missing", "does not parse"],
)
def test_an_app_that_fails_at_import_shows_its_own_traceback_once_and_ends(
    demonstration: Path, start: Start, code: str, words: str
) -> None:
    (demonstration / "webapp" / "app.py").write_text(code + "\n")
    program = start(demonstration)
    assert program.exit_code() == 1
    assert words in program.output
    assert "app.py" in program.output
    assert 1 <= program.output.count(words) <= 3, "no respawn storm: each replica at most once"
    assert not children_of_mine(demonstration)


def test_a_missing_app_is_told_by_gunicorns_own_traceback(demonstration: Path, start: Start) -> None:
    (demonstration / "webapp" / "app.py").unlink()
    program = start(demonstration)
    assert program.exit_code() == 1
    assert "ModuleNotFoundError: No module named 'app'" in program.output
    assert not children_of_mine(demonstration)


def test_a_command_that_is_not_there_is_told_in_dockers_words(demonstration: Path, start: Start) -> None:
    project.rewrite(
        demonstration / "config.toml", r"gunicorn -b 0\.0\.0\.0:8000 app", "no-such-command at all"
    )
    program = start(demonstration)
    assert program.exit_code() == 1
    assert 'exec: "no-such-command": executable file not found in $PATH' in program.output
    assert "Traceback" not in program.output
    assert not children_of_mine(demonstration)


def test_a_mistake_in_nginx_conf_is_told_in_nginxs_words_and_nothing_is_started(
    demonstration: Path, start: Start
) -> None:
    project.rewrite(demonstration / "nginx_conf" / "app.conf", "proxy_pass", "proxy_passs")
    program = start(demonstration)
    assert program.exit_code() == 1
    assert 'unknown directive "proxy_passs"' in program.output
    assert "app.conf:6" in program.output
    assert "gunicorn" not in program.output
    assert not children_of_mine(demonstration)


def test_ctrl_c_ends_a_task_that_ignores_it_after_the_grace_and_a_second_ctrl_c_at_once(
    demonstration: Path, start: Start
) -> None:
    (demonstration / "webapp" / "gunicorn.conf.py").write_text(
        "import signal\n\ndef when_ready(server):\n    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    )
    program = start(demonstration)
    program.ready()
    groups = program.groups()
    program.interrupt()
    with pytest.raises(AssertionError, match="still runs"):
        program.exit_code(timeout=1)
    program.interrupt()
    program.exit_code(timeout=3)
    assert not members(groups)
