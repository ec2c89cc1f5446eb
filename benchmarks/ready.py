"""Row `ready`: three replicas have answered through the proxy, against one answer of a bare gunicorn."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
PAUSE = 0.002  # between two attempts to connect: what both sides are measured with


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def project(folder: Path, port: int) -> Path:
    """The demonstration alone, published on `port`."""
    for name in ("nginx_conf", "static", "webapp"):
        shutil.copytree(ROOT / name, folder / name, symlinks=True)
    text = (ROOT / "config.toml").read_text()
    (folder / "config.toml").write_text(text.replace('"8080:80"', f'"{port}:80"'))
    return folder


def answered(port: int) -> str | None:
    """Who answered, or None while nobody does."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/whoami")
        reply = connection.getresponse()
        body = reply.read().decode()
        return body if reply.status == 200 else None
    except (ConnectionError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def until(port: int, replicas: int, argv: list[str], folder: Path) -> float:
    """Seconds from the start of `argv` until so many different replicas have answered on `port`."""
    began = time.perf_counter()
    with tempfile.TemporaryFile("w+") as output:
        program = subprocess.Popen(argv, cwd=folder, stdout=output, stderr=output)
        try:
            wait_for(port, replicas, program, output)
            return time.perf_counter() - began
        finally:
            program.send_signal(signal.SIGINT)
            program.wait(30)


def wait_for(port: int, replicas: int, program: subprocess.Popen[bytes], output: IO[str]) -> None:
    """Ask until so many have answered; a program that ends before is shown with what it wrote."""
    seen: set[str] = set()
    while len(seen) < replicas:
        who = answered(port)
        if who is not None:
            seen.add(who)
        elif program.poll() is None:
            time.sleep(PAUSE)
        else:
            output.seek(0)
            raise SystemExit(f"{program.args!r} ended with {program.returncode}:\n{output.read()}")


@contextlib.contextmanager
def both() -> Iterator[tuple[Callable[[], float], Callable[[], float]]]:
    os.environ["PATH"] = f"{BIN}:{os.environ['PATH']}"
    port, bare = free_port(), free_port()
    gunicorn = [str(BIN / "gunicorn"), "-b", f"127.0.0.1:{bare}", "--no-control-socket", "app"]
    with tempfile.TemporaryDirectory() as name:
        folder = project(Path(name), port)
        emulator = [sys.executable, "-m", "emulator"]
        yield (lambda: until(port, 3, emulator, folder), lambda: until(bare, 1, gunicorn, folder / "webapp"))
