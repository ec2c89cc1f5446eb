"""Where services answer: their VIPs in each network, and their published ports (libnetwork's routing mesh).

Rules:
1. Level triggered: after every change of a service or of its tasks, the doors that it is to have are
   worked out anew, and only what differs is opened, shut, made or given up.
2. A VIP answers on the ports that its image exposes or publishes, and on any other as soon as a task listens.
3. A published port is held for as long as the service has it, open or not, so that nobody else takes it.
4. A task that has its published ports to itself (the only nginx of a service) serves them itself: there the
   door stays shut, and opens when that task has left the rotation and its listener is closed.
5. The turn of a VIP is the one that proxies take when they dial a task directly.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from ..settings import Port
from .agent import Failed
from .balancer import Address, Balancer, reserve
from .loop import Loop, Timer
from .model import Service, Task
from .network import BRIDGE
from .networks import INGRESS, Networks
from .overlay import Place
from .standing import Standing
from .store import Change, Store

_LOCALHOST = "127.0.0.1"
# A task that is ending closes its listener within moments; what somebody else has may come free some day.
_SOON, _LATER = 0.0005, 1.0

Key = tuple[str, ...]


class Wanted(NamedTuple):
    """A door that a service is to have."""

    address: Address
    open: bool
    choose: Callable[[], Sequence[Address]]
    source: Callable[[], str | None]


class Mesh:
    """All doors of this node."""

    def __init__(
        self,
        store: Store,
        loop: Loop,
        networks: Networks,
        *,
        retry: bool,
        reserved: Callable[[int], socket.socket | None] = lambda port: None,
        note: Callable[[str], None] = lambda words: None,
    ) -> None:
        self._store, self._loop, self._networks = store, loop, networks
        self._retry, self._reserved, self._note = retry, reserved, note
        self._doors: dict[str, dict[Key, Balancer]] = {}
        self._turns: dict[Key, int] = {}
        self._dirty: dict[str, None] = {}
        self._again: dict[str, Timer] = {}
        self._told: set[Key] = set()
        networks.alone = self._alone
        networks.standings.moved = self._settle
        store.watch(self._changed)

    def hold(self, task: Task, container: str) -> None:
        """Take the host-mode ports of a task that is about to start; raises Failed."""
        service = self._store.services.get(task.service_id)
        for port in _host_ports(task, service) if service else ():
            key = ("host", task.id, str(port.published))
            doors = self._doors.setdefault(task.service_id, {})
            if key not in doors:
                try:
                    doors[key] = self._door((_LOCALHOST, port.published), lambda: (), lambda: None)
                except OSError as error:
                    raise Failed(_words(task, container, port.published, error), 128) from None

    def close(self) -> None:
        for timer in self._again.values():
            timer.cancel()
        for doors in self._doors.values():
            for door in doors.values():
                door.close()
        self._doors.clear()

    def _changed(self, change: Change) -> None:
        thing = change.object
        if isinstance(thing, Service):
            self._mark(thing.id)
        elif isinstance(thing, Task):
            self._mark(thing.service_id)

    def _mark(self, service_id: str) -> None:
        if not self._dirty:
            self._loop.call_soon(self._settle_all)
        self._dirty[service_id] = None

    def _settle_all(self) -> None:
        dirty, self._dirty = self._dirty, {}
        for service_id in dirty:
            self._settle(service_id)

    def _settle(self, service_id: str) -> None:
        service = self._store.services.get(service_id)
        wanted = dict(self._wanted(service)) if service else {}
        doors = self._doors.setdefault(service_id, {})
        for key in [key for key in doors if key not in wanted]:
            doors.pop(key).retire()
        blocked = [key for key, want in wanted.items() if not self._set(doors, key, want)]
        self._come_back(service_id, blocked)
        if service is not None:
            self._place(service, doors)
        if not doors:
            del self._doors[service_id]

    def _set(self, doors: dict[Key, Balancer], key: Key, want: Wanted) -> bool:
        """Whether this door is as it is to be."""
        if key not in doors:
            try:
                doors[key] = self._door(want.address, want.choose, want.source)
            except OSError as error:
                if key not in self._told:
                    self._told.add(key)
                    host, port = want.address
                    self._note(f"cannot answer on {host}:{port} yet: {(error.strerror or '').lower()}")
                return False
        door = doors[key]
        door.choose, door.source = want.choose, want.source
        if want.open:
            return door.open()
        door.shut()
        return True

    def _door(
        self, address: Address, choose: Callable[[], Sequence[Address]], source: Callable[[], str | None]
    ) -> Balancer:
        held = self._reserved(address[1]) if address[0] == _LOCALHOST else None
        return Balancer(self._loop, held or reserve(address), choose, source)

    def _come_back(self, service_id: str, blocked: list[Key]) -> None:
        """Try again what could not be had: at once while a task is leaving it, else now and then."""
        timer = self._again.pop(service_id, None)
        if timer is not None:
            timer.cancel()
        if not blocked:
            return
        tasks = self._store.tasks_of(service_id)
        leaving = any(self._networks.is_direct(task) and not task.state.is_final for task in tasks)
        pause = _SOON if leaving else _LATER
        self._again[service_id] = self._loop.call_later(pause, lambda: self._settle(service_id))

    def _wanted(self, service: Service) -> Iterator[tuple[Key, Wanted]]:
        ready = self._networks.standings.ready(service.id)
        yield from self._vips(service, ready)
        for port in service.ports:
            if port.protocol == "tcp" and port.mode == "ingress" and port.published:
                key = ("ingress", str(port.published))
                choose = partial(self._in_turn, key, service.id, port.target)
                wanted = bool(ready) and not self._served(service)
                source = partial(self._networks.source, INGRESS)
                yield key, Wanted((_LOCALHOST, port.published), wanted, choose, source)
        for task in self._store.tasks_of(service.id):
            yield from self._host(service, task)

    def _vips(self, service: Service, ready: list[Standing]) -> Iterator[tuple[Key, Wanted]]:
        ports = frozenset[int]().union(*(standing.ports for standing in ready))
        for network, vip in service.vips:
            if network == INGRESS or self._networks.overlay(network) is None:
                continue
            known = {int(key[2]) for key in self._doors.get(service.id, {}) if key[:2] == ("vip", network)}
            place = self._networks.vip_place(network, vip, ports | known)
            for port in sorted(ports | known):
                choose = partial(self._by_vip, service.id, service.name, port)
                source = partial(self._networks.source, network)
                want = Wanted((place.host, place.port(port)), port in ports, choose, source)
                yield ("vip", network, str(port), vip), want

    def _host(self, service: Service, task: Task) -> Iterator[tuple[Key, Wanted]]:
        if task.state.is_final:
            return
        for port in _host_ports(task, service):
            key = ("host", task.id, str(port.published))
            if key in self._doors.get(service.id, {}):
                choose = partial(self._of_task, service.id, task.id, port.target)
                source = partial(self._networks.source, BRIDGE)
                wanted = bool(choose()) and not self._networks.is_direct(task)
                yield key, Wanted((_LOCALHOST, port.published), wanted, choose, source)

    def _place(self, service: Service, doors: dict[Key, Balancer]) -> None:
        """Tell the networks where the VIPs are."""
        for network, vip in service.vips:
            overlay = self._networks.overlay(network)
            if network == INGRESS or overlay is None:
                continue
            places = {int(key[2]): door.address for key, door in doors.items() if key[:2] == ("vip", network)}
            moved = tuple((port, real) for port, (_, real) in sorted(places.items()) if real != port)
            host = self._networks.vip_place(network, vip, ()).host
            self._networks.place_vip(service, network, Place(host, moved))

    def _by_vip(self, service_id: str, name: str, port: int) -> Sequence[Address]:
        ready = self._networks.standings.ready(service_id)
        return self._from(ready, port, self._networks.turns.next(name) if ready else 0)

    def _in_turn(self, key: Key, service_id: str, port: int) -> Sequence[Address]:
        """As IPVS has it, a published port has a turn of its own."""
        turn = self._turns[key] = self._turns.get(key, 0) + 1
        return self._from(self._networks.standings.ready(service_id), port, turn)

    def _of_task(self, service_id: str, task_id: str, port: int) -> Sequence[Address]:
        ready = self._networks.standings.ready(service_id)
        return [(s.place.host, s.place.port(port)) for s in ready if s.task.id == task_id]

    def _from(self, ready: list[Standing], port: int, turn: int) -> Sequence[Address]:
        """The one whose turn it is, and who comes next if that one refuses."""
        addresses = [(standing.place.host, standing.place.port(port)) for standing in ready]
        at = turn % len(addresses) if addresses else 0
        return addresses[at:] + addresses[:at] if self._retry else addresses[at : at + 1]

    def _served(self, service: Service) -> bool:
        """Whether a task of the service listens on its published ports itself, or is about to."""
        stands = self._networks.standings.stands
        return any(
            self._networks.is_direct(task)
            and (task.desired.wants_to_run or stands(task))
            and not task.state.is_final
            for task in self._store.tasks_of(service.id)
        )

    def _alone(self, task: Task) -> bool:
        others = (other for other in self._store.tasks_of(task.service_id) if other.id != task.id)
        return not any(other.is_up for other in others)


def _host_ports(task: Task, service: Service) -> tuple[Port, ...]:
    ports = task.ports or service.ports
    return tuple(p for p in ports if p.mode == "host" and p.protocol == "tcp" and p.published)


def _words(task: Task, container: str, port: int, error: OSError) -> str:
    reason = f"listen tcp4 0.0.0.0:{port}: bind: {(error.strerror or '').lower()}"
    return (
        "starting container failed: driver failed programming external connectivity on endpoint "
        f"{task.name} ({container}): Error starting userland proxy: {reason}"
    )
