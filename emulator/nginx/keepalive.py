"""Idle connections to upstreams (ngx_http_upstream_keepalive_module.c): kept per group, watched for their end."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emulator.nginx.event import Loop, Timer
    from emulator.nginx.upstream import Group, Peer


class Idle:
    """A connection between two requests; anything that happens on it ends it."""

    __slots__ = ("fd", "peer", "pool", "requests", "sock", "timer")

    def __init__(self, pool: object, peer: Peer, sock: socket.socket, requests: int) -> None:
        self.pool = pool
        self.peer = peer
        self.sock = sock
        self.fd = sock.fileno()
        self.requests = requests
        self.timer: Timer | None = None


class IdlePool:
    """All idle upstream connections of one worker."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._idle: dict[int, list[Idle]] = {}

    def take(self, pool: object, peer: Peer) -> Idle | None:
        """The most recently used connection to this peer, if one is left that is still silent."""
        waiting = self._idle.get(id(pool))
        if not waiting:
            return None
        for i in range(len(waiting) - 1, -1, -1):
            if waiting[i].peer.display == peer.display:
                idle = waiting.pop(i)
                if idle.timer is not None:
                    idle.timer.cancel()
                return idle
        return None

    def give(self, pool: object, group: Group, peer: Peer, sock: socket.socket, requests: int) -> None:
        """Keep a connection; the least recently used one makes room."""
        if requests >= group.keepalive_requests:
            self._loop.forget(sock.fileno())
            sock.close()
            return
        waiting = self._idle.setdefault(id(pool), [])
        if len(waiting) >= group.keepalive:
            self._close(waiting.pop(0))
        idle = Idle(pool, peer, sock, requests)
        waiting.append(idle)
        idle.timer = self._loop.call_later(group.keepalive_timeout, lambda: self._expire(idle))
        self._loop.watch(idle.fd, lambda mask: self._expire(idle) if mask != 4 else None)

    def _expire(self, idle: Idle) -> None:
        waiting = self._idle.get(id(idle.pool), [])
        if idle in waiting:
            waiting.remove(idle)
            self._close(idle)

    def _close(self, idle: Idle) -> None:
        if idle.timer is not None:
            idle.timer.cancel()
        self._loop.forget(idle.fd)
        idle.sock.close()

    def close(self) -> None:
        for waiting in self._idle.values():
            for idle in waiting:
                self._close(idle)
        self._idle.clear()
