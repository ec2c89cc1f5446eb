"""Servers whose addresses are found at run time (ngx_http_upstream_zone_resolve_handler)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from emulator.nginx import dns
from emulator.nginx.resolver import Found, resolver_of
from emulator.nginx.upstream_zone import Address

if TYPE_CHECKING:
    from emulator.nginx.modules.http_core import Resolver as Written
    from emulator.nginx.modules.upstream import Server
    from emulator.nginx.upstream_zone import SharedGroup
    from emulator.nginx.worker import Worker


class Names(NamedTuple):
    """The servers of one group that are to be looked up, each with its place in the configuration."""

    group: str
    share: SharedGroup
    servers: tuple[tuple[int, Server], ...]
    resolver: Written
    timeout: float

    def attach(self, worker: Worker) -> None:
        """Begin to look them up, and again whenever an answer is too old."""
        for place, server in self.servers:
            Lookup(worker, self, place, server).begin()


class Lookup:
    """One server of a group in one worker."""

    def __init__(self, worker: Worker, names: Names, place: int, server: Server) -> None:
        self._worker = worker
        self._names = names
        self._place = place
        self._server = server
        self._host = server.address.host
        self._targets: list[dns.Record] = []
        self._found: list[Address] = []
        self._ttl = 0
        self._first = 0  # the priority of those that are no backups

    def begin(self) -> None:
        self._worker.loop.call_later(0.001 + self._place / 1e6, self._look)  # in the order written

    def _look(self) -> None:
        if self._worker.quitting:
            return
        resolver, timeout = resolver_of(self._worker, self._names.resolver), self._names.timeout
        if self._server.service:
            name = dns.service_name(self._server.service, self._host)
            resolver.find_service(name, timeout, self._take_services)
        else:
            resolver.find(self._host, timeout, self._take)

    def _again(self, seconds: float) -> None:
        self._worker.loop.call_later(seconds, self._look)

    def _take(self, found: Found) -> None:
        if found.code:
            self._failed(f"{self._host} could not be resolved", found)
            return
        port = self._server.address.port or 80
        self._put([Address(host, port, backup=self._server.backup) for host in found.addresses], found.ttl)

    def _failed(self, what: str, found: Found) -> None:
        self._worker.log_global("error", f"{what} ({found.why})")
        if found.code == dns.NOT_FOUND:
            self._put([], 0)
        else:
            self._again(max(self._names.timeout, 1.0))

    def _put(self, addresses: list[Address], ttl: int) -> None:
        if not self._names.share.replace(self._place, addresses):
            self._worker.log_global(
                "error", f'cannot add new server to upstream "{self._names.group}", memory exhausted'
            )
        valid = self._names.resolver.valid
        self._again((ttl if valid is None else valid) + 1)

    # services

    def _take_services(self, found: Found) -> None:
        if found.code:
            self._failed(f"service {self._server.service} of {self._host} could not be resolved", found)
            return
        self._targets, self._found, self._ttl = list(found.services), [], found.ttl
        self._first = min(each.priority for each in found.services)
        self._next_target()

    def _next_target(self) -> None:
        if not self._targets:
            self._put(self._found, self._ttl)
            return
        resolver = resolver_of(self._worker, self._names.resolver)
        resolver.find(self._targets[0].value, self._names.timeout, self._take_target)

    def _take_target(self, found: Found) -> None:
        target = self._targets.pop(0)
        if found.code:
            self._worker.log_global(
                "error",
                f"{target.value} could not be resolved ({found.why}) "
                f"while resolving service {self._server.service} of {self._host}",
            )
        weight = self._server.weight if self._server.weight != 1 else max(1, target.weight)
        for host in found.addresses:
            backup = target.priority != self._first
            self._found.append(Address(host, target.port, weight, backup, target.value))
        self._next_target()
