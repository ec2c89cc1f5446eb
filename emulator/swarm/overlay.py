"""One network on this machine: its addresses and the live table that its tasks read.

A task has one real address (`Place`); in every network it stands under the address that Docker
would give it there.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from ..livetable import EndpointTable
from .model import Service, Task
from .network import Pool, Projection


class Place(NamedTuple):
    """Where a task really is: its address, and the ports that differ from the container's."""

    host: str
    ports: tuple[tuple[int, int], ...] = ()

    def port(self, port: int) -> int:
        return dict(self.ports).get(port, port)


class Endpoint(NamedTuple):
    """One task as a network knows it; `ready` puts it into the rotation of its service."""

    task: Task
    address: str
    place: Place
    hostname: str
    ready: bool = False

    def payload(self) -> dict[str, Any]:
        return {
            "address": self.address,
            "host": self.place.host,
            "ports": {str(port): real for port, real in self.place.ports},
            "task": self.task.id,
            "name": self.task.name,
            "hostname": self.hostname,
            "ready": self.ready,
        }


class _Entry:
    """One service in the table."""

    __slots__ = ("endpoints", "mode", "name", "vip")

    def __init__(self, name: str, vip: str | None, mode: str) -> None:
        self.name, self.vip, self.mode = name, vip, mode
        self.endpoints: dict[str, Endpoint] = {}


class Overlay:
    """One network: its pool of addresses, its projection, its table."""

    def __init__(self, name: str, subnet: str, projection: Projection | None, table: Path) -> None:
        self.name = name
        self.pool = Pool(subnet)
        self.projection = projection
        self.endpoint: str | None = None
        self._table = EndpointTable(str(table))
        self._entries: dict[str, _Entry] = {}
        self._publish()

    @property
    def table(self) -> str:
        return self._table.path

    @property
    def real_base(self) -> str | None:
        return self.projection.base if self.projection else None

    def serve(self, service: Service, vip: str | None) -> None:
        """From now on, or still: tasks that are in it stay."""
        entry = _Entry(service.name, vip, service.spec.endpoint_mode)
        if service.id in self._entries:
            entry.endpoints = self._entries[service.id].endpoints
        self._entries[service.id] = entry
        self._publish()

    def withdraw(self, service: Service) -> None:
        self._entries.pop(service.id, None)
        self._publish()

    def land(self) -> str | None:
        """The load balancer takes its own address when the first task lands here; None: it has one."""
        if self.endpoint is not None:
            return None
        self.endpoint = self.pool.take()
        return self.endpoint

    def enter(self, endpoint: Endpoint) -> None:
        entry = self._entries.get(endpoint.task.service_id)
        if entry is not None:
            entry.endpoints[endpoint.task.id] = endpoint
            self._publish()

    def leave(self, task: Task) -> None:
        entry = self._entries.get(task.service_id)
        if entry is not None and entry.endpoints.pop(task.id, None) is not None:
            self._publish()

    def make_ready(self, task: Task, place: Place) -> None:
        entry = self._entries.get(task.service_id)
        if entry is not None and task.id in entry.endpoints:
            known = entry.endpoints[task.id]
            entry.endpoints[task.id] = known._replace(ready=True, place=place)
            self._publish()

    def endpoints(self) -> Iterable[Endpoint]:
        return [endpoint for entry in self._entries.values() for endpoint in entry.endpoints.values()]

    def close(self) -> None:
        self._table.close()

    def _publish(self) -> None:
        services = {}
        for entry in self._entries.values():
            ordered = sorted(entry.endpoints.values(), key=lambda endpoint: endpoint.task.slot)
            payload = [endpoint.payload() for endpoint in ordered]
            services[entry.name] = {"vip": entry.vip, "mode": entry.mode, "endpoints": payload}
        self._table.publish(
            {
                "network": self.name,
                "subnet": self.pool.subnet,
                "real": self.real_base,
                "services": services,
            }
        )
