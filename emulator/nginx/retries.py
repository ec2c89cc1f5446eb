"""Whether a request that one peer has failed goes to another (proxy_next_upstream and its limits). Pure."""

from __future__ import annotations

from typing import Protocol

# answers that may be as good as none
STATUSES = frozenset((403, 404, 429, 500, 502, 503, 504))
_NON_IDEMPOTENT = frozenset((b"POST", b"LOCK", b"PATCH"))


def status_of(kind: str) -> int:
    """The status that the client gets for a failure that nothing repairs."""
    if kind == "timeout":
        return 504
    return int(kind[5:]) if kind.startswith("http_") else 502


class Limits(Protocol):
    """What a location says of it."""

    next_upstream: frozenset[str]
    next_tries: int
    next_timeout: float


class Retries:
    """What one request has left, as ngx_http_upstream_next decides it."""

    __slots__ = ("_limits", "_method", "_single", "_started", "left")

    def __init__(self, limits: Limits, peers: int, single: bool, method: bytes, now: float) -> None:
        self._limits = limits
        self.left = min(peers, limits.next_tries) if limits.next_tries else peers
        self._single = single
        self._method = method
        self._started = now

    def use_up(self) -> None:
        """A try has failed; a group of one has no other."""
        self.left = 0 if self._single else self.left - 1

    def allow(self, kind: str, now: float, begun: bool) -> bool:
        """Whether this may be repaired elsewhere; `begun`: the peer has seen some of the request."""
        limits = self._limits
        if kind not in limits.next_upstream:
            return False
        if begun and self._method in _NON_IDEMPOTENT and "non_idempotent" not in limits.next_upstream:
            return False
        return not (limits.next_timeout and now - self._started >= limits.next_timeout)
