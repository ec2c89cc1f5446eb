"""All networks of the engine: addresses for services and tasks, and what links a task to them.

On loopback addressing a task is where its first network's projection puts it; a port below the
machine's unprivileged ones moves up by 8000 there. In ports addressing it is on 127.0.0.1 with a free
port for each that its image exposes.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from ..tasknamespace import Rotation
from .claims import Claims
from .model import Attachment, Network, Service, Task
from .network import BRIDGE, BRIDGE_GATEWAY, BRIDGE_SUBNET, INGRESS_NODE, INGRESS_SUBNET, Pool, Projection
from .overlay import Endpoint, Overlay, Place

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

    @property
    def address(self) -> str | None:
        """The task's own address in the container's terms: of its first network but ingress."""
        own = [link.address for link in self.attachments if link.network != INGRESS]
        return own[0] if own else None


class Networks:
    """Overlays by name, and the bridge for tasks that have none."""

    def __init__(self, folder: Path, *, loopback: bool, anywhere: bool = False) -> None:
        self._folder, self._loopback, self._anywhere = folder, loopback, anywhere
        self._claims = Claims()
        self._overlays: dict[str, Overlay] = {}
        self._rotations: dict[str, Rotation] = {}
        self._ingress = Pool(INGRESS_SUBNET, taken=[INGRESS_NODE])
        self._lowest = lowest_port()

    def create(self, network: Network) -> Overlay:
        """Claims its projection; the table is there before any task is."""
        return self._make(network.name, network.subnet)

    def serve(self, service: Service) -> tuple[Attachment, ...]:
        """The service's VIPs, ingress first, as Docker's allocator orders them; those that it has stay."""
        vips: list[Attachment] = []
        known = {link.network: link.address for link in service.vips}
        by_vip = service.spec.endpoint_mode == "vip"
        if by_vip and any(port.mode == "ingress" for port in service.spec.ports):
            vips.append(Attachment(INGRESS, known.pop(INGRESS, "") or self._ingress.take()))
        for name in service.spec.task.networks:
            overlay = self._overlays[name]
            vip = known.pop(name, "") or overlay.pool.take() if by_vip else None
            if vip:
                vips.append(Attachment(name, vip))
            overlay.serve(service, vip)
        if service.name not in self._rotations:
            self._rotations[service.name] = Rotation.create(service.name)
        for name, address in known.items():
            self._give_back(service, Attachment(name, address))
        return tuple(vips)

    def withdraw(self, service: Service) -> None:
        """The service is gone: its names and VIPs with it."""
        for name in service.spec.task.networks:
            self._overlays[name].withdraw(service)
        for link in service.vips:
            self._give_back(service, link)

    def remove(self, network: Network) -> None:
        """The network is gone, and nobody was on it."""
        overlay = self._overlays.pop(network.name, None)
        if overlay is not None:
            overlay.close()

    def _give_back(self, service: Service, link: Attachment) -> None:
        if link.network == INGRESS:
            self._ingress.release(link.address)
            return
        overlay = self._overlays[link.network]
        overlay.pool.release(link.address)
        if link.network not in service.spec.task.networks:
            overlay.withdraw(service)

    def link(self, task: Task, service: Service, expose: Iterable[int], *, direct: bool) -> Links:
        """Addresses for a task; `direct`: it binds its service's published ports itself."""
        names = task.spec.networks or (self._bridge(),)
        published = [port for port in service.ports if port.protocol == "tcp"]
        attachments = [Attachment(name, self._overlays[name].pool.take()) for name in names]
        if any(port.mode == "ingress" for port in published):
            attachments.insert(0, Attachment(INGRESS, self._ingress.take()))
        source = self._real(next(link for link in attachments if link.network != INGRESS))
        listen = [(port.target, _LOCALHOST, port.published) for port in published] if direct else []
        modes = {port.mode for port in published}
        overlays = [self._overlays[name] for name in names]
        return Links(
            attachments=tuple(attachments),
            place=self._place(source, expose, listen),
            source=source,
            tables=tuple(overlay.table for overlay in overlays),
            subnets=tuple((o.pool.subnet, o.real_base) for o in overlays if o.real_base),
            rotations=tuple((name, made.descriptor) for name, made in self._rotations.items()),
            listen=tuple(listen),
            client=INGRESS_NODE if "ingress" in modes else BRIDGE_GATEWAY if modes else None,
        )

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
            if link.network in task.spec.networks:
                endpoint = Endpoint(task, link.address, links.place, hostname, ready)
                self._overlays[link.network].enter(endpoint)

    def make_ready(self, task: Task, place: Place) -> None:
        for name in task.spec.networks:
            self._overlays[name].make_ready(task, place)

    def leave(self, task: Task) -> None:
        """Out of every name and rotation; readers see it at their next look-up."""
        for name in task.spec.networks:
            self._overlays[name].leave(task)

    def unlink(self, task: Task) -> None:
        """Give its addresses back to their pools."""
        for link in task.attachments:
            pool = self._ingress if link.network == INGRESS else self._overlays[link.network].pool
            pool.release(link.address)

    def overlay(self, name: str) -> Overlay | None:
        return self._overlays.get(name)

    def close(self) -> None:
        for overlay in self._overlays.values():
            overlay.close()
        for rotation in self._rotations.values():
            rotation.close()
        self._claims.release()

    def _bridge(self) -> str:
        if BRIDGE not in self._overlays:
            self._make(BRIDGE, BRIDGE_SUBNET)
        return BRIDGE

    def _make(self, name: str, subnet: str) -> Overlay:
        projection = None
        if self._loopback:
            octet = Projection(subnet).octet
            projection = Projection(subnet, self._claims.shift(octet, anywhere=self._anywhere))
        overlay = Overlay(name, subnet, projection, self._folder / f"{name}.table")
        self._overlays[name] = overlay
        return overlay

    def _real(self, link: Attachment) -> str | None:
        projection = self._overlays[link.network].projection
        return projection.real(link.address) if projection else None

    def _place(self, source: str | None, expose: Iterable[int], listen: list[tuple[int, str, int]]) -> Place:
        if listen:
            return Place(_LOCALHOST, tuple((port, number) for port, _, number in listen))
        if source is None:
            return Place(_LOCALHOST, tuple((port, free_port()) for port in expose))
        moved = [(port, port + _MOVED_UP) for port in expose if port < self._lowest]
        return Place(source, tuple(moved))


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
