"""Groups of peers and who is next: smooth weighted round robin (ngx_http_upstream_round_robin.c).

Pure: `now` is an argument. A group with one peer neither counts failures nor has another to try, as in
nginx: behind a swarm's VIP there is always exactly one.
"""

from __future__ import annotations

from collections.abc import Sequence


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
        "effective_weight",
        "fail_timeout",
        "fails",
        "host",
        "max_connections",
        "max_fails",
        "port",
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
    ) -> None:
        self.host = host
        self.port = port
        if host.startswith("unix:"):
            self.display = host
        else:
            self.display = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self.weight = weight
        self.effective_weight = weight
        self.current_weight = 0
        self.max_fails = max_fails
        self.fail_timeout = fail_timeout
        self.max_connections = max_connections
        self.backup = backup
        self.down = down
        self.fails = 0
        self.accessed = 0.0
        self.checked = 0.0
        self.connections = 0

    def available(self, now: float) -> bool:
        if self.down:
            return False
        if self.max_fails and self.fails >= self.max_fails and now - self.checked <= self.fail_timeout:
            return False
        return not (self.max_connections and self.connections >= self.max_connections)

    def __repr__(self) -> str:
        return f"<Peer {self.display} fails={self.fails} connections={self.connections}>"


class Group:
    """The peers behind one name; `keepalive` is how many idle connections to them are kept."""

    __slots__ = (
        "backups",
        "display",
        "idle",
        "keepalive",
        "keepalive_local",
        "keepalive_requests",
        "keepalive_time",
        "keepalive_timeout",
        "name",
        "peers",
        "single",
    )

    def __init__(self, name: str, peers: Sequence[Peer], *, keepalive: int = 0) -> None:
        self.name = name
        self.display = name
        self.peers = [peer for peer in peers if not peer.backup]
        self.backups = [peer for peer in peers if peer.backup]
        self.single = len(self.peers) == 1 and not self.backups and not self.peers[0].down
        self.keepalive = keepalive
        self.keepalive_local = False
        self.keepalive_requests = 1000
        self.keepalive_time = 3600.0
        self.keepalive_timeout = 60.0
        self.idle: list[object] = []

    @property
    def tries(self) -> int:
        """How many peers one request may go to (ngx_http_upstream_tries)."""
        return sum(not peer.down for peer in self.peers) + sum(not peer.down for peer in self.backups) or 1

    def pick(self, now: float, tried: set[int]) -> Peer | None:
        """The next peer that this request has not tried; None: no live upstreams."""
        if self.single:
            peer = self.peers[0]
            if peer.max_connections and peer.connections >= peer.max_connections:
                return None
            peer.connections += 1
            return peer
        best = self._best(self.peers, now, tried)
        if best is None and self.backups:
            best = self._best(self.backups, now, tried)
        if best is None:
            return None
        tried.add(id(best))
        best.connections += 1
        if now - best.checked > best.fail_timeout:
            best.checked = now
        return best

    @staticmethod
    def _best(peers: list[Peer], now: float, tried: set[int]) -> Peer | None:
        best: Peer | None = None
        total = 0
        for peer in peers:
            if id(peer) in tried or not peer.available(now):
                continue
            peer.current_weight += peer.effective_weight
            total += peer.effective_weight
            if peer.effective_weight < peer.weight:
                peer.effective_weight += 1
            if best is None or peer.current_weight > best.current_weight:
                best = peer
        if best is not None:
            best.current_weight -= total
        return best

    def free(self, peer: Peer, now: float, failed: bool) -> bool:
        """A connection to a peer is over; True if it is now out of the rotation for a while (log it)."""
        peer.connections -= 1
        if self.single:
            return False
        if not failed:
            if peer.accessed < peer.checked:
                peer.fails = 0
            return False
        peer.fails += 1
        peer.accessed = now
        peer.checked = now
        if peer.max_fails:
            peer.effective_weight = max(0, peer.effective_weight - peer.weight // peer.max_fails)
        return bool(peer.max_fails) and peer.fails >= peer.max_fails

    def __repr__(self) -> str:
        return f"<Group {self.name} {self.peers + self.backups}>"
