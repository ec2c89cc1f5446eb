"""What a Python process in a task sees of the world: real interpreters, real sockets, real gunicorn."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from emulator import livetable
from emulator.container.environment import SHIM, environment
from emulator.livetable import EndpointTable

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="127/8")

Started = Callable[..., subprocess.Popen[str]]


class Task:
    """The environment of one task, and the socket on which it says that it listens."""

    def __init__(self, folder: Path, address: str = "", ports: str = "") -> None:
        self.net = f"231.{random.randrange(1, 255)}"
        self.folder, self.address = folder, address or f"127.{self.net}.{random.randrange(20, 250)}"
        self.private = f"127.{231 ^ 128}.{self.address.split('.', 2)[2]}"
        self.own = "10" + self.address.removeprefix("127")
        self.ready = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.ready.bind(str(folder / "ready.sock"))
        self.ready.settimeout(15)
        self.table = EndpointTable(str(folder / "table"))
        self.marks = {
            "EMULATOR_TASK": "task1",
            "EMULATOR_TASK_ADDRESS": self.address,
            "EMULATOR_CONTAINER_ADDRESS": self.own,
            "EMULATOR_HOSTNAME": "f96a4b915b86",
            "EMULATOR_READY": str(folder / "ready.sock"),
            "EMULATOR_PORTS": ports,
            "EMULATOR_TABLES": self.table.path,
            "EMULATOR_SUBNETS": "" if address else f"10.{self.net}.0/24=127.{self.net}.0",
            "EMULATOR_LIVETABLE": livetable.__file__,
            "EMULATOR_DEBUG": "1",
        }

    def env(self, **wanted: str) -> dict[str, str]:
        return environment(os.environ, "f96a4b915b86", wanted, self.marks, SHIM)

    def python(self, code: str, **wanted: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=self.env(**wanted),
            cwd=self.folder,
            capture_output=True,
            text=True,
        )
        assert done.stderr == ""
        return done.stdout.strip()

    def listens(self) -> list[object]:
        said = json.loads(self.ready.recv(1000))
        assert said["task"] == "task1"
        where: list[object] = said["listen"]
        return where

    def silent(self) -> bool:
        return not select.select([self.ready], [], [], 0)[0]


@pytest.fixture
def task(tmp_path: Path) -> Iterator[Task]:
    made = Task(tmp_path)
    yield made
    made.ready.close()
    made.table.close()


@pytest.fixture
def start(task: Task) -> Iterator[Started]:
    started: list[subprocess.Popen[str]] = []

    def run(*argv: str, of: Task = task, **wanted: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            argv, env=of.env(**wanted), cwd=of.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, start_new_session=True,
        )  # fmt: skip
        started.append(process)
        return process

    yield run
    for process in started:
        with process, contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def get(host: str, port: int, path: str = "/") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(host, port, timeout=10)
    connection.request("GET", path)
    response = connection.getresponse()
    try:
        return response.status, response.read()
    finally:
        connection.close()


def refused(host: str, port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex((host, port)) != 0


@pytest.mark.parametrize("host", ["0.0.0.0", "", "::", "f96a4b915b86", "own"])
def test_a_wildcard_bind_lands_on_the_tasks_address_and_is_told(
    task: Task, start: Started, host: str
) -> None:
    family = "AF_INET6" if ":" in host else "AF_INET"
    start(sys.executable, "-c", f"""
import socket
server = socket.socket(socket.{family})
server.bind(({(task.own if host == "own" else host)!r}, 8000))
server.listen()
server.accept()[0].sendall(b"here")
""")  # fmt: skip
    assert task.listens() == [task.address, 8000]
    with socket.create_connection((task.address, 8000), timeout=5) as client:
        assert client.recv(10) == b"here"


def test_http_server_needs_no_change(task: Task, start: Started) -> None:
    (task.folder / "page").write_text("text")
    start(sys.executable, "-m", "http.server", "8000")
    assert task.listens() == [task.address, 8000]
    assert get(task.address, 8000, "/page") == (200, b"text")


def test_a_bind_to_localhost_is_reached_from_the_task_alone(task: Task, start: Started) -> None:
    start(sys.executable, "-c", """
import socket, threading
server = socket.create_server(("127.0.0.1", 8000))
threading.Thread(target=lambda: print(server.accept()[0].recv(9), flush=True)).start()
socket.create_connection(("localhost", 8000)).sendall(b"from self")
threading.Event().wait()
""")  # fmt: skip
    assert task.listens() == [task.private, 8000]
    assert refused(task.address, 8000)


def test_gunicorn_is_ready_when_a_worker_has_the_app(task: Task, start: Started) -> None:
    (task.folder / "app.py").write_text(
        "import time\ntime.sleep(0.3)\n"
        "def application(environ, start_response):\n"
        "    start_response('200 OK', [])\n"
        "    return [environ['REMOTE_ADDR'].encode()]\n"
    )
    began = time.monotonic()
    process = start("gunicorn", "-b", "0.0.0.0:8000", "app")
    assert task.listens() == [task.address, 8000]
    assert time.monotonic() - began > 0.3
    assert get(task.address, 8000)[0] == 200
    assert task.silent()
    assert process.stdout is not None
    os.kill(process.pid, signal.SIGTERM)
    assert f"Listening at: http://{task.address}:8000" in process.communicate(timeout=10)[0]


def test_gunicorn_whose_app_fails_never_says_that_it_listens(task: Task, start: Started) -> None:
    (task.folder / "app.py").write_text("raise RuntimeError('no database today')\n")
    process = start("gunicorn", "-b", "0.0.0.0:8000", "app")
    assert "no database today" in process.communicate(timeout=20)[0]
    assert process.returncode == 3
    assert task.silent()


def test_gunicorn_bound_to_localhost_serves_nobody(task: Task, start: Started) -> None:
    (task.folder / "app.py").write_text("def application(environ, start_response):\n    return []\n")
    start("gunicorn", "-b", "127.0.0.1:8000", "app")
    assert task.listens() == [task.private, 8000]
    assert refused(task.address, 8000)


def test_gunicorn_makes_no_control_socket_in_the_shared_home_but_the_one_it_is_told(
    task: Task, start: Started
) -> None:
    (task.folder / "app.py").write_text("application = print\n")
    home = task.folder / "home"
    start("gunicorn", "-b", "0.0.0.0:8000", "app", HOME=str(home))
    task.listens()
    own = task.folder / "own.ctl"
    told = start("gunicorn", "-b", "0.0.0.0:8001", "--control-socket", str(own), "app", HOME=str(home))
    task.listens()
    assert told.stdout is not None
    while "Control socket" not in (line := told.stdout.readline()):
        assert line, "it ended"
    assert own.exists()
    assert not home.exists()


def test_asyncio_on_all_interfaces_is_one_listener_of_the_task(task: Task, start: Started) -> None:
    start(sys.executable, "-c", """
import asyncio
async def main():
    server = await asyncio.start_server(lambda reader, writer: writer.close(), None, 8000)
    await server.serve_forever()
asyncio.run(main())
""")  # fmt: skip
    assert [task.address, 8000] in (task.listens(), task.listens())


def test_the_hostname_is_the_tasks(task: Task) -> None:
    code = "import os, platform, socket; print(socket.gethostname(), platform.node(), os.uname().nodename)"
    assert task.python(code) == " ".join(["f96a4b915b86"] * 3)
    resolved = "import socket; print(socket.gethostbyname(socket.gethostname()), socket.getfqdn())"
    assert task.python(resolved) == f"{task.address} f96a4b915b86"


def test_names_of_the_network_resolve_to_where_the_tasks_are(task: Task) -> None:
    endpoints = [
        {
            "address": f"10.{task.net}.{n}",
            "host": f"127.{task.net}.{n}",
            "name": f"webapp.1.t{n}",
            "hostname": f"h{n}",
        }
        for n in (4, 5)
    ]
    services = {"webapp": {"vip": f"10.{task.net}.2", "mode": "vip", "endpoints": endpoints}}
    task.table.publish({"network": "net", "services": services})
    code = f"""
import socket
print(sorted(entry[4] for entry in socket.getaddrinfo("webapp", 8000, type=socket.SOCK_STREAM)))
print(sorted(socket.gethostbyname_ex("tasks.webapp.net.")[2]), socket.gethostbyname("H5"))
print({{socket.gethostbyname("webapp") for _ in range(4)}} == {{"127.{task.net}.4", "127.{task.net}.5"}})
print(socket.gethostbyaddr("127.{task.net}.4")[0])
try:
    socket.gethostbyaddr("127.{task.net}.99")
except socket.herror as error:
    print(error)
print(socket.gethostbyname("localhost"), socket.getaddrinfo("127.0.0.1", 80)[0][4])
"""
    assert task.python(code).splitlines() == [
        f"[('127.{task.net}.4', 8000), ('127.{task.net}.5', 8000)]",
        f"['127.{task.net}.4', '127.{task.net}.5'] 127.{task.net}.5",
        "True",
        "webapp.1.t4.net",
        "[Errno 1] Unknown host",
        "127.0.0.1 ('127.0.0.1', 80)",
    ]


def test_a_connection_to_the_network_comes_from_the_tasks_address(task: Task) -> None:
    with socket.create_server((f"127.{task.net}.9", 0)) as server:
        port = server.getsockname()[1]
        code = f"import socket; socket.create_connection(('10.{task.net}.9', {port}), 5).close()"
        assert task.python(code) == ""
        accepted, (host, _) = server.accept()
        accepted.close()
        assert host == task.address


def test_the_machine_itself_is_the_bridges_gateway(task: Task) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        code = f"""
import socket
print(socket.socket().connect_ex(("127.0.0.1", {port})) != 0)
socket.create_connection(("172.18.0.1", {port}), 5).close()
"""
        assert task.python(code) == "True"


def test_in_ports_addressing_ports_are_mapped_and_loopback_is_private(tmp_path: Path, start: Started) -> None:
    (tmp_path / "ports").mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    task = Task(tmp_path / "ports", "127.0.0.1", f"8000={free}")
    start(sys.executable, "-m", "http.server", "8000", of=task)
    assert task.listens() == ["127.0.0.1", free]
    assert get("127.0.0.1", free)[0] == 200
    code = """
import socket
server = socket.create_server(("127.0.0.1", 8000))
client = socket.create_connection(("localhost", 8000))
print(server.getsockname()[1] != 8000)
"""
    assert task.python(code) == "True"
    task.ready.close()
    task.table.close()


def test_what_is_no_address_is_the_programs_own_affair(task: Task) -> None:
    code = """
import socket
one, other = socket.socketpair()
path = "x.sock"
server = socket.socket(socket.AF_UNIX); server.bind(path); server.listen(1)
socket.socket(socket.AF_UNIX).connect(path)
for bad in (None, 5, ("a",), ("0.0.0.0", "x")):
    try:
        socket.socket().bind(bad)
    except (TypeError, OSError) as error:
        print(type(error).__name__)
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); udp.bind(("", 0)); print(udp.getsockname()[0])
"""
    assert task.python(code).splitlines() == ["TypeError"] * 4 + ["0.0.0.0"]


def test_the_users_own_sitecustomize_runs_too(task: Task) -> None:
    (task.folder / "lib").mkdir()
    (task.folder / "lib" / "sitecustomize.py").write_text("print('own sitecustomize')\n")
    code = "import socket, sys; print(socket.gethostname(), sys.modules['sitecustomize'].__file__)"
    out = task.python(code, PYTHONPATH=str(task.folder / "lib"))
    assert out.splitlines() == ["own sitecustomize", f"f96a4b915b86 {task.folder}/lib/sitecustomize.py"]


def test_its_folder_is_not_left_on_the_path_and_children_have_it_all_the_same(task: Task) -> None:
    code = "import sys, subprocess; print(any('shim' in entry for entry in sys.path), flush=True); "
    code += "subprocess.run([sys.executable, '-c', 'import socket; print(socket.gethostname())'])"
    assert task.python(code).splitlines() == ["False", "f96a4b915b86"]


def test_outside_a_task_it_does_nothing() -> None:
    code = (
        "import socket, sys; print('emulator_shim' in sys.modules, socket.socket.bind.__module__ if hasattr("
    )
    code += "socket.socket.bind, '__module__') else None)"
    env = {**os.environ, "PYTHONPATH": SHIM}
    env.pop("EMULATOR_TASK", None)
    out = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert out.stdout.split()[0] == "False"
    assert "emulator_shim" not in out.stdout


@pytest.mark.parametrize("broken", ["EMULATOR_TASK_ADDRESS", "EMULATOR_PORTS", "EMULATOR_TABLES"])
def test_a_broken_environment_breaks_no_program(task: Task, broken: str) -> None:
    env = {**task.env(), broken: "nonsense=x"}
    env.pop("EMULATOR_DEBUG")
    code = "import socket; socket.create_server(('127.0.0.1', 0)).close(); print('on')"
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("on\n", "")


def test_it_costs_less_than_two_milliseconds(task: Task) -> None:
    code = "import time; start = time.perf_counter(); import {0}; print(time.perf_counter() - start)"
    costs = []
    for _ in range(7):
        env = {**task.env(), "PYTHONPATH": ""}
        loaded = "sitecustomize"
        script = f"import sys; sys.path.insert(0, {SHIM!r}); sys.modules.pop('sitecustomize', None); "
        script += code.format(loaded)
        out = subprocess.run(
            [sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True
        )
        costs.append(float(out.stdout))
    assert min(costs) < 0.002, f"{min(costs) * 1000:.2f} ms"


@pytest.mark.parametrize("bound", ["0.0.0.0", "127.0.0.1"])
@pytest.mark.parametrize(
    "connect",
    [
        "socket.create_connection(('localhost', 8123), 5)",
        "c = socket.socket(); assert c.connect_ex(('127.0.0.1', 8123)) == 0",
        "asyncio.run(asyncio.open_connection('127.0.0.1', 8123))",
    ],
)
def test_a_tasks_localhost_reaches_what_it_binds_to_any_address_and_to_loopback(
    task: Task, bound: str, connect: str
) -> None:
    server = (
        f"import asyncio, socket\nserver = socket.socket(); server.bind(({bound!r}, 8123)); server.listen()\n"
    )
    assert task.python(f"{server}{connect}\nprint('reached')") == "reached"


def test_names_that_the_service_adds_go_before_all_others(task: Task) -> None:
    task.marks["EMULATOR_HOSTS"] = f"192.0.2.7 Database db\n10.{task.net}.9 near"
    code = """
import socket
print(socket.gethostbyname("database"), socket.gethostbyname("db"))
print(socket.getaddrinfo("near", 80)[0][4])
"""
    assert task.python(code).splitlines() == [
        "192.0.2.7 192.0.2.7",
        f"('127.{task.net}.9', 80)",
    ]


def test_a_service_is_where_its_vip_answers_under_each_of_its_names(task: Task) -> None:
    endpoint = {
        "address": f"10.{task.net}.4",
        "host": f"127.{task.net}.4",
        "ports": {"80": 8080},
        "name": "web.1.t4",
        "hostname": "h4",
    }
    vip, real = f"10.{task.net}.2", f"127.{task.net}.2"
    web = {"vip": vip, "mode": "vip", "host": real, "ports": {"80": 8080}, "aliases": ["shop"]}
    services = {"web": {**web, "endpoints": [endpoint]}, "idle": {**web, "endpoints": []}}
    task.table.publish({"network": "net", "services": services})
    with socket.create_server((real, 8080)) as server:
        code = f"""
import socket
print([socket.getaddrinfo(name, 80)[0][4] for name in ("web", "SHOP.net.", "tasks.shop")])
for where in ("web", "{vip}", socket.gethostbyname("web")):
    socket.create_connection((where, 80), 5).close()
try:
    socket.gethostbyname("idle")
except socket.gaierror:
    print("unknown")
"""
        told = task.python(code)
        server.settimeout(5)
        for _ in range(3):
            server.accept()[0].close()
    assert told == f"{[(real, 8080), (real, 8080), (f'127.{task.net}.4', 8080)]}\nunknown"
