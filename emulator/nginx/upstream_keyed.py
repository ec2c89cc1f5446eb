"""What the ways of choosing by a key have in common: step by step to a peer that can serve. Pure."""

from __future__ import annotations

from abc import abstractmethod

from emulator.nginx.upstream import Group, Peer, Turn

TRIES = 20  # after so many steps of a key, round robin has its turn


class KeyedTurn(Turn):
    """A key leads to a peer; a kind of turn says where its next step goes."""

    __slots__ = ("_key", "_tries")

    def __init__(self, group: Group, key: bytes) -> None:
        super().__init__(group)
        self._key = key
        self._tries = 0

    def choose(self, now: float) -> Peer | None:
        seconds = int(now)
        if self._tries > TRIES or len(self.peers) < 2 or not self._key or self.changed:
            return self.round_robin(seconds)
        bound = self.named(seconds)
        if bound is not None:
            return self.hold(bound, seconds)
        while True:
            peer = self.step(seconds)
            if peer is not None:
                return self.hold(peer, seconds)
            self._tries += 1
            if self._tries > TRIES:
                return self.round_robin(seconds)

    @abstractmethod
    def step(self, seconds: int) -> Peer | None:
        """The peer to which the key leads now; None if it cannot serve, and the next step is to be tried."""


def weighed(peers: list[Peer], number: int) -> Peer:
    """The peer on whose share of all weights a number falls."""
    rest = number % sum(peer.weight for peer in peers)
    for peer in peers:
        rest -= peer.weight
        if rest < 0:
            break
    return peer
