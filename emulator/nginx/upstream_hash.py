"""The same key to the same peer (ngx_http_upstream_hash_module.c). Pure."""

from __future__ import annotations

import bisect
import zlib
from typing import TYPE_CHECKING

from emulator.nginx.conf import ENCODING
from emulator.nginx.upstream import Group, Peer, by_weight
from emulator.nginx.upstream_keyed import KeyedTurn, weighed

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.nginx.request import Request
    from emulator.nginx.upstream import Choosing
    from emulator.nginx.variables import Template

_POINTS = 160  # of each unit of weight


class HashTurn(KeyedTurn):
    """By the remainder of the key's sum; where that peer cannot serve, by the next sum (Cache::Memcached)."""

    __slots__ = ("_hash", "_rehash")

    def __init__(self, group: Group, key: bytes) -> None:
        super().__init__(group, key)
        self._rehash = 0
        self._hash = 0

    def step(self, seconds: int) -> Peer | None:
        peer = weighed(self.peers, self._next_sum())
        return peer if self.able(peer, seconds) else None

    def _next_sum(self) -> int:
        prefix = b"%d" % self._rehash if self._rehash else b""
        self._hash = self._hash + (zlib.crc32(prefix + self._key) >> 16 & 0x7FFF) & 0xFFFFFFFF
        self._rehash += 1
        return self._hash


class Ring:
    """The points of all peers on a circle, anew when a group has other ones."""

    __slots__ = ("_group", "_version", "servers", "sums")

    def __init__(self, group: Group) -> None:
        self._group = group
        self._version = 0
        self.sums: list[int] = []
        self.servers: list[str] = []

    def at(self, key: bytes) -> int:
        """The number of the first point from a key's sum on."""
        if self._version != self._group.version:
            self._version = self._group.version
            points = sorted(points_of(self._group.peers).items())
            self.sums = [number for number, _ in points]
            self.servers = [server for _, server in points]
        return bisect.bisect_left(self.sums, zlib.crc32(key))


def points_of(peers: list[Peer]) -> dict[int, str]:
    """Point -> server as written, 160 of each unit of weight, as Cache::Memcached::Fast has them."""
    found: dict[int, str] = {}
    for peer in peers:
        host, port = _parts(peer.server)
        start = zlib.crc32(host.encode(*ENCODING) + b"\0" + port.encode(*ENCODING))
        number = 0
        for _ in range(peer.weight * _POINTS):
            number = zlib.crc32(number.to_bytes(4, "little"), start)
            found.setdefault(number, peer.server)
    return found


def _parts(server: str) -> tuple[str, str]:
    if server[:5].lower() == "unix:":
        return server[5:], ""
    host, colon, port = server.rpartition(":")
    return (host, port) if colon and (port.isdigit() or not port) else (server, "")


class ConsistentTurn(KeyedTurn):
    """By the next point on the circle: few keys move when peers come or go."""

    __slots__ = ("_at", "_ring")

    def __init__(self, group: Group, key: bytes, ring: Ring) -> None:
        super().__init__(group, key)
        self._ring = ring
        self._at = -1

    def step(self, seconds: int) -> Peer | None:
        """A server with several addresses is several peers, which take turns."""
        if self._at < 0:
            self._at = self._ring.at(self._key)
        servers = self._ring.servers
        server = servers[self._at % len(servers)]
        peer = by_weight([peer for peer in self.peers if peer.server == server and self.able(peer, seconds)])
        if peer is None:
            self._at += 1
        return peer


def compile_hash(group: Group, key: Template, consistent: bool) -> Callable[[Request], Choosing]:
    if not consistent:
        return lambda r: HashTurn(group, key(r))
    ring = Ring(group)
    return lambda r: ConsistentTurn(group, key(r), ring)
