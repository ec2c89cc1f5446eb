"""The client of a running emulator: Docker's Engine API over its unix socket, by the standard library alone.

What is asked for and how it is shaped follows https://docs.docker.com/reference/api/engine/version/v1.41/.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

# sun_path's size on Linux less its closing NUL; macOS has four less.
LONGEST_PATH = 103


class EngineError(Exception):
    """What the emulator answered, or that there is none to answer: one line, in Docker's words."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message.strip())
        self.status = status


@dataclass(frozen=True, slots=True)
class Task:
    """One run of a replica; `container` and `pid` are empty and 0 before it runs."""

    id: str
    service: str
    slot: int
    image: str
    desired_state: str
    state: str
    since: str
    error: str
    addresses: tuple[str, ...]
    container: str
    pid: int

    @property
    def name(self) -> str:
        return f"{self.service}.{self.slot}"

    @property
    def address(self) -> str:
        """Its address in the first of its networks, without the length of the prefix."""
        return self.addresses[0].partition("/")[0] if self.addresses else ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where this machine reaches a task, and whether its service sends it connections."""

    address: str
    ready: bool


class Engine:
    """One emulator, by the path of its socket; each call is a connection of its own."""

    def __init__(self, path: Path, timeout: float | None = 30.0) -> None:
        self.path, self.timeout = path, timeout

    def __repr__(self) -> str:
        return f"Engine({str(self.path)!r})"

    def absence(self) -> str:
        """What is said when nobody listens."""
        return f"Cannot connect to an emulator at {self.path}. Is it running?"

    def tasks(self, service: str | None = None, running: bool = False) -> list[Task]:
        """The tasks of the services, newest first in each slot."""
        names = {found["ID"]: str(found["Spec"]["Name"]) for found in self.get("/services")}
        if service is not None and service not in names.values():
            raise EngineError(f"no such service: {service}", 404)
        wanted: dict[str, dict[str, bool]] = {}
        if service is not None:
            wanted["service"] = {service: True}
        if running:
            wanted["desired-state"] = {"running": True}
        found = self.get("/tasks", filters=json.dumps(wanted))
        tasks = [_task(item, names) for item in found if item["ServiceID"] in names]
        tasks.sort(key=lambda task: task.since, reverse=True)
        return sorted(tasks, key=lambda task: (task.service, task.slot))

    def place(self, container: str) -> Place:
        """Where a container really is."""
        found = self.get(f"/emulator/containers/{quote(container)}")
        ports = tuple(found["Ports"].values())
        return Place(f"{found['Address']}:{ports[0]}" if ports else found["Address"], found["Ready"])

    def replicas(self) -> dict[str, int]:
        """How many tasks each service is to have; first those that publish no port."""
        found = sorted(self.get("/services"), key=lambda item: bool(item["Endpoint"].get("Ports")))
        return {item["Spec"]["Name"]: item["Spec"]["Mode"]["Replicated"]["Replicas"] for item in found}

    def act(self, container: str, verb: str, **query: str) -> None:
        """`verb` is kill, stop, pause or unpause."""
        self._answer("POST", f"/containers/{quote(container)}/{verb}", query)

    def logs(self, container: str, follow: bool = False, tail: str = "all") -> Iterator[tuple[int, bytes]]:
        """Pieces of what a task wrote: 1 and its standard output, 2 and its standard error."""
        query = {"stdout": "1", "stderr": "1", "follow": str(int(follow)), "tail": tail}
        return self.frames(f"/containers/{quote(container)}/logs", **query)

    def events(self, timeout: float | None = None, **query: str) -> Generator[dict[str, Any]]:
        """What happens from this call on; TimeoutError after a silence of `timeout` seconds."""
        connection, response = self._ask("GET", "/events", query, timeout)
        return _events(connection, response)

    def get(self, path: str, **query: str) -> Any:
        return json.loads(self._answer("GET", path, query))

    def post(self, path: str, body: object = None, **query: str) -> Any:
        """What the engine says to an order; None where it says nothing."""
        said = self._answer("POST", path, query, body)
        return json.loads(said) if said.strip() else None

    def order(self, method: str, path: str) -> None:
        """Any order of the API, for what it does or for how it is refused."""
        self._answer(method, path, {})

    def delete(self, path: str, **query: str) -> None:
        self._answer("DELETE", path, query)

    def frames(self, path: str, **query: str) -> Iterator[tuple[int, bytes]]:
        """The frames of a multiplexed stream: 1 or 2 and what was written to that output."""
        connection, response = self._ask("GET", path, query, None)
        try:
            while len(head := response.read(8)) == 8:
                yield head[0], response.read(int.from_bytes(head[4:], "big"))
        finally:
            connection.close()

    def objects(self, path: str, **query: str) -> Generator[Any]:
        """The objects of a stream of JSON, one a line."""
        connection, response = self._ask("GET", path, query, None)
        return _events(connection, response)

    def _answer(self, method: str, path: str, query: dict[str, str], body: object = None) -> bytes:
        connection, response = self._ask(method, path, query, self.timeout, body)
        try:
            return response.read()
        except (OSError, http.client.HTTPException) as error:
            raise EngineError(f"the emulator's answer broke off: {error}") from None
        finally:
            connection.close()

    def _ask(
        self, method: str, path: str, query: dict[str, str], timeout: float | None, body: object = None
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        connection = _UnixConnection(self.path, timeout)
        try:
            sent = None if body is None else json.dumps(body)
            kind = {} if body is None else {"Content-Type": "application/json"}
            connection.request(method, f"{path}?{urlencode(query)}" if query else path, sent, kind)
            response = connection.getresponse()
            if response.status >= 400:
                raise EngineError(_message(response.read()), response.status)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            if isinstance(error, FileNotFoundError | ConnectionRefusedError):
                raise EngineError(self.absence()) from None
            raise EngineError(f"no answer at {self.path}: {error}") from None
        except EngineError:
            connection.close()
            raise
        return connection, response


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket, of a path of any length where /proc helps."""

    def __init__(self, path: Path, timeout: float | None) -> None:
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        if len(os.fsencode(self.path)) <= LONGEST_PATH:
            self.sock.connect(str(self.path))
            return
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            self.sock.connect(f"/proc/self/fd/{folder}/{self.path.name}")
        finally:
            os.close(folder)


def _events(
    connection: http.client.HTTPConnection, response: http.client.HTTPResponse
) -> Generator[dict[str, Any]]:
    try:
        while line := response.readline():
            yield json.loads(line)
    finally:
        connection.close()


def _message(body: bytes) -> str:
    """The `message` of an error, or whatever was there in its place."""
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return body.decode(errors="replace") or "an error without a message"


def _task(found: dict[str, Any], services: dict[str, str]) -> Task:
    status = found.get("Status", {})
    container = status.get("ContainerStatus") or {}
    attached = found.get("NetworksAttachments") or ()
    return Task(
        id=found["ID"],
        service=services[found["ServiceID"]],
        slot=found.get("Slot", 0),
        image=found["Spec"]["ContainerSpec"]["Image"],
        desired_state=found["DesiredState"],
        state=status.get("State", ""),
        since=status.get("Timestamp", ""),
        error=status.get("Err", ""),
        addresses=tuple(address for network in attached for address in network.get("Addresses") or ()),
        container=container.get("ContainerID", ""),
        pid=container.get("PID", 0),
    )
