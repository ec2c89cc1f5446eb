"""An empty engine on a folder of its own, and a session of verbs that knows what was acknowledged."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import random
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

CONFIG = """
[images.idle]
command = "sleep 1000"
"""


class Refused(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status} {message}")
        self.status = status


class Unix(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=20)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(str(self.path))


class Daemon:
    """`emulator engine` on a folder; `started` are those whose end is still to be waited for."""

    started: ClassVar[list[Daemon]] = []

    def __init__(self, folder: Path) -> None:
        self.folder, self.state = folder, folder / ".emulator"
        ready, writing = os.pipe()
        argv = [sys.executable, "-m", "emulator", "engine", "--fresh-addresses", "--ready-fd", str(writing)]
        with (folder / "log").open("a") as log:
            self.process = subprocess.Popen(
                argv, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                pass_fds=(writing,), start_new_session=True,
            )  # fmt: skip
        self.started.append(self)
        os.close(writing)
        with open(ready) as line:  # noqa: PTH123
            assert select.select([line], [], [], 20)[0], self.output
            assert line.readline(), self.output

    @property
    def output(self) -> str:
        return (self.folder / "log").read_text()

    def ask(self, method: str, path: str, body: object = None) -> Any:
        connection = Unix(self.state / "docker.sock")
        try:
            data = None if body is None else json.dumps(body)
            connection.request(method, path, data, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
            if answer.status >= 400:
                raise Refused(answer.status, text.decode())
            return json.loads(text) if text.strip() else None
        finally:
            connection.close()

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def running(self, service: str) -> list[dict[str, Any]]:
        """The tasks of a service that run and are to run."""
        wanted = json.dumps({"service": {service: True}, "desired-state": {"running": True}})
        found = self.ask("GET", f"/tasks?filters={quote(wanted)}")
        return [task for task in found if task["Status"]["State"] == "running"]

    def converge(self, service: str, replicas: int, patience: float = 15) -> None:
        deadline = time.monotonic() + patience
        while len(self.running(service)) != replicas:
            assert time.monotonic() < deadline, (service, replicas, self.output[-4000:])
            select.select([], [], [], 0.05)


def service(name: str, replicas: int, mark: str, network: str | None = None) -> dict[str, Any]:
    """A spec whose tasks come back at once."""
    template: dict[str, Any] = {
        "ContainerSpec": {"Image": "idle", "Env": [f"MARK={mark}"], "StopGracePeriod": 1_000_000_000},
        "RestartPolicy": {"Condition": "any", "Delay": 100_000_000},
    }
    if network:
        template["Networks"] = [{"Target": network}]
    return {"Name": name, "TaskTemplate": template, "Mode": {"Replicated": {"Replicas": replicas}}}


Known = dict[str, set[object]]


class Session:
    """Verbs without end; for each name what it may be now: one value once acknowledged, two meanwhile."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.known: Known = {}
        self._numbers = itertools.count()

    def go_on(self, daemon: Daemon) -> None:
        """Until the engine is gone."""
        try:
            while True:
                self._step(daemon)
        except (OSError, http.client.HTTPException, json.JSONDecodeError):
            return

    def _step(self, daemon: Daemon) -> None:
        names = [name for name, values in self.known.items() if values != {None}]
        services = [name for name in names if name[0] == "s"]
        verb = self.chance.choice((self._create, self._create, self._volume, self._update, self._remove))
        if verb in (self._update, self._remove) and not services:
            verb = self._create
        if verb == self._create and len(services) > 4:
            verb = self._remove
        verb(daemon, self.chance.choice(services or [""]))

    def _create(self, daemon: Daemon, any_service: str) -> None:
        name, value = f"s{next(self._numbers)}", (self.chance.randint(0, 3), "a")
        spec = service(name, *value, network="net")
        self._do(name, value, lambda: daemon.ask("POST", "/services/create", spec))

    def _volume(self, daemon: Daemon, any_service: str) -> None:
        name = f"v{next(self._numbers)}"
        self._do(name, "there", lambda: daemon.ask("POST", "/volumes/create", {"Name": name}))

    def _update(self, daemon: Daemon, name: str) -> None:
        found = daemon.ask("GET", f"/services/{name}")
        value = (self.chance.randint(0, 3), self.chance.choice("abc"))
        path = f"/services/{found['ID']}/update?version={found['Version']['Index']}"
        spec = service(name, *value, network="net")
        before = self.known[name]
        try:
            self._do(name, value, lambda: daemon.ask("POST", path, spec))
        except Refused as refusal:
            if "out of sequence" not in str(refusal):  # the engine's own change came between
                raise
            self.known[name] = before

    def _remove(self, daemon: Daemon, name: str) -> None:
        self._do(name, None, lambda: daemon.ask("DELETE", f"/services/{name}"))

    def _do(self, name: str, value: object, verb: Callable[[], object]) -> None:
        before = self.known.get(name, {None})
        self.known[name] = before | {value}
        verb()
        self.known[name] = {value}

    def check(self, daemon: Daemon) -> None:
        """Everything acknowledged is there; what was under way is there as a whole or not at all."""
        found: dict[str, object] = {}
        for thing in daemon.ask("GET", "/services"):
            spec = thing["Spec"]
            mark = spec["TaskTemplate"]["ContainerSpec"]["Env"][0].removeprefix("MARK=")
            found[spec["Name"]] = (spec["Mode"]["Replicated"]["Replicas"], mark)
        found |= {volume["Name"]: "there" for volume in daemon.ask("GET", "/volumes")["Volumes"] or ()}
        assert set(found) <= set(self.known)
        for name, values in self.known.items():
            assert found.get(name) in values, (name, values, found.get(name))
            self.known[name] = {found.get(name)}

    def replicas(self) -> Iterator[tuple[str, int]]:
        for name, values in self.known.items():
            (value,) = values
            if isinstance(value, tuple):
                yield name, value[0]
