"""Start-up: until replicas have answered through the proxy, and how long a verb takes."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from benchmarks.answers import PATIENCE, Refused
from benchmarks.servers import BIN, PAUSE, demonstration, fill, free_port

EMULATOR = (sys.executable, "-m", "emulator")


def published(folder: Path) -> tuple[Path, int]:
    """A copy of the demonstration, and the port on which it is published."""
    port = free_port()
    file = demonstration(folder) / "config.toml"
    text = file.read_text()
    assert '"8080:80"' in text
    file.write_text(text.replace('"8080:80"', f'"{port}:80"'))
    return folder, port


def bare(port: int) -> list[str]:
    """A gunicorn with the app, and nothing else."""
    return [str(BIN / "gunicorn"), "-b", f"127.0.0.1:{port}", "--no-control-socket", "app"]


def until(port: int, replicas: int, argv: Sequence[str], folder: Path) -> float:
    """Seconds from the start of `argv` until so many different replicas have answered on `port`."""
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}
    began = time.perf_counter()
    with tempfile.TemporaryFile("w+") as output:
        program = subprocess.Popen(argv, cwd=folder, env=environment, stdout=output, stderr=output)
        try:
            _wait(port, replicas, program, output)
            return time.perf_counter() - began
        finally:
            program.send_signal(signal.SIGINT)
            program.wait(30)


def _wait(port: int, replicas: int, program: subprocess.Popen[bytes], output: IO[str]) -> None:
    """Ask until so many have answered; a program that ends before is shown with what it wrote."""
    seen: set[str] = set()
    deadline = time.monotonic() + PATIENCE
    while len(seen) < replicas:
        who = answered(port)
        if who is not None:
            seen.add(who)
        elif program.poll() is not None or time.monotonic() > deadline:
            output.seek(0)
            raise Refused(f"not ready: {output.read()[-300:]}")
        else:
            time.sleep(PAUSE)


def answered(port: int) -> str | None:
    """Who answered, or None while nobody does."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/whoami")
        reply = connection.getresponse()
        body = reply.read().decode()
        return body if reply.status == 200 else None
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def written(folder: Path, conf: str) -> Path:
    """A configuration that can be tested, in a folder of its own."""
    file = folder / "nginx.conf"
    file.write_text(fill(conf, {"port": free_port(), "prefix": folder}))
    return file


def wall(argv: Sequence[str], expected: str = "") -> float:
    """Seconds that a program takes; it has to end with 0 and to have said this."""
    began = time.perf_counter()
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    seconds = time.perf_counter() - began
    if done.returncode or expected not in done.stderr:
        raise Refused(f"{' '.join(argv[:4])} ended with {done.returncode}: {done.stderr[-200:]}")
    return seconds
