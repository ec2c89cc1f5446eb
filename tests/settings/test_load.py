"""What a good file becomes."""

import subprocess
import sys
from pathlib import Path

import pytest

from emulator.settings import EmulatorSettings, Mount, Port, RestartPolicy, SettingsError, UpdateConfig, load

ROOT = Path(__file__).parents[2]


@pytest.fixture
def write(tmp_path):
    (tmp_path / "app").mkdir()

    def write(text):
        path = tmp_path / "config.toml"
        path.write_text(text)
        return path

    return write


def service(write, body):
    """The service `web` of a file that holds what its keys may name."""
    path = write(f"""
        [services.web]
        {body}
        [networks.net]
        [volumes.data]
        [images.app]
        folder = "app"
        command = "serve --port 8000"
    """)
    return load(path).services[0]


def test_the_shipped_file_is_the_article():
    settings = load(ROOT / "config.toml")
    webapp, webproxy = settings.services
    assert (webapp.name, webapp.image, webapp.replicas) == ("webapp", "kmmanoj/flask_gunicorn_app", 3)
    assert webapp.mounts == (Mount("volume", "web_static", "/app/static"),)
    assert webapp.env == (("TASK_SLOT", "{{.Task.Slot}}"),)
    assert webapp.networks == webproxy.networks == ("web_network",)
    assert webproxy.mounts == (
        Mount("volume", "web_static", "/var/www-data"),
        Mount("bind", str(ROOT / "nginx_conf"), "/etc/nginx/conf.d"),
    )
    assert webproxy.ports == (Port(target=80, published=8080),)
    assert settings.networks[0].subnet == "192.168.100.0/24"
    assert settings.volumes[0].path == ROOT / "static"
    assert settings.images[0].folder == ROOT / "webapp"
    assert settings.images[0].command == ("gunicorn", "-b", "0.0.0.0:8000", "app")


def test_a_service_has_dockers_defaults(write):
    found = service(write, 'image = "app"')
    assert found.replicas == 1
    assert found.restart_policy == RestartPolicy("any", 5.0, 0, 0.0)
    assert (found.stop_grace_period, found.stop_signal, found.endpoint_mode) == (10.0, None, "vip")


def test_a_service_says_how_it_is_changed_and_how_that_is_taken_back(write):
    found = service(
        write,
        """image = "app"
        labels = ["team=web", "tier="]
        update_config = { parallelism = 0, delay = "2s", order = "start-first", max_failure_ratio = 0.5 }
        rollback_config = { failure_action = "continue", monitor = 1 }""",
    )
    assert found.labels == (("team", "web"), ("tier", ""))
    assert found.update_config == UpdateConfig(0, 2.0, "pause", 5.0, 0.5, "start-first")
    assert found.rollback_config == UpdateConfig(failure_action="continue", monitor=1.0)


def test_an_empty_file_is_an_empty_swarm(write):
    settings = load(write(""))
    assert settings.services == settings.networks == ()
    assert settings.emulator.state == settings.root / ".emulator"
    assert settings.emulator.addressing == EmulatorSettings().addressing


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ('"500ms"', 0.5), ('"1m30s"', 90.0), ('"1.5h"', 5400.0), ('"10us"', 1e-5), ('"10µs"', 1e-5),
        ("2", 2.0), ("0.25", 0.25), ('"0s"', 0.0),
    ],
)  # fmt: skip
def test_a_duration_is_dockers_or_a_number_of_seconds(write, written, seconds):
    found = service(write, f'image = "app"\nrestart_policy = {{ delay = {written} }}')
    assert found.restart_policy.delay == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("written", "mount"),
    [
        ('"src=data,dst=/d"', Mount("volume", "data", "/d")),
        ('"type=volume,source=data,target=/d/,readonly"', Mount("volume", "data", "/d", True)),
        ('"source=data,destination=/a/../d,ro=true"', Mount("volume", "data", "/d", True)),
        ('"src=data,dst=/d,readonly=false"', Mount("volume", "data", "/d", False)),
        ('{ source = "data", target = "/d", read_only = true }', Mount("volume", "data", "/d", True)),
        ('{ src = "data", dst = "/d", type = "volume" }', Mount("volume", "data", "/d")),
    ],
)
def test_a_mount_is_dockers_string_or_a_table(write, written, mount):
    assert service(write, f'image = "app"\nmounts = [{written}]').mounts == (mount,)


def test_a_bind_starts_at_the_files_folder(write, tmp_path):
    found = service(write, 'image = "app"\nmounts = ["type=bind,src=./app,dst=/x"]')
    assert found.mounts == (Mount("bind", str(tmp_path / "app"), "/x"),)


@pytest.mark.parametrize(
    ("written", "port"),
    [
        ('"8080:80"', Port(80, 8080)),
        ('"127.0.0.1:8080:80/tcp"', Port(80, 8080)),
        ('"localhost:8080:80"', Port(80, 8080)),
        ('"80"', Port(80, 0)),
        ('{ target = 80, published = 8080, mode = "host" }', Port(80, 8080, "tcp", "host")),
        ("{ target = 80 }", Port(80, 0)),
    ],
)
def test_a_port_is_dockers_string_or_a_table(write, written, port):
    assert service(write, f'image = "app"\nports = [{written}]').ports == (port,)


@pytest.mark.parametrize("written", ['{ A = "1", B = 2 }', '["A=0", "B=2", "A=1"]'])
def test_env_is_a_table_or_dockers_list(write, written):
    assert dict(service(write, f'image = "app"\nenv = {written}').env) == {"A": "1", "B": "2"}


@pytest.mark.parametrize("written", ["\"run 'a b' c\"", '["run", "a b", "c"]'])
def test_a_command_is_a_string_or_a_list(write, written):
    assert service(write, f'image = "app"\ncommand = {written}').command == ("run", "a b", "c")


@pytest.mark.parametrize("written", ['"SIGQUIT"', '"quit"', "3", '"3"'])
def test_a_signal_has_a_name_or_a_number(write, written):
    assert service(write, f'image = "app"\nstop_signal = {written}').stop_signal == "SIGQUIT"


@pytest.mark.parametrize("image", ["nginx", "nginx:1.27", "docker.io/library/nginx:latest", "app:2"])
def test_an_image_is_known_by_any_of_its_tags(write, image):
    assert service(write, f'image = "{image}"').image == image


def test_a_problem_stands_in_one_line_with_file_key_found_and_expected(write, monkeypatch):
    path = write('[services.webapp]\nimage = "nginx"\nreplicas = "three"')
    monkeypatch.chdir(path.parent)
    with pytest.raises(SettingsError) as error:
        load("config.toml")
    assert str(error.value) == (
        'config.toml: services.webapp.replicas: found "three" (a string),'
        " expected a whole number from 0 to 1000"
    )


def test_all_problems_come_at_once(write):
    path = write('nam = "x"\n[services.web]\nreplicas = -1\n[volumes.v]\nfolder = "x"')
    with pytest.raises(SettingsError) as error:
        load(path)
    assert len(error.value.problems) == 4


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"a = 1\nb 2", ":2:3: expected '=' after a key in a key/value pair"),
        (b"a = [1,", ":1:8: invalid value"),
        (b"a = 1\nb = '\xff'", ":2: not UTF-8"),
        (b"a = " + b"[" * 5000, ": nested too deeply"),
        (b"a = " + b"9" * 5000, ": exceeds the limit (4300 digits) for integer string conversion"),
    ],
)
def test_what_is_no_toml_is_said_with_its_place(tmp_path, content, problem):
    path = tmp_path / "config.toml"
    path.write_bytes(content)
    with pytest.raises(SettingsError) as error:
        load(path)
    (line,) = error.value.problems
    assert line.startswith(f"{path}{problem}")


def test_a_file_that_is_not_there_is_said_so(tmp_path):
    with pytest.raises(SettingsError, match="no such file"):
        load(tmp_path / "config.toml")


def test_the_reference_page_is_current():
    made = subprocess.run(
        [sys.executable, "-m", "emulator.settings.reference"], capture_output=True, text=True, check=True
    )
    assert (ROOT / "docs/config.md").read_text() == made.stdout, "run `make docs`"
