"""The peer with the fewest connections for its weight (ngx_http_upstream_least_conn_module.c). Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.nginx.upstream import Group, Peer, Turn, by_weight

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
        able = [(peer, self.load(peer, now)) for peer in self.peers if self.able(peer, seconds)]
        if not able:
            return None
        best, least = able[0]
        for peer, load in able:
            if load * best.weight < least * peer.weight:
                best, least = peer, load
        equal = [peer for peer, load in able if load * best.weight == least * peer.weight]
        return by_weight(equal) if len(equal) > 1 else best  # one that has no equal is not counted


def compile_least_conn(group: Group) -> Callable[[Request], Choosing]:
    return lambda r: LeastConnTurn(group)
