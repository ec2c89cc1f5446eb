"""What a task's names, paths and ports are here, and how fast and how safely they change."""

from __future__ import annotations

import json
import mmap
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from emulator.livetable import SIZE, EndpointTable, LiveTable
from emulator.namespace import HostNamespace, Namespace
from emulator.tasknamespace import Rotation, StillTable, TaskNamespace


def endpoint(number: int, **more: Any) -> dict[str, Any]:
    return {
        "address": f"192.168.100.{number}",
        "host": f"127.168.100.{number}",
        "task": f"task{number}",
        "name": f"webapp.{number - 2}.task{number}",
        "hostname": f"host{number}",
        **more,
    }


def table(*numbers: int, mode: str = "vip", real: str | None = "127.168.100.0") -> dict[str, Any]:
    entry = {"vip": "192.168.100.2", "mode": mode, "endpoints": [endpoint(n) for n in numbers]}
    return {
        "network": "web_network",
        "subnet": "192.168.100.0/24",
        "real": real,
        "services": {"webapp": entry},
    }


def namespace(*payloads: dict[str, Any], **description: Any) -> TaskNamespace:
    description.setdefault("hostname", "proxy")
    return TaskNamespace(description, [StillTable(payload) for payload in payloads])


def dialled(space: Namespace, times: int, port: int = 8000) -> list[str]:
    return [str(space.dial("192.168.100.2", port).address[0]) for _ in range(times)]


def test_a_host_namespace_and_a_task_namespace_serve_the_same_protocol() -> None:
    spaces: list[Namespace] = [HostNamespace(), namespace()]
    assert all(space.path("/nowhere/at/all") == "/nowhere/at/all" for space in spaces)


def test_the_longest_mount_wins_and_ends_at_a_name() -> None:
    space = namespace(mounts=[["/var", "/v"], ["/var/www-data", "/s"], ["/app/", "/a"], ["/", "/root"]])
    asked = ["/var/www-data/css/x.css", "/var/www-data", "/var/www-data-private/x", "/app/b", "/etc/c", "/"]
    assert [space.path(path) for path in asked] == [
        "/s/css/x.css",
        "/s",
        "/v/www-data-private/x",
        "/a/b",
        "/root/etc/c",
        "/root/",
    ]


def test_nothing_beside_a_mount_is_reached_through_it() -> None:
    space = namespace(mounts=[["/var/www-data", "/home/me/app/static"], ["/", "/root"]])
    asked = ["/var/www-data/../config.toml", "/var/www-data/..", "/var/www-data/..a"]
    assert [space.path(path) for path in asked] == [
        "/root/var/config.toml",
        "/root/var",
        "/home/me/app/static/..a",
    ]


def test_a_published_port_is_bound_where_it_is_published_and_on_the_tasks_own_address() -> None:
    space = namespace(listen={"80": [["127.0.0.1", 8080]]}, source="127.168.100.8", ports={"82": 8082})
    assert space.listen("0.0.0.0", 80) == (("127.0.0.1", 8080), ("127.168.100.8", 80))
    assert space.listen("0.0.0.0", 81) == (("127.168.100.8", 81),)
    assert space.listen("0.0.0.0", 82) == (("127.168.100.8", 8082),)
    assert space.listen("127.0.0.1", 80) == (("127.40.100.8", 80),)


def test_a_service_name_is_its_vip_and_a_vip_is_a_round_robin() -> None:
    space = namespace(table(3, 4, 5))
    assert space.resolve("webapp") == space.resolve("WEBAPP.web_network.") == ("192.168.100.2",)
    assert space.resolve("tasks.webapp") == ("192.168.100.3", "192.168.100.4", "192.168.100.5")
    assert space.resolve("webapp.1.task3") == space.resolve("host3") == ("192.168.100.3",)
    assert Counter(dialled(space, 30)) == {f"127.168.100.{n}": 10 for n in (3, 4, 5)}


def test_dnsrr_resolves_to_every_task_and_dials_just_the_one_named() -> None:
    space = namespace(table(3, 4, mode="dnsrr"))
    assert space.resolve("webapp") == ("192.168.100.3", "192.168.100.4")
    assert space.dial("192.168.100.4", 8000).address == ("127.168.100.4", 8000)


def test_the_networks_own_name_server_knows_its_names_and_leaves_others_to_the_world() -> None:
    space = namespace(table(1, 2))
    assert space.is_name_server("127.0.0.11")
    assert not space.is_name_server("127.0.0.1")
    assert space.known("webapp") == space.resolve("webapp")
    assert space.known("localhost") == ("127.0.0.1",)
    assert space.known("example.com") is None
    assert not HostNamespace("here").is_name_server("127.0.0.11")
    assert HostNamespace("here").known("localhost") is None


def test_a_service_without_a_task_does_not_resolve_and_its_vip_refuses() -> None:
    space = namespace(table())
    assert space.resolve("webapp") == ()
    assert space.dial("192.168.100.2", 8000).address == ("127.168.100.2", 8000)
    assert namespace(table(real=None)).dial("192.168.100.2", 8000).address == ("127.0.0.1", 1)


def test_a_task_that_does_not_listen_yet_has_a_name_but_no_turn() -> None:
    payload = table()
    payload["services"]["webapp"]["endpoints"] = [endpoint(3, ready=False)]
    assert namespace(payload).resolve("webapp") == ("192.168.100.2",)
    assert dialled(namespace(payload), 1) == ["127.168.100.2"]
    payload["services"]["webapp"]["endpoints"] += [endpoint(4, ready=True)]
    assert set(dialled(namespace(payload), 4)) == {"127.168.100.4"}


def test_an_address_outside_the_networks_is_itself_and_loopback_is_the_tasks_own() -> None:
    space = namespace(table(3), source="127.168.100.8")
    assert space.dial("192.0.2.7", 443).address == ("192.0.2.7", 443)
    assert space.dial("192.0.2.7", 443).source is None
    assert space.dial("127.0.0.1", 9000).address == ("127.40.100.8", 9000)
    assert space.dial("192.168.100.3", 8000).source == "127.168.100.8"


def test_ports_addressing_maps_the_containers_port() -> None:
    payload = table(3, real=None)
    payload["services"]["webapp"]["endpoints"] = [endpoint(3, host="127.0.0.1", ports={"8000": 41000})]
    assert namespace(payload).dial("192.168.100.2", 8000).address == ("127.0.0.1", 41000)


def test_a_refused_endpoint_is_skipped_and_each_is_tried_once() -> None:
    space = namespace(table(3, 4, 5))
    dial = space.dial("192.168.100.2", 8000)
    tried = [dial.address]
    while (following := space.refused(dial, "192.168.100.2", 8000)) is not None:
        dial = following
        tried.append(dial.address)
    assert sorted(tried) == [(f"127.168.100.{n}", 8000) for n in (3, 4, 5)]


def test_a_refusal_stands_as_in_docker_when_endpoints_enter_at_start() -> None:
    space = namespace(table(3, 4), retry=False)
    assert space.refused(space.dial("192.168.100.2", 8000), "192.168.100.2", 8000) is None


def test_a_change_is_seen_by_the_next_dial(tmp_path: Path) -> None:
    writer = EndpointTable(str(tmp_path / "table"))
    writer.publish(table(3, 4))
    space = TaskNamespace({"hostname": "proxy", "tables": [writer.path]})
    assert set(dialled(space, 4)) == {"127.168.100.3", "127.168.100.4"}
    writer.publish(table(4))
    assert set(dialled(space, 4)) == {"127.168.100.4"}
    writer.publish(table())
    assert space.resolve("webapp") == ()
    writer.close()


def test_a_reader_keeps_what_it_knows_when_the_engine_is_gone(tmp_path: Path) -> None:
    writer = EndpointTable(str(tmp_path / "table"))
    writer.publish(table(3))
    space = TaskNamespace({"hostname": "proxy", "tables": [writer.path]})
    writer.close()
    (tmp_path / "table").unlink()
    assert dialled(space, 2) == ["127.168.100.3"] * 2


WRITER = """
import sys
from emulator.livetable import EndpointTable
table = EndpointTable(sys.argv[1])
print("writing", flush=True)
number = 0
while True:
    number += 1
    table.publish({"services": {}, "number": number, "weight": "x" * (number % 5000)})
"""


def test_a_writer_killed_in_the_midst_leaves_a_whole_table(tmp_path: Path) -> None:
    path = str(tmp_path / "table")
    EndpointTable(path).close()
    for attempt in range(6):
        with subprocess.Popen([sys.executable, "-c", WRITER, path], stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            reader = LiveTable(path)
            deadline = time.monotonic() + 0.02 + attempt / 200
            while time.monotonic() < deadline:
                seen = reader.read()
                assert not seen or len(seen["weight"]) == seen["number"] % 5000
            writer.send_signal(signal.SIGKILL)
        late = LiveTable(path).read()
        assert len(late["weight"]) == late["number"] % 5000


def test_a_half_written_payload_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "table"
    writer = EndpointTable(str(path))
    writer.publish(table(3))
    reader = LiveTable(str(path))
    known = reader.read()
    with path.open("r+b") as file, mmap.mmap(file.fileno(), SIZE) as raw:
        (raw_generation,) = memoryview(raw)[:8].cast("Q").tolist()
        writer.publish(table(4))
        at = raw.find(b"192.168.100.4", 8)
        raw[at : at + 3] = b"\0\0\0"
    assert raw_generation == 1
    assert reader.read() == known
    assert reader.changed()
    writer.close()


def test_a_table_too_large_is_refused_and_the_old_one_stands(tmp_path: Path) -> None:
    writer = EndpointTable(str(tmp_path / "table"))
    writer.publish(table(3))
    with pytest.raises(ValueError, match="do not fit"):
        writer.publish({"weight": "x" * SIZE})
    assert LiveTable(writer.path).read() == table(3)
    writer.close()


COUNTER = """
import collections, json, os, sys
from emulator.tasknamespace import TaskNamespace
space = TaskNamespace.from_environment()
found = collections.Counter(space.dial("192.168.100.2", 8000).address[0] for _ in range(3000))
print(json.dumps(found))
"""


def test_processes_share_one_rotation_without_losing_a_turn(tmp_path: Path) -> None:
    rotation = Rotation.create("webapp")
    writer = EndpointTable(str(tmp_path / "table"))
    writer.publish(table(3, 4, 5))
    description = {"hostname": "p", "tables": [writer.path], "rotation": {"webapp": rotation.descriptor}}
    (tmp_path / "namespace").write_text(json.dumps(description))
    environment = {**os.environ, "EMULATOR_NAMESPACE": str(tmp_path / "namespace")}
    command = [sys.executable, "-c", COUNTER]
    children = [
        subprocess.Popen(
            command, env=environment, pass_fds=[rotation.descriptor], stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    total: Counter[str] = Counter()
    for child in children:
        output, _ = child.communicate(timeout=20)
        total.update(json.loads(output))
    assert total == {f"127.168.100.{n}": 3000 for n in (3, 4, 5)}
    writer.close()
    rotation.close()


def test_a_dial_costs_less_than_three_microseconds(tmp_path: Path) -> None:
    writer = EndpointTable(str(tmp_path / "table"))
    writer.publish(table(3, 4, 5))
    space = TaskNamespace({"hostname": "proxy", "tables": [writer.path]})
    best = min(_cost(space) for _ in range(20))
    assert best < 3e-6, f"{best * 1e6:.2f} us"
    writer.close()


def _cost(space: TaskNamespace) -> float:
    start = time.perf_counter()
    for _ in range(1000):
        space.dial("192.168.100.2", 8000)
    return (time.perf_counter() - start) / 1000


def test_a_task_namespace_needs_few_modules() -> None:
    code = "import sys; before = set(sys.modules); import emulator.tasknamespace; print(len(sys.modules)); "
    code += "print(*{'asyncio', 'pathlib', 'tempfile', 'ipaddress'} & (set(sys.modules) - before))"
    listed = subprocess.run(
        [sys.executable, "-S", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[1],
    )
    assert listed.stdout.splitlines()[1] == ""


def test_loopback_dials_reach_a_real_listener() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        dial = namespace().dial("127.0.0.1", server.getsockname()[1])
        with socket.socket(dial.family) as client:
            client.connect(dial.address)


def test_a_service_takes_its_turns_from_the_counter_that_its_table_names() -> None:
    shared = Rotation.create("3")
    payload = table(3, 4)
    payload["services"]["webapp"] |= {"turn": "3", "aliases": ["store"]}
    spaces = [namespace(payload, rotation={"3": shared.descriptor}) for _ in range(2)]
    told = [spaces[turn % 2].dial("192.168.100.2", 8000).address[0] for turn in range(4)]
    assert Counter(told) == {"127.168.100.3": 2, "127.168.100.4": 2}
    assert told[0] != told[1], "two proxies, one turn"
    assert spaces[0].resolve("store.web_network") == ("192.168.100.2",)
    assert spaces[0].resolve("tasks.store") == ("192.168.100.3", "192.168.100.4")
    shared.close()


def test_balanced_connections_come_from_the_networks_balancer_and_others_from_the_task() -> None:
    space = namespace({**table(3), "source": "127.168.100.6"}, source="127.168.100.8")
    assert space.dial("192.168.100.2", 8000).source == "127.168.100.6"
    assert space.dial("192.168.100.3", 8000).source == "127.168.100.8"


def test_a_client_on_the_network_is_seen_under_its_address_there() -> None:
    space = namespace(table(3), client="10.0.0.2")
    space.resolve("webapp")
    assert space.client("127.168.100.6") == "192.168.100.6"
    assert space.client("127.0.0.1") == space.client("127.9.0.2") == "10.0.0.2"
