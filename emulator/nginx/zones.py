"""Zones of memory that all workers share (ngx_shared_memory_add), and what is counted in them.

A zone is a table of records by key. nginx keeps keys as they are, in a tree with a queue of the least
recently used; here a key is its hash, which is the same in all workers, as they are forks of one process,
and eight records share a place: when it is full, the oldest of them goes. A worker that dies leaves the
lock to the others, because the kernel takes it back.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
import tempfile
from typing import TYPE_CHECKING, NamedTuple

from emulator.nginx.conf import ConfError
from emulator.nginx.directives import BadValue
from emulator.nginx.values import size as as_size

if TYPE_CHECKING:
    from emulator.nginx.directives import Block

SMALLEST = 8 * 4096  # eight pages
_STATE = 128  # what nginx needs for one key, about
_WAYS = 8
_RECORD = struct.Struct("=qqqq")  # key (0: free), when it was last seen, excess, how many hold it
_PLACE = struct.Struct("=" + "qqqq" * _WAYS)


class Record(NamedTuple):
    """What is known of one key; `last` in milliseconds, `excess` in thousandths of a request."""

    last: int = 0
    excess: int = 0
    holders: int = 0


class Memory:
    """So many octets that all workers share; use it as a context manager, which is the lock."""

    __slots__ = ("_fd", "map", "size")

    def __init__(self, size: int) -> None:
        if hasattr(os, "memfd_create"):
            self._fd = os.memfd_create("zone")
        else:
            self._fd = os.dup(tempfile.TemporaryFile().fileno())  # noqa: SIM115
        os.ftruncate(self._fd, size)
        self.map = mmap.mmap(self._fd, size)
        self.size = size

    def __enter__(self) -> None:
        fcntl.lockf(self._fd, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        fcntl.lockf(self._fd, fcntl.LOCK_UN)


class Table(Memory):
    """Records in shared memory."""

    __slots__ = ("_memory", "_places")

    def __init__(self, size: int) -> None:
        self._places = max(1, size // (_STATE * _WAYS))
        super().__init__(self._places * _PLACE.size)
        self._memory = self.map

    def find(self, key: bytes) -> int | None:
        """Where the record of a key is."""
        number, at = self._where(key)
        keys = _PLACE.unpack_from(self._memory, at)[::4]
        return at + keys.index(number) * _RECORD.size if number in keys else None

    def add(self, key: bytes) -> int | None:
        """A record for a new key, maybe that of the oldest one nobody holds; None if all are held."""
        number, at = self._where(key)
        best: tuple[int, int] | None = None
        for place in range(at, at + _PLACE.size, _RECORD.size):
            taken, last, _, count = _RECORD.unpack_from(self._memory, place)
            age = last if taken else -1
            if not (taken and count) and (best is None or age < best[0]):
                best = (age, place)
        if best is None:
            return None
        _RECORD.pack_into(self._memory, best[1], number, 0, 0, 0)
        return best[1]

    def _where(self, key: bytes) -> tuple[int, int]:
        number = hash(key) or 1
        return number, number % self._places * _PLACE.size

    def read(self, place: int) -> Record:
        return Record(*_RECORD.unpack_from(self._memory, place)[1:])

    def write(self, place: int, record: Record) -> None:
        struct.pack_into("=qqq", self._memory, place + 8, *record)

    def free(self, place: int) -> None:
        """Forget a key."""
        _RECORD.pack_into(self._memory, place, 0, 0, 0, 0)

    def __repr__(self) -> str:
        return f"<Table of {self._places * _WAYS} records>"


class Zone:
    """A zone as declared: `use` is the directive that gives it a key, `rate` in thousandths a second."""

    __slots__ = ("key", "memory", "name", "parts", "rate", "size", "table", "use")

    def __init__(self, name: str, use: str) -> None:
        self.name, self.use = name, use
        self.size = 0
        self.key: str | None = None
        self.rate = 0
        self.parts = 0  # how many groups share it
        self.table: Table
        self.memory: Memory  # of an upstream's zones, which have no table

    def __repr__(self) -> str:
        return f"<Zone {self.name!r} of {self.use}, {self.size} octets>"


def declare(block: Block, name: str, size: int, use: str) -> Zone:
    """As ngx_shared_memory_add; `size` 0 is for those who only use it, maybe before it has one."""
    zone: Zone = block.state.zones.setdefault(f"zone {name}", Zone(name, use))
    if zone.use != use:
        raise BadValue(f'the shared memory zone "{name}" is already declared for a different use')
    zone.size = zone.size or size
    if size and size != zone.size:
        raise BadValue(
            f'the size {size} of shared memory zone "{name}" conflicts with already declared size {zone.size}'
        )
    return zone


def bind(block: Block, zone_text: str, key: str, use: str) -> Zone:
    """Give a zone, `zone=name:size`, its key."""
    name, size = parse_zone(zone_text)
    zone = declare(block, name, size, use)
    if zone.key is not None:
        raise BadValue(f'{use} "{name}" is already bound to key "{zone.key}"')
    zone.key = key
    return zone


def parse_zone(text: str) -> tuple[str, int]:
    """What `zone=name:size` says."""
    name, colon, size_text = text.removeprefix("zone=").partition(":")
    size = as_size(size_text) if colon else None
    if size is None:
        raise BadValue(f'invalid zone size "{text}"')
    if size < SMALLEST:
        raise BadValue(f'zone "{text}" is too small')
    return name, size


def allocate(zones: dict[str, Zone], earlier: dict[str, Zone]) -> None:
    """Get the zones their memory; one that was there before keeps what it holds, unless it is of peers."""
    for zone in zones.values():
        old = earlier.get(zone.name)
        if old is None or (old.use, old.size) != (zone.use, zone.size) or zone.use == "upstream":
            _get_memory(zone)
            continue
        if old.key != zone.key:
            raise ConfError(_other_key(zone, old))
        if zone.use == "sticky":
            zone.memory = old.memory
        else:
            zone.table = old.table


def _get_memory(zone: Zone) -> None:
    if zone.use in ("upstream", "sticky"):
        zone.memory = Memory(zone.size)
    else:
        zone.table = Table(zone.size)


def _other_key(zone: Zone, old: Zone) -> str:
    if zone.use == "sticky":
        return (
            f'sticky zone "{zone.name}" is used in upstream "{zone.key}" '
            f'while previously it was used in upstream "{old.key}"'
        )
    what = "limit_req" if zone.use == "limit_req_zone" else zone.use
    return f'{what} "{zone.name}" uses the "{zone.key}" key while previously it used the "{old.key}" key'
