"""Idle connections to upstreams, watched for their end (ngx_http_upstream_keepalive_module.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.nginx.event import WRITE
from emulator.nginx.upstreamsocket import is_silent

if TYPE_CHECKING:
    import socket

    from emulator.nginx.event import Loop, Timer
    from emulator.nginx.upstream import Group, Peer


class Idle:
    """A connection between two requests; anything that happens on it ends it."""

    __slots__ = ("born", "fd", "peer", "requests", "sock", "tls", "until", "user", "waiting")

    def __init__(self, waiting: list[Idle], sock: socket.socket, peer: str, requests: int) -> None:
        self.waiting = waiting  # where it is kept
        self.peer = peer
        self.sock = sock
        self.fd = sock.fileno()
        self.requests = requests
        self.user: object = None  # the location that used it
        self.tls: object = None  # and how that speaks TLS, if it does
        self.born = 0.0
        self.until = 0.0

    def __repr__(self) -> str:
        return f"<Idle {self.peer} after {self.requests} requests>"


class IdlePool:
    """All idle upstream connections of one worker; one timer serves them all."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._idle: dict[int, list[Idle]] = {}  # by the identity of the group; the oldest first
        self._timer: Timer | None = None

    def take(self, group: Group, user: object, tls: object, peer: Peer) -> Idle | None:
        """The most recently used connection to this peer, if one is left that is still silent.

        With `keepalive … local` only of the same location; in TLS only what has been set up as wanted here.
        """
        waiting = self._idle.get(id(group))
        if not waiting:
            return None
        address, local = peer.display, group.keepalive_local
        for i in range(len(waiting) - 1, -1, -1):
            idle = waiting[i]
            if idle.peer == address and idle.tls is tls and (not local or idle.user is user):
                del waiting[i]
                if is_silent(idle.sock):
                    return idle
                self._close(idle)
        return None

    def give(
        self,
        group: Group,
        user: object,
        tls: object,
        peer: Peer,
        sock: socket.socket,
        requests: int,
        born: float,
    ) -> None:
        """Keep a connection; the least recently used one of all the group's makes room."""
        now = self._loop.now
        if requests >= group.keepalive_requests or now - born > group.keepalive_time:
            self._loop.forget(sock.fileno())
            sock.close()
            return
        waiting = self._idle.setdefault(id(group), [])
        if len(waiting) >= group.keepalive:
            self._close(waiting.pop(0))
        idle = Idle(waiting, sock, peer.display, requests)
        idle.user, idle.tls, idle.born = user, tls, born
        idle.until = until = now + group.keepalive_timeout
        waiting.append(idle)
        self._loop.watch(idle.fd, lambda mask: self._ended(idle, mask))
        if self._timer is None or self._timer.when > until:
            self._arm(until)

    def _ended(self, idle: Idle, mask: int) -> None:
        if mask != WRITE:
            self._drop(idle)

    def _arm(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._expire)

    def _expire(self) -> None:
        self._timer = None
        now = self._loop.now
        for idle in [idle for waiting in self._idle.values() for idle in waiting if idle.until <= now]:
            self._drop(idle)
        ends = [waiting[0].until for waiting in self._idle.values() if waiting]
        if ends:
            self._arm(min(ends))

    def _drop(self, idle: Idle) -> None:
        if idle in idle.waiting:
            idle.waiting.remove(idle)
            self._close(idle)

    def _close(self, idle: Idle) -> None:
        self._loop.forget(idle.fd)
        idle.sock.close()

    def close(self) -> None:
        for waiting in self._idle.values():
            for idle in waiting:
                self._close(idle)
        self._idle.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
