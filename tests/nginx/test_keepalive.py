"""Idle upstream connections: the latest is used first, the oldest goes first, and none outlives its peer."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from emulator.nginx.event import Loop
from emulator.nginx.keepalive import IdlePool
from emulator.nginx.upstream import Group, Peer

from .serving import Clock, Turning


class Rig(Turning):
    """A pool, a group of two peers, and connections whose far ends the test holds."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.loop = Loop(clock=self.clock)
        self.pool = IdlePool(self.loop)
        self.peers = [Peer("10.0.0.1", 80), Peer("10.0.0.2", 80)]
        self.group = Group("two", self.peers, keepalive=2)
        self.group.keepalive_requests = 3
        self.group.keepalive_timeout = 60.0
        self.far: list[socket.socket] = []

    def give(
        self,
        peer: int = 0,
        requests: int = 1,
        user: object = None,
        age: float = 0.0,
        tls: object = None,
    ) -> socket.socket:
        near, far = socket.socketpair()
        near.setblocking(False)
        self.far.append(far)
        self.loop.add(near.fileno(), lambda mask: None)
        self.turn()
        self.pool.give(self.group, user, tls, self.peers[peer], near, requests, self.clock.now - age)
        return near

    def take(self, peer: int = 0, user: object = None, tls: object = None) -> socket.socket | None:
        idle = self.pool.take(self.group, user, tls, self.peers[peer])
        if idle is not None:
            self.loop.forget(idle.fd)
        return idle.sock if idle is not None else None


@pytest.fixture
def rig() -> Iterator[Rig]:
    made = Rig()
    yield made
    made.pool.close()
    for sock in made.far:
        sock.close()
    made.loop.close()


def is_closed(sock: socket.socket) -> bool:
    return sock.fileno() < 0


def test_the_most_recently_used_connection_serves_next(rig: Rig) -> None:
    first, second = rig.give(), rig.give()
    assert rig.take() is second
    assert rig.take() is first
    assert rig.take() is None
    first.close()
    second.close()


def test_a_connection_serves_only_its_own_peer(rig: Rig) -> None:
    rig.give(0)
    assert rig.take(1) is None


def test_only_so_many_are_kept_and_the_oldest_goes(rig: Rig) -> None:
    connections = [rig.give() for _ in range(3)]
    assert [is_closed(sock) for sock in connections] == [True, False, False]


def test_a_connection_ends_after_its_last_request(rig: Rig) -> None:
    assert is_closed(rig.give(requests=3))
    assert rig.take() is None


def test_a_connection_that_is_old_enough_is_not_kept(rig: Rig) -> None:
    rig.group.keepalive_time = 60.0
    assert is_closed(rig.give(age=60.1))
    assert not is_closed(rig.give(age=60.0))


def test_locations_share_the_connections_of_a_group(rig: Rig) -> None:
    kept = rig.give(user="one")
    assert rig.take(user="other") is kept
    kept.close()


def test_a_connection_in_tls_serves_only_who_wants_it_so(rig: Rig) -> None:
    plain, secure = rig.give(), rig.give(tls="verified")
    assert rig.take(tls="otherwise") is None
    assert rig.take() is plain
    assert rig.take() is None
    assert rig.take(tls="verified") is secure
    plain.close()
    secure.close()


def test_local_connections_serve_their_own_location_only_but_share_the_room(rig: Rig) -> None:
    rig.group.keepalive_local = True
    first, second = rig.give(user="one"), rig.give(user="other")
    assert rig.take(user="nobody") is None
    assert rig.take(user="one") is first
    rig.give(user="one")
    rig.give(user="one")
    assert is_closed(second), "the least recently used of all makes room"
    first.close()


@pytest.mark.parametrize("octets", [b"", b"unasked"])
def test_a_connection_on_which_anything_happens_is_closed(rig: Rig, octets: bytes) -> None:
    near = rig.give()
    if octets:
        rig.far[0].send(octets)
    else:
        rig.far[0].close()
    rig.turn()
    assert is_closed(near)
    assert rig.take() is None


def test_each_connection_lasts_as_long_as_it_may_and_no_longer(rig: Rig) -> None:
    first = rig.give()
    rig.turn(40.0)
    second = rig.give()
    rig.turn(30.0)
    assert [is_closed(sock) for sock in (first, second)] == [True, False]
    rig.turn(40.0)
    assert is_closed(second)


def test_any_number_of_connections_takes_one_timer(rig: Rig) -> None:
    for _ in range(50):
        rig.give(requests=1)
    assert sum(timer.callback is not None for timer in rig.loop._timers) == 1


def test_closing_the_pool_closes_all(rig: Rig) -> None:
    connections = [rig.give(), rig.give(1)]
    rig.pool.close()
    assert all(map(is_closed, connections))


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
        pool.give(group, None, None, peer, ours, 1, loop.now)
        if said is None:
            theirs.close()
        elif said:
            theirs.send(said)
        found = pool.take(group, None, None, peer)
        assert (found is not None) is taken
        assert (ours.fileno() >= 0) is taken
        assert pool.take(group, None, None, peer) is None
    ours.close()
    pool.close()
    loop.close()
