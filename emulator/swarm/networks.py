"""All networks of the engine: addresses for services and tasks, and what links a task to them.

On loopback addressing a task is where its first network's projection puts it; a port below the
machine's unprivileged ones moves up by 8000 there. In ports addressing it is on 127.0.0.1 with a free
port for each that its image exposes.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from .claims import Claims, NoLoopback
from .model import Attachment, Network, Service, Task
from .network import (
    BRIDGE,
    BRIDGE_GATEWAY,
    BRIDGE_SUBNET,
    INGRESS_NODE,
    INGRESS_SUBNET,
    NoAddress,
    Pool,
    Projection,
    overlap,
)
from .overlay import Endpoint, Overlay, Place
from .standing import Standing, Standings
from .turns import Turns

INGRESS = "ingress"
_LOCALHOST = "127.0.0.1"
_MOVED_UP = 8000


class Links(NamedTuple):
    """What the networks give a task: addresses, the tables it may read, the ports published for it."""

    attachments: tuple[Attachment, ...]
    place: Place
    source: str | None = None
    tables: tuple[str, ...] = ()
    subnets: tuple[tuple[str, str], ...] = ()
    rotations: tuple[tuple[str, int], ...] = ()
    listen: tuple[tuple[int, str, int], ...] = ()
    client: str | None = None
    ports: tuple[int, ...] = ()

    @property
    def address(self) -> str | None:
        """The task's own address in the container's terms: of its first network but ingress."""
        own = [link.address for link in self.attachments if link.network != INGRESS]
        return own[0] if own else None

    @property
    def reached(self) -> list[tuple[str, int]]:
        """Where connections to it arrive on this machine."""
        return [(self.place.host, self.place.port(port)) for port in self.ports]


class Networks:
    """Overlays by name, and the bridge for tasks that have none.

    `alone` says whether a task is the only one of its service that is to run, and may have its
    published ports to itself.
    """

    def __init__(self, folder: Path, *, loopback: bool, anywhere: bool = False) -> None:
        self._folder, self._loopback, self._anywhere = folder, loopback, anywhere
        self._claims = Claims()
        self._overlays: dict[str, Overlay] = {}
        self._ingress = Pool(INGRESS_SUBNET, taken=[INGRESS_NODE])
        self._ingress_projection: Projection | None = None
        self._direct: set[str] = set()
        self._lowest = lowest_port()
        self.turns, self.standings = Turns(), Standings()
        self.alone: Callable[[Task], bool] = lambda task: True

    def create(self, network: Network) -> Overlay:
        """Claims its projection; the table is there before any task is."""
        pool = Pool(network.subnet, filter(None, [network.endpoint]), network.gateway, network.ip_range)
        return self._make(network.name, pool, network.endpoint)

    def serve(self, service: Service) -> tuple[Attachment, ...]:
        """The service's VIPs, ingress first, as Docker's allocator orders them; those that it has stay."""
        vips: list[Attachment] = []
        known = {link.network: link.address for link in service.vips}
        by_vip = service.spec.endpoint_mode == "vip"
        if by_vip and any(port.mode == "ingress" for port in service.spec.ports):
            vips.append(Attachment(INGRESS, self._vip(self._ingress, known.pop(INGRESS, None))))
        for name in service.spec.task.networks:
            overlay = self._overlays.get(name)
            if overlay is None:
                continue
            vip = self._vip(overlay.pool, known.pop(name, None)) if by_vip else None
            if vip:
                vips.append(Attachment(name, vip))
            overlay.serve(service, vip, self.turns.key(service.name))
        for name, overlay in self._overlays.items():
            if name not in service.spec.task.networks:
                overlay.withdraw(service)
        self._give_back(known)
        return tuple(vips)

    def withdraw(self, service: Service) -> None:
        """The service is gone: its names and VIPs with it."""
        for overlay in self._overlays.values():
            overlay.withdraw(service)
        self._give_back({link.network: link.address for link in service.vips})
        self.turns.forget(service.name)

    def place_vip(self, service: Service, network: str, place: Place) -> None:
        """Where a VIP really answers; its network's tables say so from now on."""
        self._overlays[network].place_vip(service.id, place)

    def remove(self, network: Network) -> None:
        """The network is gone, and nobody was on it."""
        overlay = self._overlays.pop(network.name, None)
        if overlay is not None:
            overlay.close()

    def link(self, task: Task, service: Service, expose: Iterable[int], *, direct: bool) -> Links:
        """Addresses for a task; `direct`: it binds its service's published ports itself."""
        names = task.spec.networks or (self._bridge(),)
        published = [port for port in service.ports if port.protocol == "tcp"]
        attachments = self._addresses(names)
        if any(port.mode == "ingress" for port in published):
            attachments.insert(0, Attachment(INGRESS, self._ingress.take()))
        source = self._real(next(link for link in attachments if link.network != INGRESS))
        listen = [(port.target, _LOCALHOST, port.published) for port in published]
        if not (direct and self.alone(task)):
            listen = []
        if listen:
            self._direct.add(task.id)
        modes = {port.mode for port in published}
        overlays = [self._overlays[name] for name in names]
        ports = tuple(dict.fromkeys((*expose, *(port.target for port in published))))
        return Links(
            attachments=tuple(attachments),
            place=self._place(source, ports),
            source=source,
            tables=tuple(overlay.table for overlay in overlays),
            subnets=tuple((o.pool.subnet, o.real_base) for o in overlays if o.real_base),
            rotations=self.turns.descriptors(),
            listen=tuple(listen),
            client=INGRESS_NODE if "ingress" in modes else BRIDGE_GATEWAY if modes else None,
            ports=ports,
        )

    def _addresses(self, names: Iterable[str]) -> list[Attachment]:
        """One of each network; all of them or, with NoAddress, none."""
        taken: list[Attachment] = []
        try:
            for name in names:
                if name not in self._overlays:
                    raise NoAddress(f"network {name} has no subnet")
                taken.append(Attachment(name, self._overlays[name].pool.take()))
        except NoAddress:
            self._give_back({link.network: link.address for link in taken})
            raise
        return taken

    def land(self, task: Task) -> list[tuple[str, str]]:
        """Networks on which this is the first task, and their balancers' new addresses."""
        landed = []
        for name in task.spec.networks:
            address = self._overlays[name].land()
            if address:
                landed.append((name, address))
        return landed

    def enter(self, task: Task, links: Links, hostname: str, *, ready: bool) -> None:
        """From now on the task's name resolves; `ready`: and its service's VIP leads to it."""
        for link in links.attachments:
            if link.network in task.spec.networks and link.network in self._overlays:
                endpoint = Endpoint(task, link.address, links.place, hostname, ready)
                self._overlays[link.network].enter(endpoint)
        self.standings.enter(Standing(task, links.place, frozenset(links.ports), ready))

    def make_ready(self, task: Task, place: Place) -> None:
        for overlay in self._of(task):
            overlay.make_ready(task, place)
        self.standings.make_ready(task)

    def leave(self, task: Task) -> None:
        """Out of every name and rotation; readers see it at their next look-up."""
        for overlay in self._of(task):
            overlay.leave(task)
        self.standings.leave(task)

    def unlink(self, task: Task) -> None:
        """Give its addresses back to their pools."""
        self._direct.discard(task.id)
        self._give_back({link.network: link.address for link in task.attachments})

    def is_direct(self, task: Task) -> bool:
        """Whether it has its service's published ports to itself."""
        return task.id in self._direct

    def vip_place(self, network: str, vip: str, ports: Iterable[int]) -> Place:
        """Where a VIP is to answer; in ports addressing each port is any that is free."""
        projection = self._overlays[network].projection
        if projection is None:
            return Place(_LOCALHOST, tuple((port, 0) for port in ports))
        return Place(projection.real(vip), self._moved(ports))

    def source(self, network: str) -> str | None:
        """Where balanced connections of a network come from (Docker's SNAT); None: the kernel's choice."""
        if network == INGRESS and self._loopback:
            if self._ingress_projection is None:
                self._ingress_projection = self._projection(INGRESS_SUBNET)
            return self._ingress_projection.real(INGRESS_NODE)
        overlay = self._overlays.get(network)
        return overlay.source if overlay else None

    def overlay(self, name: str) -> Overlay | None:
        return self._overlays.get(name)

    def close(self) -> None:
        for overlay in self._overlays.values():
            overlay.close()
        self.turns.close()
        self._claims.release()

    def _of(self, task: Task) -> list[Overlay]:
        return [self._overlays[name] for name in task.spec.networks if name in self._overlays]

    def _vip(self, pool: Pool, known: str | None) -> str:
        return pool.claim(known) if known else pool.take()

    def _give_back(self, addresses: dict[str, str]) -> None:
        for name, address in addresses.items():
            if name == INGRESS:
                self._ingress.release(address)
            elif name in self._overlays:
                self._overlays[name].pool.release(address)

    def _bridge(self) -> str:
        if BRIDGE not in self._overlays:
            self._make(BRIDGE, Pool(BRIDGE_SUBNET))
        return BRIDGE

    def _make(self, name: str, pool: Pool, endpoint: str | None = None) -> Overlay:
        projection = self._projection(pool.subnet) if self._loopback else None
        table = self._folder / f"{name}.table"
        overlay = self._overlays[name] = Overlay(name, pool, projection, table, endpoint)
        return overlay

    def _projection(self, subnet: str) -> Projection:
        """On a part of 127/8 that is ours, and where no other of our networks is."""
        made = [self._ingress_projection, *(overlay.projection for overlay in self._overlays.values())]
        taken = [projection.cidr for projection in made if projection]
        octet = Projection(subnet).octet
        for further in range(256):
            shift = further + self._claims.shift(octet + further, anywhere=self._anywhere)
            projection = Projection(subnet, shift)
            if not any(overlap(projection.cidr, other) for other in taken):
                return projection
        raise NoLoopback("no part of 127.0.0.0/8 is free for another network")

    def _real(self, link: Attachment) -> str | None:
        projection = self._overlays[link.network].projection
        return projection.real(link.address) if projection else None

    def _place(self, source: str | None, ports: Iterable[int]) -> Place:
        if source is None:
            return Place(_LOCALHOST, tuple((port, free_port()) for port in ports))
        return Place(source, self._moved(ports))

    def _moved(self, ports: Iterable[int]) -> tuple[tuple[int, int], ...]:
        return tuple((port, port + _MOVED_UP) for port in ports if port < self._lowest)


def lowest_port() -> int:
    """The first port that this process may bind."""
    if os.geteuid() == 0:
        return 0
    try:
        return int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())
    except (OSError, ValueError):
        return 1024


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_LOCALHOST, 0))
        return int(probe.getsockname()[1])
