"""The Namespace of a task: its mounts, its published ports and the names of its networks.

A description (JSON, named by EMULATOR_NAMESPACE) says what never changes in a task's life; what does
change, the endpoints of services, is read from the live tables of its networks at each dial:

    hostname  the task's                        address   its address in the container's terms, or null
    source    the real source address of its connections, or null for the kernel's choice
    mounts    [[target, real path], ...]        listen    {"80": [["127.0.0.1", 8080]]}: published
    ports     {"80": 8080}: the task's own ports that are others here
    client    the address under which it sees clients of published ports (Docker's ingress SNAT), or null
    retry     a refused endpoint of a VIP is skipped (endpoints enter the table when they listen)
    tables    files of live tables              rotation  {"3": fd}: counters, one for all who dial a service

In a table: {"network", "subnet", "real": the projected subnet's first address or null, "source": that of
balanced connections, "services": {name: {"vip", "mode": "vip"|"dnsrr", "turn": the key of its counter,
"aliases", "host" and "ports" of the VIP here, "endpoints": [{"address", "host", "ports": {"8000": 8001},
"task", "name", "hostname", "ready"}]}}}. A port that is not in `ports` is itself; "*" maps every port. A task
is there and its names resolve as soon as it runs; its service's VIP leads to it when it is ready.
"""

from __future__ import annotations

import json
import os
import socket

from .livetable import LiveTable
from .namespace import Dial

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    Payload = Mapping[str, Any]

# A port that nobody listens on: what cannot be reached is refused at once.
_NOWHERE = ("127.0.0.1", 1)
_NAME_SERVER = "127.0.0.11"  # Docker's, in each of its containers
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Rotation:
    """One round robin for all processes that dial a VIP, as IPVS keeps one for a node.

    The offset of a shared open file is the counter: lseek is an atomic fetch-and-add in one system
    call, and the file is shared by whoever inherits its descriptor.
    """

    __slots__ = ("descriptor",)

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    @classmethod
    def create(cls, name: str) -> Rotation:
        # not a memfd: since Linux 6.14 its SEEK_CUR takes no lock, and turns get lost
        try:
            folder = os.environ.get("TMPDIR") or "/tmp"
            return cls(os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600))
        except (AttributeError, OSError):
            from tempfile import TemporaryFile

            with TemporaryFile(prefix=f"rotation-{name}-") as file:
                return cls(os.dup(file.fileno()))

    def next(self) -> int:
        return os.lseek(self.descriptor, 1, os.SEEK_CUR)

    def close(self) -> None:
        os.close(self.descriptor)


class _Ways:
    """All ways to one port of one VIP, and the rotation that chooses among them."""

    __slots__ = ("dials", "rotation")

    def __init__(self, dials: tuple[Dial, ...], rotation: Rotation | None) -> None:
        self.dials = dials
        self.rotation = rotation if len(dials) > 1 else None


class TaskNamespace:
    """What a task's names, paths and ports are on this machine; cheap enough to ask for each connection."""

    def __init__(self, description: Payload, tables: Sequence[LiveTable | StillTable] | None = None) -> None:
        self.hostname: str = description["hostname"]
        self.address: str | None = description.get("address")
        self.source: str | None = description.get("source")
        self._client: str | None = description.get("client")
        self._retry: bool = description.get("retry", True)
        self._mounts = sorted(
            ((str(target).rstrip("/"), str(real)) for target, real in description.get("mounts", ())),
            key=lambda mount: -len(mount[0]),
        )
        self._listen = {
            int(port): tuple((str(host), int(number)) for host, number in real)
            for port, real in description.get("listen", {}).items()
        }
        self._ports = {int(port): int(real) for port, real in description.get("ports", {}).items()}
        self._rotations = {key: Rotation(fd) for key, fd in description.get("rotation", {}).items()}
        if tables is None:
            tables = [LiveTable(path) for path in description["tables"]]
        self._tables = tuple(tables)
        self._ways: dict[tuple[str, int], _Ways] = {}
        self._names: dict[str, tuple[str, ...]] = {}
        self._vips: dict[str, tuple[Payload, str, str | None]] = {}
        self._endpoints: dict[str, Payload] = {}
        self._subnets: list[tuple[int, int, int | None]] = []

    @classmethod
    def from_environment(cls) -> TaskNamespace | None:
        """The namespace of this process, or None when it is no task."""
        path = os.environ.get("EMULATOR_NAMESPACE")
        if not path:
            return None
        with open(path, encoding="utf-8") as file:  # noqa: PTH123 (pathlib would double the imports)
            return cls(json.load(file))

    @classmethod
    def fixed(cls, description: Payload, table: Payload) -> TaskNamespace:
        """A namespace whose endpoints never change; its rotations are made here and shared by forking."""
        rotation = {name: Rotation.create(name).descriptor for name in table["services"]}
        return cls({**description, "rotation": rotation}, [StillTable(table)])

    def path(self, path: str) -> str:
        if "/.." in path:
            # a mount's real parent is nothing that the task could reach
            path = os.path.normpath(path)
        for target, real in self._mounts:
            if path == target or path.startswith(target + "/"):
                return real if path == target else real.rstrip("/") + path[len(target) :]
        return path

    def listen(self, host: str, port: int) -> tuple[tuple[str, int], ...]:
        """On the task's own address, and where it is published if that is left to the task."""
        if ":" in host:
            published = self._published(port) if _ipv6() else ()
            return tuple(("::1", number) for at, number in published if at == "127.0.0.1")
        if host in ("127.0.0.1", "localhost"):
            return ((self._own(host), port),)
        published = self._published(port)
        if published and not self.source and port not in self._ports:
            return published
        return (*published, (self.source or "127.0.0.1", self._ports.get(port, port)))

    def resolve(self, host: str) -> tuple[str, ...]:
        known = self.known(host)
        return _resolve_outside(host) if known is None else known

    def is_name_server(self, host: str) -> bool:
        return host == _NAME_SERVER

    def known(self, host: str) -> tuple[str, ...] | None:
        name = host.lower().rstrip(".")
        self._refresh()
        if name in self._names:
            return self._names[name]
        if name == "localhost":
            return ("127.0.0.1",)
        if name == self.hostname.lower() and self.address:
            return (self.address,)
        return None

    def dial(self, host: str, port: int) -> Dial:
        for table in self._tables:
            if table.changed():
                self._refresh()
        ways = self._ways.get((host, port))
        if ways is None:
            ways = self._ways[host, port] = self._find(host, port)
        if ways.rotation is None:
            return ways.dials[0]
        return ways.dials[ways.rotation.next() % len(ways.dials)]

    def refused(self, dial: Dial, host: str, port: int) -> Dial | None:
        if not self._retry or dial.refusals is None:
            return None
        self._refresh()
        ways = self._ways.get((host, port)) or self._find(host, port)
        refusals = dial.refusals + 1
        if refusals >= len(ways.dials):
            return None
        addresses = [way.address for way in ways.dials]
        at = addresses.index(dial.address) + 1 if dial.address in addresses else 0
        way = ways.dials[at % len(addresses)]
        return Dial(way.family, way.address, way.source, refusals)

    def client(self, host: str) -> str:
        if host != "127.0.0.1":
            for network, mask, real in self._subnets:
                number = _number(host)
                if real is not None and number is not None and number & mask == real & mask:
                    return _dotted(network + number - real)
        return self._client or host

    def _published(self, port: int) -> tuple[tuple[str, int], ...]:
        return self._listen.get(port, ())

    def _own(self, host: str) -> str:
        """The task's own loopback: beside its address, where nobody else dials."""
        return private_loopback(self.source) if self.source else "127.0.0.1"

    def _refresh(self) -> None:
        if not any(table.changed() for table in self._tables):
            return
        self._ways, self._names, self._vips, self._endpoints, self._subnets = {}, {}, {}, {}, []
        for table in self._tables:
            self._take(table.read())

    def _take(self, payload: Payload) -> None:
        if payload.get("subnet"):
            self._subnets.append(_projection(payload["subnet"], payload.get("real")))
        network = payload.get("network", "")
        for service, entry in payload.get("services", {}).items():
            endpoints = entry["endpoints"]
            addresses = tuple(endpoint["address"] for endpoint in endpoints)
            by_vip = entry["mode"] == "vip" and entry["vip"]
            if by_vip:
                turn = str(entry.get("turn", service))
                self._vips[entry["vip"]] = (entry, turn, payload.get("source"))
            own = (entry["vip"],) if by_vip and endpoints else addresses
            for name in (service, *entry.get("aliases", ())):
                self._name(name, network, own)
                self._name(f"tasks.{name}", network, addresses)
            for endpoint in endpoints:
                self._endpoints[endpoint["address"]] = endpoint
                for name in (endpoint.get("name"), endpoint.get("hostname")):
                    if name:
                        self._name(name, network, (endpoint["address"],))

    def _name(self, name: str, network: str, addresses: tuple[str, ...]) -> None:
        for known in (name.lower(), f"{name}.{network}".lower()):
            self._names[known] = self._names.get(known) or addresses

    def _find(self, host: str, port: int) -> _Ways:
        if host in self._vips:
            return self._balanced(host, port)
        if host in _LOOPBACK:
            return self._one((self._own(host), port))
        if host in self._endpoints:
            return self._one(_real(self._endpoints[host], port))
        return self._one(self._projected(host, port))

    def _balanced(self, vip: str, port: int) -> _Ways:
        entry, turn, source = self._vips[vip]
        ready = [endpoint for endpoint in entry["endpoints"] if endpoint.get("ready", True)]
        addresses = [_real(endpoint, port) for endpoint in ready]
        dials = tuple(
            Dial(socket.AF_INET, address, source or self._source_to(address[0]), 0) for address in addresses
        )
        if not dials:
            return self._one(self._projected(vip, port))
        if turn not in self._rotations:
            self._rotations[turn] = Rotation.create(turn)
        return _Ways(dials, self._rotations[turn])

    def _one(self, address: tuple[str, int]) -> _Ways:
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        return _Ways((Dial(family, address, self._source_to(address[0])),), None)

    def _source_to(self, host: str) -> str | None:
        """The task's address is the source inside 127/8 only: from there the world cannot be reached."""
        return self.source if host.startswith("127.") else None

    def _projected(self, host: str, port: int) -> tuple[str, int]:
        """Where an address of the network is on this machine, even when no task has it."""
        number = _number(host)
        if number is None:
            return host, port
        for network, mask, real in self._subnets:
            if number & mask == network:
                if real is None:
                    return _NOWHERE
                return _dotted(real + number - network), port
        return host, port


class StillTable:
    """A table that never changes, in a LiveTable's place."""

    def __init__(self, payload: Payload) -> None:
        self._payload, self._read = payload, False

    def changed(self) -> bool:
        return not self._read

    def read(self) -> Payload:
        self._read = True
        return self._payload


def private_loopback(address: str) -> str:
    """A task's 127.0.0.1: its projected address with the second octet's top bit turned."""
    first, second, rest = address.split(".", 2)
    return f"{first}.{int(second) ^ 128}.{rest}"


def _real(endpoint: Payload, port: int) -> tuple[str, int]:
    ports = endpoint.get("ports") or {}
    return str(endpoint["host"]), int(ports.get(str(port), ports.get("*", port)))


def _projection(subnet: str, real: str | None) -> tuple[int, int, int | None]:
    network, _, prefix = subnet.partition("/")
    mask = (0xFFFFFFFF << (32 - int(prefix))) & 0xFFFFFFFF
    base = int.from_bytes(socket.inet_aton(network), "big") & mask
    return base, mask, int.from_bytes(socket.inet_aton(real), "big") if real else None


def _number(host: str) -> int | None:
    try:
        return int.from_bytes(socket.inet_aton(host), "big")
    except OSError:
        return None


def _dotted(number: int) -> str:
    return socket.inet_ntoa(number.to_bytes(4, "big"))


def _resolve_outside(host: str) -> tuple[str, ...]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return ()
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


def _ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True
