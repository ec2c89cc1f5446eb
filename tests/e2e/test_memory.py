"""Large bodies in both directions: the proxy passes them on and does not keep them."""

from __future__ import annotations

import http.client
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.e2e import project
from tests.e2e.conftest import Start
from tests.e2e.running import Running, command, descendants, peak_memory

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

MB = 1024 * 1024
LIMIT = 80 * MB

APP = """
def application(environ, start_response):
    if environ["REQUEST_METHOD"] == "POST":
        total = 0
        while chunk := environ["wsgi.input"].read(65536):
            total += len(chunk)
        body = str(total).encode()
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]
    count, piece = int(environ["QUERY_STRING"]), b"x" * 65536
    start_response("200 OK", [("Content-Length", str(count * len(piece)))])
    return (piece for _ in range(count))
"""


@pytest.fixture
def streaming(demonstration: Path, start: Start) -> Iterator[tuple[Running, str]]:
    """The demonstration with an app that counts what it gets and streams what is asked for."""
    (demonstration / "webapp" / "app.py").write_text(APP)
    project.rewrite(
        demonstration / "nginx_conf" / "app.conf", "server_name", "client_max_body_size 0; server_name"
    )
    with (demonstration / "static" / "large.bin").open("wb") as file:
        file.truncate(1024 * MB)  # sparse: takes no room on the disk
    program = start(demonstration)
    yield program, program.ready()
    program.stop()


def proxy_memory(program: Running) -> int:
    """The sum of what each process of the proxy had at most."""
    proxies = [pid for pid in descendants(program.process.pid) if "emulator.nginx" in command(pid)]
    assert proxies
    return sum(peak_memory(pid) for pid in proxies)


def received(base: str, target: str) -> int:
    connection = http.client.HTTPConnection(urlsplit(base).netloc, timeout=60)
    connection.request("GET", target)
    reply = connection.getresponse()
    assert reply.status == 200
    buffer, total = memoryview(bytearray(MB)), 0
    while count := reply.readinto(buffer):
        total += count
    connection.close()
    return total


def sent(base: str, size: int, *, chunked: bool) -> bytes:
    connection = http.client.HTTPConnection(urlsplit(base).netloc, timeout=60)
    headers = {} if chunked else {"Content-Length": str(size)}
    body = (bytes(MB) for _ in range(size // MB))
    connection.request("POST", "/", body, headers, encode_chunked=chunked)
    reply = connection.getresponse()
    assert reply.status == 200
    answer = reply.read()
    connection.close()
    return answer


def test_300_mb_up_and_1_gb_down_keep_the_proxy_under_80_mb(streaming: tuple[Running, str]) -> None:
    program, base = streaming
    assert sent(base, 300 * MB, chunked=False) == str(300 * MB).encode()
    assert sent(base, 300 * MB, chunked=True) == str(300 * MB).encode()
    assert received(base, "/static/large.bin") == 1024 * MB
    assert received(base, "/?16384") == 1024 * MB
    used = proxy_memory(program)
    assert used < LIMIT, f"{used / MB:.1f} MB"
