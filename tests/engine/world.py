"""A little project, one Python service behind nginx, and the emulator on it: for tests of engine and API."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

CONFIG = """
[services.app]
image = "little"
replicas = 2
networks = ["net"]
mounts = ["src=files,dst=/app/files"]
env = {{ SLOT = "{{{{.Task.Slot}}}}", WHERE = "/app/files" }}
restart_policy = {{ delay = "100ms" }}
{service}

[services.front]
image = "nginx"
networks = ["net"]
mounts = ["src=files,dst=/srv/files", "type=bind,src=nginx,dst=/etc/nginx/conf.d"]
ports = ["0:80"]

[networks.net]
subnet = "10.77.3.0/24"

[volumes.files]

[images.little]
folder = "little"
workdir = "/app"
command = "{command}"
expose = [8000]
"""
APP = """
import json, os, signal, socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

signal.signal(signal.SIGTERM, lambda *args: os._exit(143))

class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        told = {"slot": os.environ["SLOT"], "pid": os.getpid(), "hostname": socket.gethostname(),
                "where": os.environ["WHERE"], "client": self.client_address[0]}
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

print("serving", flush=True)
ThreadingHTTPServer(("0.0.0.0", 8000), Handler).serve_forever()
"""
CONF = """
server {
    listen 80;
    location / { proxy_pass http://app:8000; }
    location /files/ { alias /srv/files/; }
}
"""


def project(folder: Path, app: str = APP, command: str = "python app.py", service: str = "") -> Path:
    for name in ("little", "nginx"):
        (folder / name).mkdir(parents=True)
    (folder / "little" / "files").mkdir()
    (folder / "little" / "files" / "seed.txt").write_text("from the image")
    (folder / "little" / "app.py").write_text(app)
    (folder / "nginx" / "app.conf").write_text(CONF)
    (folder / "config.toml").write_text(CONFIG.format(command=command, service=service))
    return folder


class Emulator:
    """A started emulator: its output, its ready message, its ends."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.folder = folder
        self._ready, ready_write = os.pipe()
        life_read, self.life = os.pipe()
        argv = [sys.executable, "-m", "emulator", "up", "--fresh-addresses", *words]
        argv += ["--ready-fd", str(ready_write), "--lifeline-fd", str(life_read)]
        self.log = (folder / "log").open("w+")
        self.process = subprocess.Popen(
            argv, cwd=folder, stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT,
            pass_fds=(ready_write, life_read), start_new_session=True,
        )  # fmt: skip
        os.close(ready_write)
        os.close(life_read)

    @property
    def output(self) -> str:
        return (self.folder / "log").read_text()

    def ready(self) -> dict[str, Any]:
        assert select.select([self._ready], [], [], 20)[0], self.output
        told = os.read(self._ready, 4096)
        assert told, self.output
        found: dict[str, Any] = json.loads(told)
        return found

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(20)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for descriptor in (self._ready, self.life):
            if descriptor >= 0:
                os.close(descriptor)
        self.log.close()

    def cut(self) -> None:
        """Close the lifeline, as the death of whoever started it would."""
        os.close(self.life)
        self.life = -1


def processes_of(folder: Path) -> list[int]:
    """Every process that carries the mark of a project's state folder."""
    mark = f"EMULATOR_STATE={folder / '.emulator'}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def wait_for_end(pids: list[int]) -> bool:
    """Whether all of them end within a few seconds."""
    for pid in pids:
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        try:
            if not select.select([handle], [], [], 5)[0]:
                return False
        finally:
            os.close(handle)
    return True
