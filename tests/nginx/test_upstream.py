"""Whose turn it is: smooth weighted round robin, failures that heal, backups."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from emulator.nginx.upstream import Group, Peer, Turn


def peers(*weights: int) -> list[Peer]:
    return [Peer(f"10.0.0.{i}", 80, weight=weight) for i, weight in enumerate(weights, 1)]


def turn(group: Group, now: float = 0.0, *, failed: bool = False) -> str | None:
    """One request that goes to one peer."""
    begun = Turn(group)
    peer = begun.next(now)
    if peer is None:
        return None
    begun.free(peer, now, failed)
    return peer.host.rpartition(".")[2]


def turns(group: Group, count: int, now: float = 0.0) -> str:
    return "".join(turn(group, now) or "-" for _ in range(count))


def test_equal_peers_take_turns() -> None:
    assert turns(Group("g", peers(1, 1, 1)), 7) == "1231231"


def test_a_heavier_peer_comes_more_often_but_not_in_a_row() -> None:
    assert turns(Group("g", peers(5, 1, 1)), 7) == "1121311"


@given(st.lists(st.integers(1, 9), min_size=2, max_size=5))
def test_over_one_round_each_peer_gets_its_weight(weights: list[int]) -> None:
    group = Group("g", peers(*weights))
    found = Counter(turns(group, sum(weights)))
    assert found == {str(i): weight for i, weight in enumerate(weights, 1)}


@given(st.lists(st.integers(1, 5), min_size=2, max_size=4), st.lists(st.booleans(), max_size=30))
def test_every_connection_is_counted_until_it_is_over(weights: list[int], fails: list[bool]) -> None:
    group = Group("g", peers(*weights))
    held = []
    for i, failed in enumerate(fails):
        peer = Turn(group).next(float(i))
        if peer is not None:
            held.append(peer)
        if failed and held:
            Turn(group).free(held.pop(0), float(i), True)
        assert sum(peer.connections for peer in group.peers) == len(held)


class Weighing(Turn):
    """A kind of turn of its own, for which no cycle is made."""


_STEPS = st.lists(
    st.tuples(st.sampled_from([0, 0, 0, 1, 20]), st.lists(st.booleans(), max_size=2)), max_size=60
)


@given(st.sampled_from([(1, 1), (1, 1, 1), (3, 3, 3), (2, 2, 2, 2), (1, 2, 1)]), _STEPS)
def test_a_cycle_is_what_weighing_each_time_would_be(
    weights: tuple[int, ...], steps: list[tuple[int, list[bool]]]
) -> None:
    chosen = []
    for kind in (Turn, Weighing):
        group, now, hosts = Group("g", peers(*weights)), 0.0, []
        for pause, fails in steps:
            now += pause
            begun = kind(group)
            for failed in [*fails, False]:
                peer = begun.next(now)
                hosts.append(peer and peer.host)
                if peer is not None:
                    begun.free(peer, now, failed)
        chosen.append(hosts)
    assert chosen[0] == chosen[1]


def test_one_request_goes_to_each_peer_once() -> None:
    group = Group("g", peers(1, 1, 1))
    begun = Turn(group)
    hosts = [peer.host if peer else None for peer in (begun.next(0.0) for _ in range(4))]
    assert hosts == ["10.0.0.1", "10.0.0.2", "10.0.0.3", None]


def test_a_peer_that_failed_is_left_out_for_a_while_and_then_tried_again() -> None:
    group = Group("g", peers(1, 1))
    assert turn(group, 100.0, failed=True) == "1"
    assert turns(group, 4, 105.0) == "2222"
    assert turns(group, 1, 110.9) == "2", "whole seconds count"
    assert turns(group, 6, 111.0) == "221212", "its weight comes back step by step"


def test_going_out_of_the_rotation_is_told_once_it_happens() -> None:
    group = Group("g", [Peer("10.0.0.1", 80, max_fails=2), Peer("10.0.0.2", 80)])
    first = group.peers[0]
    told = []
    for now in (100.0, 101.0):
        first.connections += 1
        told.append(Turn(group).free(first, now, True))
    assert told == [False, True]


def test_one_success_wipes_out_what_failed_before_it() -> None:
    group = Group("g", [Peer("10.0.0.1", 80, max_fails=2, fail_timeout=10), Peer("10.0.0.2", 80, down=True)])
    assert turn(group, 100.0, failed=True) == "1"
    assert turn(group, 120.0) == "1"
    assert group.peers[0].fails == 0


def test_without_a_limit_of_failures_a_peer_stays() -> None:
    group = Group("g", [Peer("10.0.0.1", 80, max_fails=0), Peer("10.0.0.2", 80, down=True)])
    for _ in range(5):
        assert turn(group, 100.0, failed=True) == "1"


def test_backups_come_only_when_no_other_peer_is_left() -> None:
    group = Group("g", [Peer("10.0.0.1", 80), Peer("10.0.0.9", 80, backup=True)])
    assert turns(group, 3, 50.0) == "111"
    turn(group, 100.0, failed=True)
    assert turns(group, 2, 101.0) == "99"


def test_a_peer_that_is_down_never_serves() -> None:
    group = Group("g", [Peer("10.0.0.1", 80, down=True), Peer("10.0.0.2", 80)])
    assert turns(group, 3) == "222"
    assert group.tries == 1


def test_a_peer_takes_no_more_connections_than_it_may() -> None:
    group = Group("g", [Peer("10.0.0.1", 80, max_connections=1), Peer("10.0.0.2", 80, max_connections=1)])
    picked = [Turn(group).next(0.0) for _ in range(3)]
    assert [peer.host if peer else None for peer in picked] == ["10.0.0.1", "10.0.0.2", None]


def test_a_single_peer_is_never_left_out_whatever_fails() -> None:
    group = Group("webapp", peers(1))
    for _ in range(20):
        assert turn(group, 100.0, failed=True) == "1"


def test_nobody_is_left_when_all_have_failed() -> None:
    group = Group("g", peers(1, 1))
    turn(group, 100.0, failed=True)
    turn(group, 100.0, failed=True)
    assert turn(group, 101.0) is None


def test_an_ipv6_address_is_shown_in_brackets_and_a_socket_by_its_path() -> None:
    assert Peer("::1", 80).display == "[::1]:80"
    assert Peer("unix:/run/x", 0).display == "unix:/run/x"
