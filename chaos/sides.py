"""What the faults are done to: ours, or the real nginx with a minimal supervisor of three gunicorns."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.servers import BIN, ROOT, free_port, real_nginx
from chaos import processes
from chaos.load import ask, until

DELAY = 0.5
_PEERS = """
upstream three {{ {servers} }}
server {{
    listen {port};
    client_max_body_size 0;
    location / {{ proxy_pass http://three; proxy_read_timeout {patience}; }}
    location /static {{ alias {static}; }}
}}
"""


class Side:
    """One running topology; `folder` is its own."""

    name = ""
    port: int

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def replicas(self) -> dict[int, int]:
        """The main process of each replica, by slot."""
        raise NotImplementedError

    def master(self) -> int:
        """nginx's."""
        raise NotImplementedError

    def main(self) -> int:
        """The process that holds everything."""
        raise NotImplementedError

    def reload(self) -> None:
        processes.kill([self.master()], signal.SIGHUP)

    def kill_replica(self, slot: int) -> int:
        """SIGKILL to every process of it; its main process."""
        victim = self.replicas()[slot]
        processes.kill(processes.below(victim))
        return victim


class Ours(Side):
    """`emulator up` on a copy of the project."""

    name = "emulator"

    def __init__(self, folder: Path, *, limit: int = 0, env: dict[str, str] | None = None) -> None:
        super().__init__(folder)
        reading, writing = os.pipe()
        self.state = folder / ".emulator"
        argv = [sys.executable, "-m", "emulator", "up", "--port", "0", "--fresh-addresses"]
        argv += ["--ready-fd", str(writing)]
        if limit:
            argv = ["/bin/sh", "-c", f'ulimit -n {limit}; exec "$@"', "sh", *argv]
        self.log = (folder / "output").open("a")
        self.process = subprocess.Popen(
            argv,
            cwd=folder,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
            pass_fds=(writing,),
            start_new_session=True,
        )
        os.close(writing)
        with open(reading) as line:  # noqa: PTH123
            ready = line.readline() if select.select([line], [], [], 30)[0] else ""
        if not ready:
            raise RuntimeError((folder / "output").read_text()[-2000:])
        told = json.loads(ready)
        self.socket, self.port = Path(told["socket"]), int(told["urls"][0].rpartition(":")[2])

    @property
    def output(self) -> str:
        return (self.folder / "output").read_text(errors="replace")

    def ask(self, method: str, path: str, body: object = None) -> Any:
        connection = _Unix(self.socket)
        try:
            data = None if body is None else json.dumps(body)
            connection.request(method, path, data, {"Content-Type": "application/json"})
            text = connection.getresponse().read()
            return json.loads(text) if text.strip() else None
        finally:
            connection.close()

    def tasks(self, service: str) -> list[Any]:
        found: dict[str, str] = {thing["ID"]: thing["Spec"]["Name"] for thing in self.ask("GET", "/services")}
        return [task for task in self.ask("GET", "/tasks") if found.get(task["ServiceID"]) == service]

    def replicas(self) -> dict[int, int]:
        running = [task for task in self.tasks("webapp") if task["Status"]["State"] == "running"]
        return {task["Slot"]: int(task["Status"]["ContainerStatus"]["PID"]) for task in running}

    def master(self) -> int:
        running = [task for task in self.tasks("webproxy") if task["Status"]["State"] == "running"]
        return int(running[0]["Status"]["ContainerStatus"]["PID"])

    def main(self) -> int:
        return self.process.pid

    def mine(self) -> list[int]:
        return processes.marked(f"EMULATOR_STATE={self.state}")

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(20)
        self.process.kill()
        self.process.wait()
        self.log.close()


class Reference(Side):
    """The real nginx with an upstream of three gunicorns; a thread each replaces them after the delay."""

    name = "nginx"

    def __init__(self, folder: Path, patience: str = "60s") -> None:
        super().__init__(folder)
        self.ports = [free_port() for _ in range(3)]
        self.port = free_port()
        self._pids: dict[int, int] = {}
        self._enough = threading.Event()
        self._threads = [threading.Thread(target=self._keep, args=(slot,), daemon=True) for slot in (1, 2, 3)]
        for thread in self._threads:
            thread.start()
        servers = " ".join(f"server 127.0.0.1:{port};" for port in self.ports)
        site = _PEERS.format(servers=servers, port=self.port, patience=patience, static=folder / "static")
        conf = f"worker_processes 2; daemon off; events {{ worker_connections 12000; }} http {{ {site} }}"
        (folder / "nginx.conf").write_text(conf)
        (folder / "logs").mkdir(exist_ok=True)
        argv = [
            *real_nginx(),
            "-p",
            f"{folder}/",
            "-c",
            str(folder / "nginx.conf"),
            "-e",
            str(folder / "error.log"),
        ]
        self.process = subprocess.Popen(argv, cwd=folder, stdin=subprocess.DEVNULL, start_new_session=True)
        until(lambda: len(self._pids) == 3 and all(ask(self.port)[0] == 200 for _ in range(6)))

    def replicas(self) -> dict[int, int]:
        return dict(self._pids)

    def master(self) -> int:
        return self.process.pid

    def main(self) -> int:
        return self.process.pid

    def close(self) -> None:
        self._enough.set()
        for pid in self._pids.values():
            processes.kill(processes.below(pid))
        for thread in self._threads:
            thread.join(10)
        self.process.terminate()
        self.process.wait(20)

    def _keep(self, slot: int) -> None:
        argv = [
            str(BIN / "gunicorn"),
            "--no-control-socket",
            "-b",
            f"127.0.0.1:{self.ports[slot - 1]}",
            "app",
        ]
        log = (self.folder / f"gunicorn{slot}").open("a")
        with log:
            while not self._enough.is_set():
                env = {**os.environ, "TASK_SLOT": str(slot)}
                program = subprocess.Popen(
                    argv, cwd=self.folder / "webapp", env=env, stdout=log, stderr=log, start_new_session=True
                )
                self._pids[slot] = program.pid
                program.wait()
                self._enough.wait(DELAY)


class _Unix(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=30)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(str(self._path))


def project(folder: Path, site: str = "", app: str = "") -> Path:
    """A copy of the article's project; `site` takes the place of its app.conf, `app` of its app."""
    folder.mkdir(parents=True)
    for name in ("nginx_conf", "static", "webapp"):
        shutil.copytree(ROOT / name, folder / name, symlinks=True)
    shutil.copy(ROOT / "config.toml", folder)
    if site:
        (folder / "nginx_conf" / "app.conf").write_text(site)
    if app:
        (folder / "webapp" / "app.py").write_text(app)
    return folder


@contextlib.contextmanager
def ours(folder: Path, **words: Any) -> Iterator[Ours]:
    side = Ours(folder, **words)
    try:
        yield side
    finally:
        side.close()


@contextlib.contextmanager
def reference(folder: Path, patience: str = "60s") -> Iterator[Reference]:
    side = Reference(folder, patience)
    try:
        yield side
    finally:
        side.close()
