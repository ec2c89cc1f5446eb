"""How long an answer takes under limit_rate and proxy_limit_rate: nginx's time, within a band."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from .casefile import Scene, load
from .servers import Pair, Side
from .test_cases import candidate, reference
from .upstream import Loop

SCENE = """--- conf
server {
    listen {port};
    location /file/ { alias {root}/; limit_rate 100k; }
    location /after/ { alias {root}/; limit_rate 100k; limit_rate_after 150k; }
    location /proxy/ { limit_rate 100k; proxy_pass http://127.0.0.1:{upstream}/; }
    location /unbuffered/ { limit_rate 100k; proxy_buffering off; proxy_pass http://127.0.0.1:{upstream}/; }
    location /reading/ { proxy_limit_rate 200k; proxy_pass http://127.0.0.1:{upstream}/; }
}
--- files
large 250000
--- upstream /large
HTTP/1.1 200 OK
Content-Length: 250000

<<0123456789*25000>>\\
"""
BAND = 0.6  # of a second: both count in whole ones, and start somewhere within one


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("rates")
    path = folder / "rates.case"
    Path(path).write_text(SCENE, encoding="utf-8")
    scene: Scene = load(path, folder)[0]
    loop = Loop()
    pair = Pair(scene, reference(), candidate(), loop)
    yield pair
    pair.stop()
    loop.stop()


def took(side: Side, path: str) -> tuple[float, int]:
    """Seconds and octets of one answer, asked for at the beginning of a second."""
    with socket.create_connection(("127.0.0.1", side.ports["port"]), timeout=20) as client:
        time.sleep(1.02 - time.time() % 1)
        started = time.monotonic()
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
        size = 0
        while data := client.recv(65536):
            size += len(data)
        return time.monotonic() - started, size


@pytest.mark.parametrize("path", ["/file/", "/after/", "/proxy/", "/unbuffered/", "/reading/"])
def test_a_rate_takes_as_long_as_in_nginx(pair: Pair, path: str) -> None:
    theirs, ours = took(pair.reference, path + "large"), took(pair.candidate, path + "large")
    assert ours[1] > 250000
    assert abs(theirs[0] - ours[0]) < BAND
