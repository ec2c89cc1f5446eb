"""The peer with the fewest connections for its weight (ngx_http_upstream_least_conn_module.c). Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.nginx.upstream import Group, Peer, Turn

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.nginx.request import Request
    from emulator.nginx.upstream import Choosing


class LeastConnTurn(Turn):
    """Where several are equal, those take turns."""

    __slots__ = ()

    def choose(self, now: float) -> Peer | None:
        seconds = int(now)
        if self.group.single:
            return self.round_robin(seconds)
        if self.changed:
            return None
        peer = self.named(seconds) or self._least(seconds, now)
        if peer is not None:
            return self.hold(peer, seconds)
        return self.choose(now) if self.to_backups() else None

    def load(self, peer: Peer, now: float) -> int:
        """What a peer has to do."""
        return peer.connections

    def _least(self, seconds: int, now: float) -> Peer | None:
        able = [
            (peer, self.load(peer, now))
            for peer in self.peers
            if id(peer) not in self.tried and peer.available(seconds)
        ]
        if not able:
            return None
        best, least = able[0]
        for peer, load in able:
            if load * best.weight < least * peer.weight:
                best, least = peer, load
        return _next_of([peer for peer, load in able if load * best.weight == least * peer.weight])


def _next_of(equal: list[Peer]) -> Peer:
    """Whose turn it is among equals; one that has none is not counted."""
    best, total = equal[0], 0
    if len(equal) > 1:
        for peer in equal:
            peer.current_weight += peer.effective_weight
            total += peer.effective_weight
            if peer.effective_weight < peer.weight:
                peer.effective_weight += 1
            if peer.current_weight > best.current_weight:
                best = peer
    best.current_weight -= total
    return best


def compile_least_conn(group: Group) -> Callable[[Request], Choosing]:
    return lambda r: LeastConnTurn(group)
