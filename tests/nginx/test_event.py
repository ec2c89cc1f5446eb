"""The event loop: edges, timers by a clock that stands still, and one fault that does not end the turn."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from emulator.nginx.event import HANGUP, PEER_CLOSED, READ, WRITE, Loop

from .serving import Clock, Turning


class Rig(Turning):
    """A loop, its faults, and what was noted."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.faults: list[tuple[object, Exception]] = []
        self.loop = Loop(lambda callback, error: self.faults.append((callback, error)), self.clock)
        self.seen: list[str] = []

    def note(self, name: str) -> None:
        self.seen.append(name)


@pytest.fixture
def rig() -> Iterator[Rig]:
    made = Rig()
    yield made
    made.loop.close()


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    pair = socket.socketpair()
    for sock in pair:
        sock.setblocking(False)
    yield pair
    for sock in pair:
        sock.close()


def test_room_is_reported_from_when_it_is_asked_for(
    rig: Rig, ends: tuple[socket.socket, socket.socket]
) -> None:
    near, far = ends
    rig.loop.add_arrivals(near.fileno(), lambda mask: rig.note(f"{mask & (READ | WRITE)}"))
    far.send(b"x")
    rig.turn()
    assert rig.seen == [f"{READ}"]
    rig.loop.add_room(near.fileno())
    rig.turn()
    assert rig.seen[1:] == [f"{READ | WRITE}"]


def test_timers_fire_in_the_order_of_their_moments(rig: Rig) -> None:
    for name, delay in (("late", 3.0), ("soon", 1.0), ("later", 5.0)):
        rig.loop.call_later(delay, lambda name=name: rig.note(name))  # type: ignore[misc]
    rig.turn(0.5)
    assert rig.seen == []
    rig.turn(3.0)
    assert rig.seen == ["soon", "late"]
    rig.turn(3.0)
    assert rig.seen == ["soon", "late", "later"]


def test_a_cancelled_timer_does_nothing(rig: Rig) -> None:
    timer = rig.loop.call_later(1.0, lambda: rig.note("x"))
    timer.cancel()
    rig.turn(2.0)
    assert rig.seen == []


def test_a_timer_that_is_due_fires_once(rig: Rig) -> None:
    rig.loop.call_later(1.0, lambda: rig.note("x"))
    rig.turn(2.0)
    rig.turn(2.0)
    assert rig.seen == ["x"]


def test_a_timer_set_by_a_timer_may_fire_in_the_same_turn_when_it_is_due(rig: Rig) -> None:
    rig.loop.call_later(1.0, lambda: rig.loop.call_at(rig.clock.now, lambda: rig.note("inner")) and None)
    rig.turn(2.0)
    assert rig.seen == ["inner"]


def test_thousands_of_cancelled_timers_are_not_kept(rig: Rig) -> None:
    for _ in range(50_000):
        rig.loop.call_later(60.0, lambda: None).cancel()
    assert len(rig.loop._timers) < 10_000


def test_what_is_posted_runs_at_the_end_of_the_turn_and_what_it_posts_in_the_next(rig: Rig) -> None:
    rig.loop.post(lambda: rig.loop.post(lambda: rig.note("second")))
    rig.loop.call_at(rig.clock.now, lambda: rig.note("timer"))
    rig.turn()
    assert rig.seen == ["timer"]
    rig.turn()
    assert rig.seen == ["timer", "second"]


def test_an_edge_is_reported_once(rig: Rig, ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    masks: list[int] = []
    rig.loop.add(ours.fileno(), masks.append)
    rig.turn()
    assert masks == [WRITE]
    theirs.send(b"x")
    rig.turn()
    rig.turn()
    assert masks[1:] == [READ | WRITE], "unread octets alone are no new edge"
    theirs.send(b"y")
    rig.turn()
    assert len(masks) == 3


def test_a_listener_is_reported_as_long_as_something_waits(rig: Rig) -> None:
    reading, writing = os.pipe()
    masks: list[int] = []
    rig.loop.add_listener(reading, masks.append)
    os.write(writing, b"x")
    rig.turn()
    rig.turn()
    assert masks == [READ, READ]
    rig.loop.remove(reading)
    rig.turn()
    assert len(masks) == 2
    os.close(reading)
    os.close(writing)


def test_a_peer_that_stops_sending_is_reported(rig: Rig, ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    masks: list[int] = []
    rig.loop.add(ours.fileno(), masks.append)
    rig.turn()
    theirs.shutdown(socket.SHUT_WR)
    rig.turn()
    assert masks[-1] & PEER_CLOSED
    theirs.close()
    rig.turn()
    assert masks[-1] & HANGUP


def test_events_go_to_whoever_took_them_over_and_to_nobody_once_forgotten(
    rig: Rig, ends: tuple[socket.socket, socket.socket]
) -> None:
    ours, theirs = ends
    first: list[int] = []
    second: list[int] = []
    rig.loop.add(ours.fileno(), first.append)
    rig.turn()
    rig.loop.watch(ours.fileno(), second.append)
    theirs.send(b"x")
    rig.turn()
    assert (len(first), len(second)) == (1, 1)
    rig.loop.forget(ours.fileno())
    theirs.send(b"y")
    rig.turn()
    assert (len(first), len(second)) == (1, 1)


def test_a_handler_may_forget_another_one_of_the_same_turn(rig: Rig) -> None:
    pairs = [socket.socketpair() for _ in range(2)]
    fds = [pair[0].fileno() for pair in pairs]

    def handler(mask: int) -> None:
        rig.note("event")
        for fd in fds:
            rig.loop.forget(fd)

    for fd in fds:
        rig.loop.add(fd, handler)
    rig.turn()
    assert rig.seen == ["event"]
    for pair in pairs:
        for sock in pair:
            sock.close()


def test_what_a_handler_raises_is_told_with_the_handler_and_the_turn_goes_on(
    rig: Rig, ends: tuple[socket.socket, socket.socket]
) -> None:
    def fail(*mask: int) -> None:
        raise ValueError("mine")

    rig.loop.add(ends[0].fileno(), fail)
    rig.loop.call_at(rig.clock.now, fail)
    rig.loop.post(fail)
    rig.loop.post(lambda: rig.note("after"))
    rig.turn()
    assert [str(error) for _, error in rig.faults] == ["mine"] * 3
    assert {callback for callback, _ in rig.faults} == {fail}
    assert rig.seen == ["after"]


def test_without_anybody_to_tell_a_fault_is_raised() -> None:
    loop = Loop()
    loop.post(lambda: 1 // 0 and None)
    with pytest.raises(ZeroDivisionError):
        loop.turn()
    loop.close()


def test_the_loop_runs_until_it_is_stopped(rig: Rig) -> None:
    rig.loop.post(lambda: rig.note("one"))
    rig.loop.post(rig.loop.stop)
    rig.loop.run()
    assert rig.seen == ["one"]


def test_what_was_reported_of_a_closed_descriptor_is_not_told_to_the_next_with_its_number() -> None:
    loop = Loop()
    pairs = [socket.socketpair() for _ in range(2)]
    opened: list[socket.socket] = []
    told: list[int] = []

    def first_reported(mask: int) -> None:
        # whichever comes first closes the other, whose number goes to a new socket at once
        for sock, peer in pairs:
            loop.forget(sock.fileno())
            sock.close()
            peer.close()
        for _ in range(2):
            opened.extend(socket.socketpair())
        for sock in opened:
            sock.setblocking(False)
            loop.add(sock.fileno(), told.append)

    for sock, peer in pairs:
        sock.setblocking(False)
        loop.add(sock.fileno(), first_reported)
        peer.close()
    try:
        loop.turn()
        assert opened
        assert told == []
        opened[1].send(b"x")
        loop.turn()
        assert told
    finally:
        for sock in opened:
            sock.close()
        loop.close()
