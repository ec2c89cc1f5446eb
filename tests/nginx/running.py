"""A master with its workers as real processes, ours or the real nginx, from one configuration."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

_DEADLINE = 15.0
_MAIN = """
daemon off;
{user}
pid nginx.pid;
error_log logs/error.log notice;
worker_processes 2;
{main}
events {{ worker_connections {connections}; }}
http {{
    access_log off;
    {http}
}}
"""
# what only the real one says: who built it, and signals that its processes use among themselves
_OWN = re.compile(r"built by|\(SIGIO\) received$")
_PID = re.compile(r"(?<=process )\d+|(?<=received from )\d+")

OURS = (sys.executable, "-m", "emulator.nginx")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


class Running:
    """`{port}` and `{port2}` are free ports; `lines` are the error log's without what differs by the run."""

    def __init__(self, command: tuple[str, ...], folder: Path, http: str, **settings: object) -> None:
        self.folder = folder
        self.port, self.port2 = free_port(), free_port()
        (folder / "logs").mkdir(parents=True)
        self.configure(http, **settings)
        self._command = (*command, "-p", f"{folder}/", "-c", f"{folder}/nginx.conf", "-e", "stderr")
        with (folder / "stderr").open("wb") as stderr:
            self.process = subprocess.Popen(self._command, stderr=stderr, start_new_session=True)
        workers = 0 if "master_process off" in str(settings.get("main")) else 2
        self.until(lambda: (folder / "nginx.pid").exists() and self.count("start worker process ") >= workers)

    def configure(self, http: str, main: str = "", connections: int = 512) -> None:
        user = "user root root;" if os.geteuid() == 0 else ""
        text = _MAIN.format(user=user, main=main, connections=connections, http=http)
        text = text.replace("{port}", str(self.port)).replace("{port2}", str(self.port2))
        (self.folder / "nginx.conf").write_text(text)

    def call(self, *arguments: str) -> int:
        return subprocess.run([*self._command, *arguments], check=False, stderr=subprocess.DEVNULL).returncode

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def reload(self) -> None:
        """HUP, and wait until the workers of before have ended."""
        ended = self.count("exited with code 0")
        self.signal(signal.SIGHUP)
        self.until(lambda: self.count("exited with code 0") >= ended + 2)

    @property
    def log(self) -> str:
        return (self.folder / "logs/error.log").read_text()

    @property
    def lines(self) -> list[str]:
        """Each line from its level on, without process ids."""
        found = [line.split(" ", 2)[2] for line in self.log.splitlines()]
        return [_PID.sub("N", re.sub(r"\d+#\d+", "P", line)) for line in found if not _OWN.search(line)]

    def count(self, text: str) -> int:
        try:
            return self.log.count(text)
        except FileNotFoundError:
            return 0

    def workers(self) -> list[int]:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in children.split()]

    def until(self, condition: Callable[[], object]) -> None:
        """Look again and again, for processes do not tell."""
        end = time.monotonic() + _DEADLINE
        while not condition():
            assert time.monotonic() < end, self.log
            assert self.process.poll() is None, (self.folder / "stderr").read_text("utf-8", "replace")
            time.sleep(0.01)

    def wait(self) -> int:
        return self.process.wait(_DEADLINE)

    def connect(self, data: bytes = b"") -> socket.socket:
        sock = socket.create_connection(("127.0.0.1", self.port), timeout=_DEADLINE)
        sock.sendall(data)
        return sock

    def get(self, target: str = "/") -> bytes:
        """The answer on a connection of its own."""
        with self.connect(f"GET {target} HTTP/1.0\r\n\r\n".encode()) as sock:
            return read_all(sock)

    def stop(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def read_all(sock: socket.socket) -> bytes:
    found = b""
    while data := sock.recv(65536):
        found += data
    return found
