"""The command line: what it says, what it exits with, and what it does not import."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def run(*words, cwd=ROOT, python=()):
    argv = [sys.executable, *python, "-m", "emulator", *words]
    return subprocess.run(argv, cwd=cwd, capture_output=True, text=True, timeout=60)


def imported(*words, cwd=ROOT):
    """The modules that a run imports, by the interpreter's own account."""
    report = run(*words, cwd=cwd, python=("-X", "importtime")).stderr
    return {
        line.rpartition("|")[2].strip() for line in report.splitlines() if line.startswith("import time:")
    }


def test_the_version_is_said():
    from emulator import __version__

    assert run("--version").stdout == f"emulator {__version__}\n"


def test_help_lists_every_verb_with_a_line():
    shown = run("--help")
    assert shown.returncode == 0
    verbs = [line.split()[0] for line in shown.stdout.partition("Commands:")[2].splitlines() if line.strip()]
    assert verbs == ["up", "ps", "logs", "config", "procfile", "proxy", "nginx"]


def test_help_imports_nothing_that_takes_time():
    assert not {"asyncio", "aiohttp", "tomllib", "emulator.settings", "http.client"} & imported("--help")


def test_nginx_is_reached_without_click_and_settings():
    assert not {"asyncio", "aiohttp", "tomllib", "emulator.settings", "click"} & imported("nginx", "-v")


def test_a_verb_that_is_nearly_right_is_told():
    shown = run("procfil")
    assert shown.returncode == 2
    assert "No such command 'procfil', did you mean 'procfile'?" in shown.stderr


@pytest.mark.parametrize("words", [(), ("up",), ("-q",), ("procfile",), ("proxy",), ("config",), ("ps",)])
def test_a_wrong_file_is_told_in_lines_and_exits_with_2(tmp_path, words):
    (tmp_path / "config.toml").write_text("[services.web]\nreplicas = -1\nimage = 'nginx'\n")
    shown = run(*words, cwd=tmp_path)
    assert shown.returncode == 2
    assert shown.stderr == (
        "config.toml: services.web.replicas: found -1 (a number), expected a whole number from 0 to 1000\n"
    )
    assert shown.stdout == ""
    assert [path.name for path in tmp_path.iterdir()] == ["config.toml"]


def test_a_folder_without_a_file_is_told(tmp_path):
    shown = run(cwd=tmp_path)
    assert (shown.returncode, shown.stderr) == (2, "config.toml: no such file or directory\n")


def test_the_nearest_file_above_is_taken(tmp_path):
    (tmp_path / "config.toml").write_text('name = "above"')
    (tmp_path / "deeper").mkdir()
    assert json.loads(run("config", cwd=tmp_path / "deeper").stdout)["name"] == "above"


def test_another_port_needs_a_file_that_publishes_one(tmp_path):
    (tmp_path / "config.toml").write_text('[services.web]\nimage = "nginx"')
    shown = run("--port", "9000", cwd=tmp_path)
    assert (shown.returncode, shown.stderr) == (2, "--port: config.toml publishes 0 ports, expected one\n")


def test_a_verb_that_finds_no_emulator_says_so_in_a_line(tmp_path):
    (tmp_path / "config.toml").write_text("")
    shown = run("ps", cwd=tmp_path)
    assert shown.returncode == 1
    socket = tmp_path / ".emulator" / "docker.sock"
    assert shown.stderr == f"Cannot connect to an emulator at {socket}. Is it running?\n"
