"""Too much of something: bodies, connections, patience; too little disk, too few descriptors."""

from __future__ import annotations

import contextlib
import http.client
import os
import resource
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from chaos import processes
from chaos.kills import on_reference
from chaos.load import Load, ask
from chaos.rows import Row, Skipped, Verdict
from chaos.sides import Side, ours, project

MB = 1024 * 1024
BODY = 1024 * MB
OPEN = """
server {
    listen 80 backlog=4096;
    client_max_body_size 0;
    location / { proxy_pass http://webapp:8000/; }
    location /static { alias /var/www-data; }
}
"""
MAIN = """
worker_processes 2;
events { worker_connections 12000; }
http { include /etc/nginx/mime.types; keepalive_timeout 65; include /etc/nginx/conf.d/*.conf; }
"""
COUNTS = """
def application(environ, start_response):
    total = 0
    while chunk := environ["wsgi.input"].read(65536):
        total += len(chunk)
    body = str(total).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
app = application
"""


def many(folder: Path) -> Path:
    """The project with an nginx.conf for many connections."""
    project(folder, OPEN)
    (folder / "nginx.conf").write_text(MAIN)
    config = folder / "config.toml"
    more = '    "type=bind,src=nginx.conf,dst=/etc/nginx/nginx.conf",\n'
    mark = '    "type=bind,src=nginx_conf,dst=/etc/nginx/conf.d",\n'
    config.write_text(config.read_text().replace(mark, mark + more))
    return folder


@contextlib.contextmanager
def held(port: int, count: int, said: bytes) -> Iterator[list[socket.socket]]:
    """So many connections at once, each of which has said something."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    sockets: list[socket.socket] = []
    try:
        for _ in range(count):
            made = socket.create_connection(("127.0.0.1", port), 10)
            sockets.append(made)
            made.sendall(said)
        yield sockets
    finally:
        for made in sockets:
            made.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def idle(side: Side, count: int = 10_000) -> Verdict:
    nginx = processes.below(side.master())
    before = processes.resident(nginx)
    began = time.monotonic()
    said = b"GET /static/css/styles.css HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with held(side.port, count, said) as sockets:
        for made in sockets:
            made.recv(65536)
        took = time.monotonic() - began
        slowest = 0.0
        for _ in range(50):
            asked = time.monotonic()
            assert ask(side.port)[0] == 200
            slowest = max(slowest, time.monotonic() - asked)
        each = (processes.resident(nginx) - before) / count / 1024
    words = f"{count} in {took:.1f} s, {each:.1f} KiB each, a new request {slowest * 1000:.0f} ms at most"
    return Verdict(slowest < 1 and each <= 40, words)


def slow_clients(side: Side, count: int = 800) -> Verdict:
    """Heads that come an octet at a time, while others ask."""
    probes = 0
    served = 0
    with held(side.port, count, b"GET /whoami HTTP/1.1\r\n") as sockets:
        for _ in range(8):
            for made in sockets:
                with contextlib.suppress(OSError):
                    made.send(b"X")
            probes += 1
            served += ask(side.port, timeout=3)[0] == 200
            time.sleep(0.3)
    return Verdict(served == probes, f"{count} connections, {served} of {probes} probes served")


def few_descriptors(folder: Path) -> Verdict:
    with ours(project(folder), limit=128) as side:
        nginx = processes.below(side.master())
        log = len(side.output)
        with held(side.port, 400, b"GET / HTTP/1.1\r\n"):
            before, began = processes.seconds(nginx), time.monotonic()
            time.sleep(3)
            share = (processes.seconds(nginx) - before) / (time.monotonic() - began)
        time.sleep(0.5)
        code = ask(side.port)[0]
        written = len(side.output) - log
    good = share < 0.3 and code == 200 and written < 400_000
    return Verdict(good, f"{share:.2f} of a core, {written // 1024} KiB of log, afterwards {code}")


def full_disk(folder: Path) -> Verdict:
    """The state folder, which holds journal and logs, has no octet left for three seconds."""
    if os.geteuid() != 0:
        raise Skipped("mounts a small file system, which needs root")
    state = project(folder) / ".emulator"
    state.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", str(state)], check=True)
    try:
        with ours(folder) as side, Load(side.port) as load:
            time.sleep(1)
            ballast = state / "ballast"
            with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
                while file.write(b"x" * 4096):
                    pass
            time.sleep(3)
            ballast.unlink()
            time.sleep(1)
    finally:
        subprocess.run(["umount", "-l", str(state)], check=True)
    return Verdict(not load.failed, load.words)


def upload(side: Side, *, chunked: bool) -> Verdict:
    nginx = processes.below(side.master())
    base, began = _peak(nginx), time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", side.port, timeout=120)
    headers = {} if chunked else {"Content-Length": str(BODY)}
    connection.request("POST", "/", (bytes(MB) for _ in range(BODY // MB)), headers, encode_chunked=chunked)
    whole = connection.getresponse().read() == str(BODY).encode()
    connection.close()
    return _flow(whole, began, _peak(nginx) - base)


def download(side: Side) -> Verdict:
    """As fast as it goes, beside a client that reads next to nothing."""
    nginx = processes.below(side.master())
    with socket.create_connection(("127.0.0.1", side.port)) as lazy:
        lazy.sendall(b"GET /static/large.bin HTTP/1.1\r\nHost: localhost\r\n\r\n")
        base, began, total = _peak(nginx), time.monotonic(), 0
        connection = http.client.HTTPConnection("127.0.0.1", side.port, timeout=120)
        connection.request("GET", "/static/large.bin")
        answer = connection.getresponse()
        buffer = memoryview(bytearray(MB))
        while count := answer.readinto(buffer):
            total += count
        connection.close()
        return _flow(total == BODY, began, _peak(nginx) - base)


def _flow(whole: bool, began: float, grown: int) -> Verdict:
    speed = BODY / MB / (time.monotonic() - began)
    words = f"{speed:.0f} MB/s, {max(grown, 0) / MB:.0f} MB more memory, whole: {whole}"
    return Verdict(whole and grown < 64 * MB, words)


def _peak(pids: list[int]) -> int:
    """The most that each of them has ever had resident."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    total += int(line.split()[1]) * 1024
    return total


def on_many(fault: Callable[[Side], Verdict]) -> Callable[[Path], Verdict]:
    def run(folder: Path) -> Verdict:
        with ours(many(folder)) as side:
            return fault(side)

    return run


def on_streams(fault: Callable[[Side], Verdict]) -> Callable[[Path], Verdict]:
    def run(folder: Path) -> Verdict:
        with _large(project(folder, OPEN, COUNTS)), ours(folder) as side:
            return fault(side)

    return run


@contextlib.contextmanager
def _large(folder: Path) -> Iterator[None]:
    """A file without content takes no room on the disk."""
    with (folder / "static" / "large.bin").open("wb") as file:
        file.truncate(BODY)
    yield


ROWS = (
    Row("diskfull", "no failed request", full_disk),
    Row("fdlimit", "128 descriptors, 400 connections: < 0.3 of a core, serves afterwards", few_descriptors),
    Row("idle10k", "a new request < 1 s, <= 40 KiB each", on_many(idle), on_reference(idle)),
    Row("slowhttp", "every probe served", on_many(slow_clients), on_reference(slow_clients)),
    Row("upload1g", "1 GiB: < 64 MB more memory", on_streams(lambda side: upload(side, chunked=False))),
    Row(
        "upload1g-chunked", "1 GiB: < 64 MB more memory", on_streams(lambda side: upload(side, chunked=True))
    ),
    Row("download1g", "1 GiB: < 64 MB more memory", on_streams(download)),
)
