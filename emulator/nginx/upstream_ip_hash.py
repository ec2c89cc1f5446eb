"""The same network of clients to the same peer (ngx_http_upstream_ip_hash_module.c). Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.nginx.getters import binary_address
from emulator.nginx.upstream import Group, Peer, Turn

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.nginx.request import Request
    from emulator.nginx.upstream import Choosing

TRIES = 20  # after so many steps of a key, round robin has its turn


class IpHashTurn(Turn):
    """Of an IPv4 address three octets count, of an IPv6 one all, of a socket's client none."""

    __slots__ = ("_hash", "_octets", "_tries")

    def __init__(self, group: Group, octets: bytes) -> None:
        super().__init__(group)
        self._octets = octets
        self._hash = 89
        self._tries = 0

    def choose(self, now: float) -> Peer | None:
        seconds = int(now)
        if self._tries > TRIES or len(self.peers) < 2 or self.changed:
            return self.round_robin(seconds)
        bound = self.named(seconds)
        if bound is not None:
            return self.hold(bound, seconds)
        key = self._hash
        while True:
            for octet in self._octets:
                key = (key * 113 + octet) % 6271
            peer = weighed(self.peers, key)
            if id(peer) not in self.tried and peer.available(seconds):
                self._hash = key
                return self.hold(peer, seconds)
            self._tries += 1
            if self._tries > TRIES:
                return self.round_robin(seconds)


def weighed(peers: list[Peer], number: int) -> Peer:
    """The peer on whose share of all weights a number falls."""
    rest = number % sum(peer.weight for peer in peers)
    for peer in peers:
        rest -= peer.weight
        if rest < 0:
            break
    return peer


def client_key(address: bytes) -> bytes:
    """What of a client's address counts."""
    return address[:3] if len(address) == 4 else address if len(address) == 16 else b"\0\0\0"


def compile_ip_hash(group: Group) -> Callable[[Request], Choosing]:
    return lambda r: IpHashTurn(group, client_key(binary_address(r)))
