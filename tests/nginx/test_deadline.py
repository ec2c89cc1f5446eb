"""A deadline moves at every step and costs a timer only when it comes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from emulator.nginx.deadline import Deadline
from emulator.nginx.event import Loop

from .serving import Clock


class Rig:
    """A deadline of no connection, on a loop whose clock stands still."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.loop = Loop(clock=self.clock)
        self.deadline = Deadline(self.loop, None)  # type: ignore[arg-type]
        self.seen: list[str] = []

    def set(self, delay: float, name: str = "x") -> None:
        self.deadline.set(delay, lambda: self.seen.append(name))

    def pass_time(self, seconds: float) -> None:
        self.clock.now += seconds
        self.loop.post(lambda: None)
        self.loop.turn()

    @property
    def timers(self) -> int:
        return sum(timer.callback is not None for timer in self.loop._timers)


@pytest.fixture
def rig() -> Iterator[Rig]:
    made = Rig()
    yield made
    made.loop.close()


def test_it_comes_once(rig: Rig) -> None:
    rig.set(2.0)
    rig.pass_time(1.0)
    assert rig.seen == []
    rig.pass_time(1.5)
    rig.pass_time(10.0)
    assert rig.seen == ["x"]


def test_moving_it_back_takes_no_new_timer_and_it_comes_at_the_later_moment(rig: Rig) -> None:
    rig.set(2.0)
    for _ in range(100):
        rig.pass_time(0.01)
        rig.set(2.0)
        assert rig.timers == 1
    rig.pass_time(1.5)
    assert rig.seen == []
    rig.pass_time(1.0)
    assert rig.seen == ["x"]


def test_moving_it_forward_brings_it_sooner(rig: Rig) -> None:
    rig.set(60.0, "late")
    rig.set(1.0, "soon")
    rig.pass_time(1.5)
    assert rig.seen == ["soon"]
    rig.pass_time(100.0)
    assert rig.seen == ["soon"]


def test_a_cleared_one_does_not_come_and_can_be_set_again(rig: Rig) -> None:
    rig.set(1.0, "first")
    rig.deadline.clear()
    rig.pass_time(2.0)
    rig.set(1.0, "second")
    rig.pass_time(2.0)
    assert rig.seen == ["second"]


def test_a_closed_one_leaves_no_timer_and_no_connection(rig: Rig) -> None:
    rig.set(1.0)
    rig.deadline.close()
    assert rig.timers == 0
    assert rig.deadline.connection is None
    rig.pass_time(2.0)
    assert rig.seen == []


def test_it_may_be_set_from_its_own_callback(rig: Rig) -> None:
    rig.deadline.set(1.0, lambda: rig.set(1.0, "again"))
    rig.pass_time(1.5)
    rig.pass_time(1.5)
    assert rig.seen == ["again"]


def test_its_description_says_when(rig: Rig) -> None:
    assert repr(rig.deadline) == "<Deadline clear>"
    rig.set(1.5)
    assert repr(rig.deadline) == "<Deadline in 1.500 s>"
