"""The command line: what it says, what it exits with, and what it does not import."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from emulator.cli.docker import dispatch
from emulator.cli.docker.verb import help_text
from emulator.settings import Port

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
    assert verbs[:8] == ["up", "down", "engine", "tasks", "config", "procfile", "proxy", "nginx"]
    assert {"service", "network", "volume", "node", "swarm", "ps", "logs", "inspect"} <= set(verbs[8:])


def test_help_imports_nothing_that_takes_time():
    assert not {"asyncio", "aiohttp", "tomllib", "emulator.settings", "http.client"} & imported("--help")


def test_nginx_is_reached_without_click_and_settings():
    assert not {"asyncio", "aiohttp", "tomllib", "emulator.settings", "click"} & imported("nginx", "-v")


def test_a_verb_that_is_nearly_right_is_told():
    shown = run("procfil")
    assert shown.returncode == 1
    assert "docker: unknown command: docker procfil, did you mean 'emulator procfile'?" in shown.stderr


@pytest.mark.parametrize(
    "words", [(), ("up",), ("-q",), ("procfile",), ("proxy",), ("config",), ("tasks",), ("ps",)]
)
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


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """A project with one server behind no proxy, up; its folder, and what it has written."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "server.py").write_text(SERVER)
    (folder / "config.toml").write_text(f"""
        [services.web]
        image = "server"
        replicas = 2
        restart_policy = {{ delay = "1h" }}
        [images.server]
        folder = "."
        command = ["{sys.executable}", "server.py"]
        expose = [8000]
    """)
    ready, says = os.pipe()
    up = subprocess.Popen(
        [sys.executable, "-m", "emulator", "--fresh-addresses", "--ready-fd", str(says)],
        cwd=folder,
        pass_fds=[says],
        stdout=subprocess.PIPE,
        text=True,
    )
    os.close(says)
    with up, os.fdopen(ready) as line:
        assert json.loads(line.readline())["urls"] == []
        yield folder
        up.send_signal(signal.SIGINT)
        output, _ = up.communicate(timeout=20)
    assert up.returncode == 0, output
    assert "web.2  | I am slot" in output


SERVER = """
import http.server, os, sys
print("I am slot", os.environ["HOSTNAME"], flush=True)
print("no end", end="", file=sys.stderr, flush=True)
http.server.HTTPServer(("0.0.0.0", 8000), http.server.SimpleHTTPRequestHandler).serve_forever()
"""


def test_tasks_are_listed_where_they_are(running):
    head, *rows = run("tasks", cwd=running).stdout.splitlines()
    assert head.split() == ["ID", "NAME", "IMAGE", "CURRENT", "STATE", "ADDRESS", "PID", "ERROR"]
    assert [row.split()[1:3] for row in rows] == [["web.1", "server:latest"], ["web.2", "server:latest"]]
    assert all(re.search(r" Running .* ago   127\.[\d.]+:8000   \d+$", row) for row in rows), rows
    assert run("tasks", "web", cwd=running).stdout.count("web.") == 2


def test_logs_of_a_service_come_after_their_tasks_names(running):
    shown = run("service", "logs", "web", cwd=running)
    lines = shown.stdout.splitlines()
    assert sorted(line.split(".")[1] for line in lines) == ["1", "2"]
    said = re.compile(r"web\.\d\.[a-z0-9]{12}@\S+    \| I am slot [0-9a-f]{12}")
    assert all(said.fullmatch(line) for line in lines), lines


def test_what_is_not_there_is_said(running):
    assert run("tasks", "nosuch", cwd=running).stderr == "no such service: nosuch\n"
    assert run("service", "ps", "nosuch", cwd=running).stderr == "no such service: nosuch\n"
    missing = "Error response from daemon: No such container: nosuch\n"
    assert run("logs", "nosuch", cwd=running).stderr == missing


def test_what_is_not_emulated_is_refused_by_name(running):
    shown = run("run", "x", "sh", cwd=running)
    refusal = "a container without a service cannot be emulated: docker service create makes one\n"
    assert shown.returncode == 125
    assert shown.stderr.startswith(f"docker: Error response from daemon: {refusal}")
    shown = run("login", cwd=running)
    assert (shown.returncode, shown.stderr) == (1, "docker: 'login' is not emulated: there is no registry\n")


def test_what_is_not_emulated_is_refused_by_name_where_no_engine_runs_too(tmp_path):
    shown = run("exec", "x", "sh", cwd=tmp_path)
    refusal = "docker: 'exec' is not emulated: a task is a plain process of this machine\n"
    assert (shown.returncode, shown.stderr) == (1, refusal)


def test_help_is_a_verb_too(tmp_path):
    assert run("help", cwd=tmp_path).stdout == run("--help", cwd=tmp_path).stdout
    assert run("help", "node", cwd=tmp_path).stdout == run("node", "--help", cwd=tmp_path).stdout
    assert run("help", "node", "ls", cwd=tmp_path).stdout == run("node", "ls", "--help", cwd=tmp_path).stdout


def test_the_emulators_config_and_dockers_are_told_apart_by_the_next_word(running):
    assert '"services"' in run("config", cwd=running).stdout
    assert run("config", "ls", cwd=running).stdout.split() == ["ID", "NAME", "CREATED", "UPDATED"]


def test_a_shell_is_offered_verbs_flags_and_names(running):
    assert run("__complete", "serv", cwd=running).stdout == "service\n"
    assert run("__complete", "service", "r", cwd=running).stdout == "rm\nrollback\n"
    assert run("__complete", "service", "ps", "w", cwd=running).stdout == "web\n"
    flags = run("__complete", "service", "create", "--rep", cwd=running).stdout
    assert flags == "--replicas\n--replicas-max-per-node\n"
    for shell in ("bash", "zsh", "fish"):
        assert "__complete" in run("completion", shell, cwd=running).stdout


@pytest.mark.parametrize("name", ["emulator", "docker"])
def test_a_bash_completes_us_by_our_name_and_as_docker(running, name):
    me = f"{sys.executable} -m emulator"
    script = f"""
        shopt -s expand_aliases
        alias docker={me!r}
        source <({me} completion bash)
        set -- $(complete -p {name})
        COMP_WORDS=({name} service ps w) COMP_CWORD=3
        _emulator
        echo "$#" "${{COMPREPLY[@]}}"
        COMP_WORDS=({name} service "") COMP_CWORD=2
        _emulator
        echo "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(["bash", "-c", script], cwd=running, capture_output=True, text=True, timeout=20)
    verbs = "create inspect logs ls ps rm rollback scale update"
    assert (done.stderr, done.stdout) == ("", f"6 web\n{verbs}\n")


def test_a_verb_answers_at_once(running):
    took = []
    for _ in range(5):
        begun = time.perf_counter()
        assert run("service", "ls", cwd=running).returncode == 0
        took.append(time.perf_counter() - begun)
    assert min(took) < 0.25, took


def test_every_verb_says_what_it_takes():
    for noun in dispatch.BRIEF:
        for verb in dispatch.of(noun):
            text = help_text(verb)
            assert text.startswith(f"Usage:  docker {verb.path}"), verb.path
            assert all(f"--{flag.name}" in text for flag in verb.flags)


def test_a_second_one_on_the_same_state_is_refused(running):
    shown = run(cwd=running)
    assert shown.returncode == 1
    assert re.fullmatch(
        r"another emulator \(pid \d+\) already runs on .*\.emulator; `emulator down` stops it\n", shown.stderr
    )


def test_a_verb_that_finds_no_engine_says_so_in_dockers_words(tmp_path):
    shown = run("ps", cwd=tmp_path)
    assert shown.returncode == 1
    socket = tmp_path / ".emulator" / "docker.sock"
    absence = f"Cannot connect to the Docker daemon at unix://{socket}. Is the docker daemon running?\n"
    assert shown.stderr == absence


def test_a_verb_starts_the_first_engine_where_a_config_toml_is(tmp_path):
    (tmp_path / "config.toml").write_text("")
    shown = run("ps", "-q", cwd=tmp_path)
    try:
        assert (shown.returncode, shown.stdout) == (0, "")
        said = r"Started an engine in the background \(pid \d+\); `emulator down` stops it\n"
        assert re.fullmatch(said, shown.stderr)
        assert run("ps", cwd=tmp_path).stderr == ""
    finally:
        run("down", "-v", cwd=tmp_path)


def test_what_is_mounted_is_checked_as_nginx_t_in_the_container_would(tmp_path):
    shown = run("proxy", "-t")
    assert shown.returncode == 0
    assert "nginx: configuration file /etc/nginx/nginx.conf test is successful" in shown.stderr
    conf = tmp_path / "nginx_conf"
    conf.mkdir()
    (conf / "app.conf").write_text("server { listen 80; rot /x; }")
    (tmp_path / "config.toml").write_text(
        "[services.front]\nimage = 'nginx'\nports = ['0:80']\n"
        "mounts = ['type=bind,src=nginx_conf,dst=/etc/nginx/conf.d']\n"
    )
    shown = run("proxy", "-t", cwd=tmp_path)
    assert shown.returncode == 1
    assert '[emerg] unknown directive "rot" in /etc/nginx/conf.d/app.conf:1' in shown.stderr


def test_a_port_that_leads_to_443_is_shown_as_https():
    assert Port(443, 8443).url == "https://localhost:8443"
    assert Port(80, 8080).url == "http://localhost:8080"
