"""Idle connections to upstreams."""

from __future__ import annotations

import socket

import pytest

from emulator.nginx.event import Loop
from emulator.nginx.keepalive import IdlePool
from emulator.nginx.upstream import Group, Peer


@pytest.mark.parametrize(("said", "taken"), [(b"", True), (b"HTTP/1.1 200 OK\r\n\r\n", False), (None, False)])
def test_a_connection_on_which_something_has_come_meanwhile_serves_nobody(
    said: bytes | None, taken: bool
) -> None:
    """It may come in the very turn in which the next request is handled: no event has told of it yet."""
    loop = Loop()
    pool, peer = IdlePool(loop), Peer("127.0.0.1", 80)
    group = Group("kept", [peer], keepalive=2)
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with theirs:
        loop.add(ours.fileno(), lambda mask: None)
        pool.give(group, group, peer, ours, 1)
        if said is None:
            theirs.close()
        elif said:
            theirs.send(said)
        found = pool.take(group, peer)
        assert (found is not None) is taken
        assert (ours.fileno() >= 0) is taken
        assert pool.take(group, peer) is None
    ours.close()
    pool.close()
    loop.close()
