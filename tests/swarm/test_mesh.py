"""Services as a task sees them: names, VIPs that answer, turns, published ports. Real processes."""

from __future__ import annotations

import http.client
import json
import os
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.world import APP, Emulator, processes_of, wait_for_end

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="127/8")

CONFIG = """
[services.app]
image = "little"
replicas = 2
networks = ["net"]
env = { SLOT = "{{.Task.Slot}}", WHERE = "" }

[services.rr]
image = "little"
replicas = 2
networks = ["net"]
endpoint_mode = "dnsrr"
env = { SLOT = "{{.Task.Slot}}", WHERE = "" }

[services.inside]
image = "probe"
networks = ["net"]
ports = ["0:9000"]

[services.both]
image = "probe"
replicas = 2
networks = ["other", "net"]
hostname = "both-{{.Task.Slot}}"
ports = ["0:9000"]

[services.outside]
image = "probe"
networks = ["other"]
ports = ["0:9000"]

[services.front]
image = "nginx"
networks = ["net"]
mounts = ["type=bind,src=nginx,dst=/etc/nginx/conf.d"]
ports = ["0:80"]

[networks.net]
subnet = "10.78.3.0/24"
[networks.other]
subnet = "10.79.3.0/24"

[images.little]
folder = "little"
workdir = "/app"
command = "python app.py"
expose = [8000]
[images.probe]
folder = "probe"
workdir = "/app"
command = "python probe.py"
expose = [9000]
"""
# Answers with what an expression is there.
PROBE = """
import json, socket, threading, urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

def get(url):
    with urllib.request.urlopen(url, timeout=5) as answer:
        return answer.read().decode()

def refused(host, port):
    try:
        socket.create_connection((host, port), 5).close()
    except ConnectionRefusedError:
        return True

def unknown(name):
    try:
        socket.gethostbyname(name)
    except socket.gaierror:
        return True

def opened(host, port):
    server = socket.create_server((host, port))
    def serve():
        while True:
            server.accept()[0].close()
    threading.Thread(target=serve, daemon=True).start()
    return server.getsockname()

class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        code = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            told = eval(code, {**globals(), "client": self.client_address[0]})
        except Exception as error:
            told = repr(error)
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

ThreadingHTTPServer(("0.0.0.0", 9000), Handler).serve_forever()
"""
CONF = """
server {
    listen 80;
    location / { proxy_pass http://app:8000; }
    location /client { return 200 $remote_addr; }
}
"""


class Swarm:
    """A run of all these services, and what is published where."""

    def __init__(self, folder: Path, *words: str) -> None:
        (folder / "nginx").mkdir(parents=True)
        for name in ("little", "probe"):
            (folder / name).mkdir()
        (folder / "config.toml").write_text(CONFIG)
        (folder / "little" / "app.py").write_text(APP)
        (folder / "probe" / "probe.py").write_text(PROBE)
        (folder / "nginx" / "app.conf").write_text(CONF)
        self.folder = folder
        self.emulator = Emulator(folder, *words)
        urls = self.emulator.ready()["urls"]
        assert len(urls) == 4, urls
        self.ports = {self._who(url): int(url.rpartition(":")[2]) for url in urls}

    def _who(self, url: str) -> str:
        port = int(url.rpartition(":")[2])
        try:
            name = str(_post(port, "socket.gethostname()"))
        except (OSError, ValueError):
            return "front"
        if name.startswith("both"):
            return "both"
        return "inside" if _post(port, "unknown('rr')") is None else "outside"

    def ask(self, service: str, code: str) -> Any:
        return _post(self.ports[service], code)

    def end(self) -> None:
        self.emulator.close()
        assert wait_for_end(processes_of(self.folder))


def _post(port: int, code: str) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("POST", "/", code)
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


@pytest.fixture(scope="module")
def swarm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Swarm]:
    made = Swarm(tmp_path_factory.mktemp("mesh"))
    yield made
    made.end()


@pytest.fixture(scope="module")
def by_ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Swarm]:
    made = Swarm(tmp_path_factory.mktemp("ports"), "--addressing", "ports")
    yield made
    made.end()


def slots(told: list[str]) -> Counter[str]:
    return Counter(json.loads(reply)["slot"] for reply in told)


def test_a_services_name_is_its_vip_and_connections_to_it_take_turns(swarm: Swarm) -> None:
    names = swarm.ask("inside", "[socket.gethostbyname(n) for n in ('app', 'APP.', 'app.net')]")
    assert len(set(names)) == 1
    assert names[0].endswith(".3.2")
    told = swarm.ask("inside", "[get('http://app:8000/') for _ in range(10)]")
    assert slots(told) == {"1": 5, "2": 5}


def test_any_process_reaches_the_vip_on_its_projected_address(swarm: Swarm) -> None:
    vip = swarm.ask("inside", "socket.gethostbyname('app')")
    told = []
    for _ in range(4):
        with urllib.request.urlopen(f"http://{vip}:8000/", timeout=5) as answer:
            told.append(answer.read().decode())
    assert slots(told) == {"1": 2, "2": 2}


def test_a_task_sees_the_networks_balancer_as_its_client(swarm: Swarm) -> None:
    through_vip = json.loads(swarm.ask("inside", "get('http://app:8000/')"))["client"]
    with urllib.request.urlopen(f"http://127.0.0.1:{swarm.ports['front']}/", timeout=5) as answer:
        through_nginx = json.loads(answer.read())["client"]
    vip = swarm.ask("inside", "socket.gethostbyname('app')")
    assert through_vip == through_nginx
    assert through_vip.rpartition(".")[0] == vip.rpartition(".")[0]
    assert swarm.ask("inside", f"unknown({through_vip!r}) or socket.getfqdn({through_vip!r})") == through_vip


def test_tasks_are_found_by_their_own_names(swarm: Swarm) -> None:
    assert len(set(swarm.ask("inside", "socket.gethostbyname_ex('tasks.app')[2]"))) == 2
    assert len(set(swarm.ask("inside", "socket.gethostbyname_ex('rr')[2]"))) == 2
    both = swarm.ask("inside", "[socket.gethostbyname(n) for n in ('both-1', 'BOTH-2', 'both-1.net')]")
    assert both[0] == both[2] != both[1]
    assert swarm.ask("inside", "unknown('app.1') and unknown('lb-net') and unknown('net-endpoint')")
    answered = "[get(f'http://{a}:8000/') for a in socket.gethostbyname_ex('tasks.app')[2]]"
    assert slots(swarm.ask("inside", answered)) == {"1": 1, "2": 1}


def test_names_are_known_only_where_a_network_is_shared(swarm: Swarm) -> None:
    assert swarm.ask("outside", "unknown('app') and unknown('tasks.app') and unknown('inside')")
    assert swarm.ask("outside", "unknown('both')") is None
    assert slots(swarm.ask("both", "[get('http://app:8000/') for _ in range(4)]")) == {"1": 2, "2": 2}
    own = swarm.ask("both", "[socket.gethostbyname(n) for n in ('both', 'both.other', 'both.net')]")
    assert own[0] == own[1] != own[2], "one VIP in each network"


def test_a_published_port_takes_turns_and_shows_the_ingress_network_as_client(swarm: Swarm) -> None:
    assert Counter(swarm.ask("both", "socket.gethostname()") for _ in range(6)) == {"both-1": 3, "both-2": 3}
    client = swarm.ask("both", "client")
    assert client.startswith("127.")
    assert client != "127.0.0.1"
    with urllib.request.urlopen(f"http://127.0.0.1:{swarm.ports['front']}/client", timeout=5) as answer:
        assert answer.read() == b"10.0.0.2"


def test_nginx_answers_on_its_vip_too(swarm: Swarm) -> None:
    assert slots(swarm.ask("inside", "[get('http://front/') for _ in range(4)]")) == {"1": 2, "2": 2}
    seen = swarm.ask("inside", "get('http://front/client')")
    assert seen.startswith("10.78.3."), "the balancer's address in the container's terms"


def test_a_port_that_no_image_told_of_answers_as_soon_as_a_task_listens(swarm: Swarm) -> None:
    assert swarm.ask("inside", "refused('both', 9001)")
    for _ in range(2):
        swarm.ask("both", "opened('', 9001)")
    assert swarm.ask("inside", "refused('both', 9001)") is None


def test_what_listens_on_localhost_is_reached_from_its_own_task_only(swarm: Swarm) -> None:
    assert swarm.ask("inside", "opened('127.0.0.1', 9100)[1]") == 9100
    assert swarm.ask("inside", "refused('127.0.0.1', 9100)") is None
    assert swarm.ask("inside", "refused(socket.gethostname(), 9100)")
    assert swarm.ask("both", "refused('inside', 9100) and refused('tasks.inside', 9100)")
    assert swarm.ask("both", "refused('127.0.0.1', 9100)")


def test_in_ports_addressing_names_lead_to_the_vip_all_the_same(by_ports: Swarm) -> None:
    told = by_ports.ask("inside", "[get('http://app:8000/') for _ in range(6)]")
    assert slots(told) == {"1": 3, "2": 3}
    assert slots(by_ports.ask("inside", "[get('http://rr:8000/') for _ in range(4)]")) == {"1": 2, "2": 2}
    assert slots(by_ports.ask("inside", "[get('http://front/') for _ in range(4)]")) == {"1": 2, "2": 2}
    assert by_ports.ask("outside", "unknown('app')")


def test_without_privileges_low_ports_move_up_and_nobody_notices(swarm: Swarm) -> None:
    lowest = int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())
    if os.geteuid() == 0 or lowest == 0:
        pytest.skip("every port may be bound")
    assert swarm.ask("inside", "get('http://front:80/client')")
