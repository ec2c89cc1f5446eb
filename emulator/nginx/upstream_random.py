"""A peer by chance, or the less busy of two (ngx_http_upstream_random_module.c). Chance is an argument."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.nginx.upstream import Group, Peer, Turn
from emulator.nginx.upstream_keyed import TRIES, weighed

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.nginx.request import Request
    from emulator.nginx.upstream import Choosing

    Draw = Callable[[], int]


class RandomTurn(Turn):
    """`draw` gives a number by chance; heavier peers have more of them."""

    __slots__ = ("_draw", "_tries", "_two")

    def __init__(self, group: Group, draw: Draw, two: bool) -> None:
        super().__init__(group)
        self._draw = draw
        self._two = two
        self._tries = 0

    def choose(self, now: float) -> Peer | None:
        seconds = int(now)
        if self._tries > TRIES or len(self.peers) < 2 or self.changed:
            return self.round_robin(seconds)
        peer = self.named(seconds) or self._drawn(seconds)
        return self.round_robin(seconds) if peer is None else self.hold(peer, seconds)

    def _drawn(self, seconds: int) -> Peer | None:
        first: Peer | None = None
        while self._tries <= TRIES:
            peer = weighed(self.peers, self._draw())
            if peer is first or id(peer) in self.tried or not peer.available(seconds):
                self._tries += 1
            elif not self._two:
                return peer
            elif first is None:
                first = peer
                self._tries += 1
            else:
                busier = peer.connections * first.weight > first.connections * peer.weight
                return first if busier else peer
        return None


def compile_random(group: Group, two: bool) -> Callable[[Request], Choosing]:
    return lambda r: RandomTurn(group, r.worker.draw, two)
