"""The same network of clients to the same peer (ngx_http_upstream_ip_hash_module.c). Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.nginx.getters import binary_address
from emulator.nginx.upstream_keyed import KeyedTurn, weighed

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.nginx.request import Request
    from emulator.nginx.upstream import Choosing, Group, Peer


class IpHashTurn(KeyedTurn):
    """Of an IPv4 address three octets count, of an IPv6 one all, of a socket's client none."""

    __slots__ = ("_hash",)

    def __init__(self, group: Group, octets: bytes) -> None:
        super().__init__(group, octets)
        self._hash = 89

    def step(self, seconds: int) -> Peer | None:
        for octet in self._key:
            self._hash = (self._hash * 113 + octet) % 6271
        peer = weighed(self.peers, self._hash)
        return peer if self.able(peer, seconds) else None


def client_key(address: bytes) -> bytes:
    """What of a client's address counts."""
    return address[:3] if len(address) == 4 else address if len(address) == 16 else b"\0\0\0"


def compile_ip_hash(group: Group) -> Callable[[Request], Choosing]:
    return lambda r: IpHashTurn(group, client_key(binary_address(r)))
