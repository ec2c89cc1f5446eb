"""Groups of peers and who is next: smooth weighted round robin (ngx_http_upstream_round_robin.c).

Pure: `now` is an argument, of which whole seconds count, as in nginx. A group with one peer neither counts
failures nor has another to try: behind a swarm's VIP there is always exactly one. Other ways of choosing
are kinds of a Turn, each in a module of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from typing import Protocol

    from emulator.nginx.request import Request
    from emulator.nginx.upstream_names import Names

    class Tried(Protocol):
        """What is known of one try, in the loop's seconds (an Attempt)."""

        started: float
        header_at: float | None
        ended: float | None

    class Choosing(Protocol):
        """One request's way through the peers of a group."""

        hint: bytes

        def next(self, now: float) -> Peer | None: ...
        def answered(self, peer: Peer, attempt: Tried, now: float) -> None: ...
        def free(self, peer: Peer, now: float, failed: bool, attempt: Tried | None = None) -> bool: ...


class Peer:
    """One address of a group, in the container's terms."""

    __slots__ = (
        "accessed",
        "backup",
        "checked",
        "connections",
        "current_weight",
        "display",
        "down",
        "draining",
        "effective_weight",
        "fail_timeout",
        "fails",
        "host",
        "max_connections",
        "max_fails",
        "origin",
        "port",
        "route",
        "server",
        "sid",
        "times",
        "weight",
    )

    def __init__(
        self,
        host: str,
        port: int,
        *,
        weight: int = 1,
        max_fails: int = 1,
        fail_timeout: float = 10.0,
        max_connections: int = 0,
        backup: bool = False,
        down: bool = False,
        draining: bool = False,
        server: str = "",
        route: str = "",
    ) -> None:
        self.host = host
        self.port = port
        if host.startswith("unix:"):
            self.display = host
        else:
            self.display = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self.origin = 0  # its server's place in the configuration
        self.server = server  # as it is written in the configuration
        self.weight = weight
        self.effective_weight = weight
        self.current_weight = 0
        self.max_fails = max_fails
        self.fail_timeout = fail_timeout
        self.max_connections = max_connections
        self.backup = backup
        self.down = down or draining
        self.draining = draining and not down  # only who is bound to it comes here
        self.route = route
        self.sid = b""  # what a sticky session knows it by
        self.times: list[int] | None = None  # what least_time measures
        self.fails = 0
        self.accessed = 0
        self.checked = 0
        self.connections = 0

    def available(self, seconds: int) -> bool:
        return not self.down and self.takes_more(seconds)

    def takes_more(self, seconds: int) -> bool:
        """Whether it has neither failed of late nor as many connections as it may."""
        if self.max_fails and self.fails >= self.max_fails and seconds - self.checked <= self.fail_timeout:
            return False
        return not (self.max_connections and self.connections >= self.max_connections)

    def __repr__(self) -> str:
        return f"<Peer {self.display} fails={self.fails} connections={self.connections}>"


class Group:
    """The peers behind one name; `keepalive` is how many idle connections to them are kept.

    `begin` makes the Turn of a request; None where there is one peer and nothing to decide.
    """

    __slots__ = (
        "backups",
        "begin",
        "cycle",
        "display",
        "keepalive",
        "keepalive_local",
        "keepalive_requests",
        "keepalive_time",
        "keepalive_timeout",
        "name",
        "names",
        "peers",
        "single",
        "state",
        "tries",
        "version",
    )

    def __init__(self, name: str, peers: Sequence[Peer], *, keepalive: int = 0) -> None:
        self.name = name
        self.display = name
        self.version = 0
        self.arrange(peers)
        self.begin: Callable[[Request], Choosing] | None = None if self.single else self.turn
        self.state: AbstractContextManager[None] | None = None  # what workers share of it
        self.names: Names | None = None  # what is resolved at run time
        self.keepalive = keepalive
        self.keepalive_local = False
        self.keepalive_requests = 1000
        self.keepalive_time = 3600.0
        self.keepalive_timeout = 60.0

    def arrange(self, peers: Sequence[Peer]) -> None:
        """Take these peers, at first or when the addresses of a name have changed."""
        self.peers = [peer for peer in peers if not peer.backup]
        self.backups = [peer for peer in peers if peer.backup]
        self.single = len(self.peers) == 1 and not self.backups
        # how many peers one request may go to (ngx_http_upstream_tries)
        self.tries = sum(not peer.down for peer in peers)
        self.cycle: Cycle | None = None  # while nothing but the turn decides
        self.version += 1

    def turn(self, r: Request | None = None) -> Turn:
        """A turn by round robin."""
        return Turn(self)

    def only(self) -> Peer | None:
        """The one peer of a group that has no other; None: no live upstreams."""
        peer = self.peers[0]
        if peer.down or (peer.max_connections and peer.connections >= peer.max_connections):
            return None
        peer.connections += 1
        return peer

    def __repr__(self) -> str:
        return f"<Group {self.name} {self.peers + self.backups}>"


class Cycle:
    """Peers of one weight of which none has failed: smooth weighting then is taking turns.

    What it makes of their current weights is only written down when somebody looks: half the bytecodes of a
    choice among three.
    """

    __slots__ = ("_order", "_taken")

    def __init__(self, order: Sequence[Peer]) -> None:
        self._order = order
        self._taken = 0

    @classmethod
    def of(cls, peers: Sequence[Peer]) -> Cycle | None:
        """None where more than the turn decides."""
        order = sorted(peers, key=lambda peer: -peer.current_weight)  # of equals the first one first
        weight = order[0].weight
        if any(peer.weight != weight or peer.effective_weight != weight for peer in peers):
            return None
        spread = order[0].current_weight - order[-1].current_weight
        return cls(order) if spread < weight * len(order) else None

    def next(self) -> Peer:
        order, taken = self._order, self._taken
        self._taken = taken + 1
        return order[taken % len(order)]

    def settle(self) -> None:
        """Give the peers the weights that they would have."""
        count = len(self._order)
        rounds, begun = divmod(self._taken, count)
        for place, peer in enumerate(self._order):
            peer.current_weight += peer.weight * (self._taken - count * (rounds + (place < begun)))
        self._taken = 0


def by_weight(able: Sequence[Peer], bound: Peer | None = None) -> Peer | None:
    """The one of these whose turn it is; where another is `bound`, it takes that turn (smooth weighting)."""
    best: Peer | None = None
    total = 0
    most = 0
    for peer in able:
        weight = peer.effective_weight
        peer.current_weight = current = peer.current_weight + weight
        total += weight
        if weight < peer.weight:
            peer.effective_weight = weight + 1
        if best is None or current > most:
            best, most = peer, current
    best = bound or best
    if best is not None:
        best.current_weight -= total
    return best


class Turn:
    """One request's way through the peers, each at most once (ngx_http_upstream_rr_peer_data_t)."""

    __slots__ = ("_version", "group", "hint", "peers", "tried")

    def __init__(self, group: Group) -> None:
        self.group = group
        self.peers = group.peers
        self.tried: set[int] = set()
        self.hint = b""  # the peer that a sticky session names
        self._version = group.version if group.state is None else -1

    def next(self, now: float) -> Peer | None:
        """The peer to go to; None: no live upstreams."""
        group = self.group
        if group.state is None:
            return self.choose(now)
        with group.state:
            if self._version < 0:
                self.peers, self._version = group.peers, group.version
            return self.choose(now)

    def choose(self, now: float) -> Peer | None:
        """What a kind of turn decides; the state of the peers is held meanwhile."""
        cycle = self.group.cycle
        if cycle is None or self.tried or self.hint:
            return self.round_robin(int(now))
        peer = cycle.next()
        self.tried.add(id(peer))
        peer.connections += 1
        return peer

    @property
    def changed(self) -> bool:
        """The group has other peers now than when the request began."""
        return self._version != self.group.version

    def round_robin(self, seconds: int) -> Peer | None:
        if self._version != self.group.version:
            return None
        peer = self._single(seconds) if self.group.single else self._weighted(seconds)
        if peer is None and self.to_backups():
            return self.round_robin(seconds)
        return peer

    def to_backups(self) -> bool:
        """From now on the backup peers are meant, if there are any."""
        backups = self.group.backups
        if self.peers is backups or not backups:
            return False
        self.peers = backups
        self.tried.clear()
        return True

    def _single(self, seconds: int) -> Peer | None:
        peer = self.named(seconds) or (self.peers[0] if self.peers else None)
        if peer is None or (peer.down and not (self.hint and peer.sid == self.hint and peer.draining)):
            return None
        if peer.max_connections and peer.connections >= peer.max_connections:
            return None
        peer.connections += 1
        return peer

    def named(self, seconds: int) -> Peer | None:
        """The peer that a session is bound to, if it may serve (ngx_http_upstream_get_rr_peer_by_sid)."""
        if not self.hint:
            return None
        peer = next((peer for peer in self.peers if peer.sid == self.hint), None)
        if peer is None or id(peer) in self.tried or (peer.down and not peer.draining):
            return None
        return peer if peer.takes_more(seconds) else None

    def _weighted(self, seconds: int) -> Peer | None:
        self._settle()
        bound = self.named(seconds) if self.hint else None
        if bound is not None and bound.current_weight <= bound.weight - sum(p.weight for p in self.peers):
            return self.hold(bound, seconds)  # it has had enough: this one is not counted
        able = self._able(seconds)
        best = by_weight(able, bound)
        if able is self.group.peers and bound is None and type(self) is Turn and self.group.state is None:
            self.group.cycle = Cycle.of(able)
        return None if best is None else self.hold(best, seconds)

    def _settle(self) -> None:
        cycle = self.group.cycle
        if cycle is not None:
            cycle.settle()
            self.group.cycle = None

    def _able(self, seconds: int) -> Sequence[Peer]:
        """Those that may serve; where none has failed or a limit, that takes no closer look."""
        peers = self.peers
        if not self.tried:
            for peer in peers:
                if peer.fails or peer.down or peer.max_connections:
                    break
            else:
                return peers
        return [peer for peer in peers if self.able(peer, seconds)]

    def able(self, peer: Peer, seconds: int) -> bool:
        """Whether a peer may serve, and has not been tried."""
        return id(peer) not in self.tried and peer.available(seconds)

    def hold(self, peer: Peer, seconds: int) -> Peer:
        """This peer it is."""
        self.tried.add(id(peer))
        peer.connections += 1
        if seconds - peer.checked > peer.fail_timeout:
            peer.checked = seconds
        return peer

    def answered(self, peer: Peer, attempt: Tried, now: float) -> None:
        """The head of an answer that will be the client's has come; few kinds of turns care."""

    def free(self, peer: Peer, now: float, failed: bool, attempt: Tried | None = None) -> bool:
        """A try is over; True if its peer is now out of the rotation for a while (log it).

        `attempt` is given where it was the last one, and no other peer follows.
        """
        state = self.group.state
        if state is None:
            self.measure(peer, now, attempt)
            return self._free(peer, int(now), failed)
        with state:
            self.measure(peer, now, attempt)
            return self._free(peer, int(now), failed)

    def measure(self, peer: Peer, now: float, attempt: Tried | None) -> None:
        """Learn from a try that is over; few kinds of turns do."""

    def _free(self, peer: Peer, seconds: int, failed: bool) -> bool:
        peer.connections = max(0, peer.connections - 1)
        if self.group.single:
            peer.fails = 0
            return False
        if not failed:
            if peer.accessed < peer.checked:
                peer.fails = 0
            return False
        self._settle()
        peer.fails += 1
        peer.accessed = peer.checked = seconds
        if not peer.max_fails:
            return False
        peer.effective_weight = max(0, peer.effective_weight - peer.weight // peer.max_fails)
        return peer.fails >= peer.max_fails
