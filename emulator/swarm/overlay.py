"""One network on this machine: its addresses and the live table that its tasks read.

A task has one real address (`Place`); in every network it stands under the address that Docker
would give it there.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from ..livetable import EndpointTable
from .model import Service, Task
from .network import NoAddress, Pool, Projection


class Place(NamedTuple):
    """Where a task really is: its address, and the ports that differ from the container's."""

    host: str
    ports: tuple[tuple[int, int], ...] = ()

    def port(self, port: int) -> int:
        return dict(self.ports).get(port, port)

    def own_port(self, real: int) -> int:
        """The container's port that is this one here."""
        return next((port for port, number in self.ports if number == real), real)


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

    __slots__ = ("aliases", "endpoints", "mode", "name", "place", "turn", "vip")

    def __init__(self, name: str, vip: str | None, mode: str, turn: str, aliases: tuple[str, ...]) -> None:
        self.name, self.vip, self.mode, self.turn, self.aliases = name, vip, mode, turn, aliases
        self.place: Place | None = None
        self.endpoints: dict[str, Endpoint] = {}

    def payload(self) -> dict[str, Any]:
        ordered = sorted(self.endpoints.values(), key=lambda endpoint: endpoint.task.slot)
        place = self.place
        return {
            "vip": self.vip,
            "mode": self.mode,
            "turn": self.turn,
            "aliases": self.aliases,
            "host": place.host if place else None,
            "ports": {str(port): real for port, real in place.ports} if place else {},
            "endpoints": [endpoint.payload() for endpoint in ordered],
        }


class Overlay:
    """One network: its pool of addresses, its projection, its table."""

    def __init__(
        self, name: str, pool: Pool, projection: Projection | None, table: Path, endpoint: str | None = None
    ) -> None:
        self.name = name
        self.pool = pool
        self.projection = projection
        self.endpoint = endpoint
        self._table = EndpointTable(str(table))
        self._entries: dict[str, _Entry] = {}
        self._publish()

    @property
    def table(self) -> str:
        return self._table.path

    @property
    def real_base(self) -> str | None:
        return self.projection.base if self.projection else None

    @property
    def source(self) -> str | None:
        """Where balanced connections come from: the balancer's own address, as after its SNAT."""
        if self.projection is None or self.endpoint is None:
            return None
        return self.projection.real(self.endpoint)

    def serve(self, service: Service, vip: str | None, turn: str) -> None:
        """From now on, or still: tasks that are in it stay."""
        aliases = tuple(alias for network, alias in service.spec.task.aliases if network == self.name)
        entry = _Entry(service.name, vip, service.spec.endpoint_mode, turn, aliases)
        if vip and self.projection:
            entry.place = Place(self.projection.real(vip))
        if service.id in self._entries:
            known = self._entries[service.id]
            entry.endpoints = known.endpoints
            entry.place = known.place if known.vip == vip else entry.place
        self._entries[service.id] = entry
        self._publish()

    def place_vip(self, service_id: str, place: Place) -> None:
        """Where the service's VIP really is, and which of its ports are others there."""
        entry = self._entries.get(service_id)
        if entry is not None and entry.place != place:
            entry.place = place
            self._publish()

    def withdraw(self, service: Service) -> None:
        if self._entries.pop(service.id, None) is not None:
            self._publish()

    def land(self) -> str | None:
        """The load balancer's own address, once a task lands here; None: it has one, or none is left."""
        if self.endpoint is not None:
            return None
        with contextlib.suppress(NoAddress):
            self.endpoint = self.pool.take()
        self._publish()
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
        Path(self._table.path).unlink(missing_ok=True)

    def _publish(self) -> None:
        self._table.publish(
            {
                "network": self.name,
                "subnet": self.pool.subnet,
                "real": self.real_base,
                "source": self.source,
                "services": {entry.name: entry.payload() for entry in self._entries.values()},
            }
        )
