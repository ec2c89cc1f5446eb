"""What a worker's memory does when bodies are large and the other side is slow: nothing."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

MB = 1 << 20
LIMIT = 80 * MB

_CONF = """
daemon off; worker_processes 1; pid {folder}/pid; error_log stderr notice;
events {{}}
http {{
    access_log off; client_max_body_size 0; client_body_timeout 20s; send_timeout 20s;
    server {{
        listen unix:{folder}/proxy; root {folder};
        location /file {{ }}
        location /buffered {{ proxy_pass http://unix:{folder}/upstream; }}
        location /limited {{ proxy_pass http://unix:{folder}/upstream; proxy_max_temp_file_size 32m; }}
        location /streamed {{
            proxy_pass http://unix:{folder}/upstream;
            proxy_request_buffering off; proxy_buffering off; proxy_http_version 1.1;
        }}
    }}
}}
"""


class Upstream(threading.Thread):
    """Counts what a request brings, then answers with as many octets as `X-Wanted` says."""

    def __init__(self, path: Path) -> None:
        super().__init__(daemon=True)
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.bind(str(path))
        self.sock.listen()
        self.received = 0
        self.sent = 0
        self.done = threading.Event()

    def run(self) -> None:
        while True:
            try:
                found, _ = self.sock.accept()
            except OSError:
                return
            with found:
                self._serve(found)

    def _serve(self, sock: socket.socket) -> None:
        buffer = memoryview(bytearray(MB))
        data = b""
        while b"\r\n\r\n" not in data:
            data += sock.recv(65536)
        head, _, rest = data.partition(b"\r\n\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        self.received, length = len(rest), int(fields.get(b"content-length", b"0"))
        while self.received < length and (count := sock.recv_into(buffer)):
            self.received += count
        wanted = int(fields.get(b"x-wanted", b"2"))
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % wanted)
        self.sent = 0
        while self.sent < wanted:
            self.sent += sock.send(buffer[: min(MB, wanted - self.sent)])
        self.done.set()


class Proxy:
    """A proxy in a process of its own, and the upstream behind it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "logs").mkdir()
        (folder / "nginx.conf").write_text(_CONF.format(folder=folder))
        self.upstream = Upstream(folder / "upstream")
        self.upstream.start()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "emulator.nginx", "-p", f"{folder}/", "-c", f"{folder}/nginx.conf"],
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stderr is not None
        started = (line for line in self.process.stderr if "start worker process " in line)
        self.worker = int(next(started).split()[-1])

    def peak(self) -> int:
        """The most that the worker ever had in memory."""
        status = Path(f"/proc/{self.worker}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024

    def client(self, *head: str) -> socket.socket:
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(20)
        sock.connect(str(self.folder / "proxy"))
        sock.sendall("\r\n".join((*head, "", "")).encode())
        return sock

    def stop(self) -> None:
        self.process.terminate()
        self.process.communicate()
        self.upstream.sock.shutdown(socket.SHUT_RDWR)
        self.upstream.join()
        self.upstream.sock.close()


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Proxy]:
    made = Proxy(tmp_path)
    yield made
    made.stop()


def drain(sock: socket.socket) -> int:
    """How many octets come until the end."""
    buffer, total = memoryview(bytearray(MB)), 0
    while count := sock.recv_into(buffer):
        total += count
    return total


def body_length(sock: socket.socket) -> int:
    head = b""
    while b"\r\n\r\n" not in head:
        head += sock.recv(1)
    assert head.startswith(b"HTTP/1.1 200 ")
    return drain(sock)


@pytest.mark.parametrize("location", ["/buffered", "/streamed"])
def test_an_upload_of_300_mb_passes_through(proxy: Proxy, location: str) -> None:
    size = 300 * MB
    head = (f"POST {location} HTTP/1.1", "Host: s", "Connection: close", f"Content-Length: {size}")
    with proxy.client(*head) as client, TemporaryFile() as file:
        file.truncate(size)
        assert client.sendfile(file) == size
        assert body_length(client) == 2
    assert proxy.upstream.received == size
    assert proxy.peak() < LIMIT


@pytest.mark.parametrize("location", ["/limited", "/streamed"])
def test_a_download_of_1_gb_passes_through(proxy: Proxy, location: str) -> None:
    head = (f"GET {location} HTTP/1.1", "Host: s", "Connection: close", f"X-Wanted: {1024 * MB}")
    with proxy.client(*head) as client:
        assert body_length(client) == 1024 * MB
    assert proxy.peak() < LIMIT


def test_a_large_file_passes_by(proxy: Proxy) -> None:
    with (proxy.folder / "file").open("wb") as file:
        file.truncate(256 * MB)
    with proxy.client("GET /file HTTP/1.1", "Host: s", "Connection: close") as client:
        assert body_length(client) == 256 * MB
    assert proxy.peak() < LIMIT


@pytest.mark.parametrize(("location", "ahead"), [("/buffered", 200), ("/limited", 40), ("/streamed", 4)])
def test_a_client_that_is_slow_costs_a_file_at_most_and_holds_the_upstream_up(
    proxy: Proxy, location: str, ahead: int
) -> None:
    size = 200 * MB
    head = (f"GET {location} HTTP/1.1", "Host: s", "Connection: close", f"X-Wanted: {size}")
    with proxy.client(*head) as client:
        assert client.recv(10)
        if location == "/buffered":
            proxy.upstream.done.wait(20)
        assert proxy.upstream.sent <= ahead * MB
        taken = 10 + sum(len(client.recv(65536)) for _ in range(100))
        assert proxy.upstream.sent <= taken + ahead * MB
        assert taken + drain(client) > size
    assert proxy.peak() < LIMIT
