"""A group's state that all workers share (ngx_http_upstream_zone_module.c).

The peers of a group stand in its part of the zone, one record each. Who looks at them holds the lock, takes
what they say into this worker's Peers, decides, and writes back what has become of them. When addresses of
a name come or go, the version changes, and the other workers make their Peers anew.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from emulator.nginx.upstream import Peer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from emulator.nginx.upstream import Group
    from emulator.nginx.zones import Memory, Zone

_HEAD = struct.Struct("=qqq")  # the version (0: nothing yet), how many records, the last number given
_NUMBERS = struct.Struct("=" + "q" * 12)
_RECORD = struct.Struct("=qqqqq112s")  # its number, its server, its port, its weight, backup; its host
_STRIDE = _RECORD.size + _NUMBERS.size
_NO_TIMES = [0] * 6


class Address(NamedTuple):
    """Where one peer is, as a name server has it; `weight` 0: as the configuration says."""

    host: str
    port: int
    weight: int = 0
    backup: bool = False
    server: str = ""


class SharedGroup:
    """The part of a zone that one group has; a context manager, inside of which the peers are up to date."""

    __slots__ = ("_group", "_known", "_make", "_order", "_part", "_version", "_zone")

    def __init__(self, group: Group, zone: Zone, make: Callable[[int, Address], Peer]) -> None:
        self._group = group
        self._zone = zone
        self._make = make  # a peer of a server, by the server's place in the configuration
        self._part = zone.parts
        zone.parts += 1
        self._version = 0
        written = [*group.peers, *group.backups]  # which all workers number alike
        self._known: dict[int, Peer] = dict(enumerate(written, 1))
        self._order: list[int] = []

    def __enter__(self) -> None:
        self._zone.memory.__enter__()
        self._load()

    def __exit__(self, *_: object) -> None:
        try:
            self._store()
        finally:
            self._zone.memory.__exit__()

    def replace(self, server: int, found: Iterable[Address]) -> bool:
        """These are the addresses of a server now; False where there is no room for them all."""
        wanted = list(found)
        with self:
            kept = []
            for number in self._order:
                peer = self._known[number]
                if peer.origin == server and (address := _same(peer, wanted)) is not None:
                    wanted.remove(address)
                elif peer.origin == server:
                    continue
                kept.append(number)
            if kept == self._order and not wanted:
                return True
            version, _, last = _HEAD.unpack_from(self._memory.map, self._start)
            fits = wanted[: max(0, self._room - len(kept))]
            for address in fits:
                last += 1
                peer = self._known[last] = self._make(server, address)
                peer.origin = server
                kept.append(last)
            self._order = kept
            self._write_all(version + 1, last)
            self._arrange()
        return len(fits) == len(wanted)

    # the memory

    @property
    def _memory(self) -> Memory:
        return self._zone.memory

    @property
    def _size(self) -> int:
        return self._zone.size // self._zone.parts // 8 * 8

    @property
    def _start(self) -> int:
        return self._part * self._size

    @property
    def _room(self) -> int:
        return (self._size - _HEAD.size) // _STRIDE

    def _load(self) -> None:
        version, count, _ = _HEAD.unpack_from(self._memory.map, self._start)
        if not version:
            self._begin()
            return
        if version != self._version:
            self._read_all(count)
            self._version = version
        at = self._start + _HEAD.size + _RECORD.size
        for number in self._order:
            peer = self._known[number]
            (
                peer.current_weight,
                peer.effective_weight,
                peer.fails,
                peer.accessed,
                peer.checked,
                peer.connections,
                *times,
            ) = _NUMBERS.unpack_from(self._memory.map, at)
            if times != _NO_TIMES or peer.times is not None:
                peer.times = times
            at += _STRIDE

    def _store(self) -> None:
        at = self._start + _HEAD.size + _RECORD.size
        for number in self._order:
            peer = self._known[number]
            _NUMBERS.pack_into(
                self._memory.map,
                at,
                peer.current_weight,
                peer.effective_weight,
                peer.fails,
                peer.accessed,
                peer.checked,
                peer.connections,
                *(peer.times or _NO_TIMES),
            )
            at += _STRIDE

    def _begin(self) -> None:
        """The first one who looks writes down what the configuration says."""
        self._order = list(self._known)[: self._room]
        self._write_all(1, len(self._known))

    def _write_all(self, version: int, last: int) -> None:
        self._version = version
        memory, at = self._memory.map, self._start
        _HEAD.pack_into(memory, at, version, len(self._order), last)
        at += _HEAD.size
        for number in self._order:
            peer = self._known[number]
            host = peer.host.encode("utf-8", "surrogateescape")[:112]
            _RECORD.pack_into(memory, at, number, peer.origin, peer.port, peer.weight, peer.backup, host)
            at += _STRIDE

    def _read_all(self, count: int) -> None:
        memory, at = self._memory.map, self._start + _HEAD.size
        known, order = self._known, []
        for _ in range(count):
            number, server, port, weight, backup, host = _RECORD.unpack_from(memory, at)
            if number not in known:
                name = host.rstrip(b"\0").decode("utf-8", "surrogateescape")
                known[number] = self._make(server, Address(name, port, weight, bool(backup)))
                known[number].origin = server
            order.append(number)
            at += _STRIDE
        self._known = {number: known[number] for number in order}
        self._order = order
        self._arrange()

    def _arrange(self) -> None:
        self._known = {number: self._known[number] for number in self._order}
        self._group.arrange(list(self._known.values()))

    def __repr__(self) -> str:
        return f"<SharedGroup of {len(self._order)} peers in {self._zone.name!r}>"


def _same(peer: Peer, wanted: list[Address]) -> Address | None:
    return next(
        (
            each
            for each in wanted
            if (each.host, each.port, each.backup) == (peer.host, peer.port, peer.backup)
            and each.weight in (0, peer.weight)
        ),
        None,
    )
