"""TLS over the life of a master: real processes, ours and the real nginx, one body."""

from __future__ import annotations

import shutil
import signal
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import need_tool
from tests.oracle import certificates

from .running import OURS, Running

_HTTP = """
server {
    listen 127.0.0.1:{port} ssl;
    ssl_certificate own.crt;
    ssl_certificate_key own.key;
    location / { return 200 one; }
    location /large { root .; limit_rate $arg_rate; }
    location /proxied/ { proxy_pass http://127.0.0.1:{port2}/; proxy_max_temp_file_size 8m; }
}
server { listen 127.0.0.1:{port2}; root .; }
"""
_LARGE = bytes(range(251)) * 40000


@pytest.fixture(params=["nginx", "ours"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Running]:
    folder = tmp_path / request.param
    folder.mkdir()
    install(folder, "a")
    (folder / "large").write_bytes(_LARGE)
    running = Running(OURS if request.param == "ours" else (need_tool("nginx"),), folder, _HTTP)
    yield running
    running.stop()


def install(folder: Path, name: str) -> None:
    """As another file: nginx keeps what it has read of one that looks unchanged."""
    for kind in ("crt", "key"):
        replace(folder / f"own.{kind}", f"{name}.{kind}")


def replace(place: Path, name: str) -> None:
    new = place.with_suffix(".new")
    shutil.copy(certificates.folder() / name, new)
    new.replace(place)


def connect(server: Running, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.maximum_version = version
    context.load_verify_locations(certificates.folder() / "ca.crt")
    return context.wrap_socket(socket.create_connection(("127.0.0.1", server.port), timeout=10))


def name_of(client: ssl.SSLSocket) -> str:
    found = client.getpeercert() or {}
    return str(dict(part[0] for part in found["subject"])["commonName"])  # type: ignore[union-attr,misc]


def ask(client: ssl.SSLSocket, rest: bytes = b"") -> bytes:
    client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n%b\r\n" % rest)
    answer = b""
    while not answer.endswith(b"one"):
        answer += client.recv(4096)
    return answer


def test_a_reload_reads_certificates_anew_and_old_connections_end_in_peace(server: Running) -> None:
    with connect(server) as old:
        assert name_of(old) == "a.example"
        ask(old)
        install(server.folder, "b")
        server.reload()
        with connect(server) as new:
            assert name_of(new) == "b.example"
            ask(new)
        assert old.recv(1) == b""  # with close_notify, or this would raise


def test_a_key_that_does_not_fit_leaves_the_old_one_serving(server: Running) -> None:
    replace(server.folder / "own.key", "localhost.key")
    server.signal(signal.SIGHUP)
    server.until(lambda: server.count("[emerg]") == 1)
    assert "key values mismatch" in server.log
    assert "PRIVATE KEY" not in server.log
    with connect(server) as client:
        assert name_of(client) == "a.example"
        ask(client)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_octets_of_many_requests_may_share_records(server: Running, version: ssl.TLSVersion) -> None:
    with connect(server, version) as client:
        for _ in range(50):
            ask(client)
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 50)
        answer = b""
        while answer.count(b"one") < 50:
            answer += client.recv(65536)
        assert answer.count(b"HTTP/1.1 200 OK") == 50


@pytest.mark.parametrize("target", ["/large", "/proxied/large", "/large?rate=30m"])
def test_a_client_that_reads_late_gets_every_octet(server: Running, target: str) -> None:
    with connect(server) as client:
        client.sendall(b"GET %b HTTP/1.0\r\n\r\n" % target.encode())
        ask_another(server)  # by now the first one's way is full
        answer = bytearray()
        while data := client.recv(65536):
            answer += data
    assert answer.partition(b"\r\n\r\n")[2] == _LARGE


def ask_another(server: Running) -> None:
    for _ in range(20):
        with connect(server) as client:
            ask(client)
