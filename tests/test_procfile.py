"""The Procfile: what config.toml implies, as lines that a shell runs."""

import subprocess
import sys
from pathlib import Path

import pytest

from emulator.cli.procfile import NoLine, lines
from emulator.settings import load

ROOT = Path(__file__).parents[1]


@pytest.fixture
def made(tmp_path):
    def made(text):
        path = tmp_path / "config.toml"
        path.write_text(text)
        (tmp_path / "my app").mkdir(exist_ok=True)
        return [line for line in lines(load(path)) if not line.startswith("#")]

    return made


def test_the_shipped_procfile_is_what_config_toml_implies():
    argv = [sys.executable, "-m", "emulator", "procfile"]
    shown = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True)
    assert (ROOT / "Procfile").read_text() == shown.stdout


def test_honcho_reads_every_line():
    environ = pytest.importorskip("honcho.environ")
    processes = environ.parse_procfile((ROOT / "Procfile").read_text()).processes
    assert list(processes) == ["webapp_1", "webapp_2", "webapp_3", "proxy"]


def test_ports_go_on_from_service_to_service_and_words_are_quoted(made):
    assert made("""
        [services.a]
        image = "x"
        replicas = 2
        env = { NAME = "{{.Task.Name}} of {{.Service.Name}}" }
        [services.b]
        image = "x"
        command = ["serve", "--to", "it's", "--listen=[::]:8000"]
        [images.x]
        folder = "my app"
        command = "serve --host {address} --port {port}"
        expose = [8000]
        [emulator]
        honcho_port = 9000
    """) == [
        "a_1: cd 'my app' && NAME='a.1 of a' PYTHONUNBUFFERED=1 exec serve --host 127.0.0.1 --port 9000",
        "a_2: cd 'my app' && NAME='a.2 of a' PYTHONUNBUFFERED=1 exec serve --host 127.0.0.1 --port 9001",
        "b_1: cd 'my app' && PYTHONUNBUFFERED=1 exec serve --to 'it'\"'\"'s' --listen=127.0.0.1:9002",
    ]


def test_two_proxies_have_a_line_each(made):
    assert made('[services.front]\nimage = "nginx"\n[services.back]\nimage = "nginx:1.27"') == [
        "front: python -m emulator proxy front",
        "back: python -m emulator proxy back",
    ]


def test_a_command_that_names_no_address_is_refused(made):
    with pytest.raises(
        NoLine, match=r"services\.a\.command: no word ends in an address like 0\.0\.0\.0:8000"
    ):
        made('[services.a]\nimage = "x"\n[images.x]\ncommand = "serve"\nexpose = [8000]')


def test_a_template_that_only_a_swarm_can_fill_is_refused(made):
    with pytest.raises(NoLine, match=r"\{\{\.Node\.ID\}\} has no meaning in a Procfile"):
        made("""
            [services.a]
            image = "x"
            env = { A = "{{.Node.ID}}" }
            [images.x]
            command = "serve :80"
            expose = [80]
        """)
