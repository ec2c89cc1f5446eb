"""How each method chooses among peers: by load, by key, by chance, by time, by whom a client is bound to."""

from __future__ import annotations

import random
import zlib
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.nginx.upstream import Group, Peer, Turn
from emulator.nginx.upstream_hash import ConsistentTurn, HashTurn, Ring, points_of
from emulator.nginx.upstream_ip_hash import IpHashTurn, client_key
from emulator.nginx.upstream_keyed import weighed
from emulator.nginx.upstream_least_conn import LeastConnTurn
from emulator.nginx.upstream_least_time import HEADER, RESPONSE, LeastTimeTurn, average
from emulator.nginx.upstream_random import RandomTurn

Begin = Callable[[Group], Turn]


def draw_of(seed: int) -> Callable[[], int]:
    chance = random.Random(seed)
    return lambda: chance.getrandbits(32)


def ring(group: Group) -> Turn:
    return ConsistentTurn(group, b"key", Ring(group))


METHODS: dict[str, Begin] = {
    "round robin": Turn,
    "least_conn": LeastConnTurn,
    "ip_hash": lambda group: IpHashTurn(group, b"\x0a\0\1"),
    "hash": lambda group: HashTurn(group, b"key"),
    "hash consistent": ring,
    "random": lambda group: RandomTurn(group, draw_of(7), two=False),
    "random two": lambda group: RandomTurn(group, draw_of(7), two=True),
    "least_time": lambda group: LeastTimeTurn(group, HEADER, inflight=False),
    "least_time inflight": lambda group: LeastTimeTurn(group, RESPONSE, inflight=True),
}


class Tried:
    """A try of so many milliseconds."""

    def __init__(self, ms: int, until_head: int | None = None) -> None:
        self.started = 100.0
        self.header_at: float | None = 100.0 + (ms if until_head is None else until_head) / 1000 + 1e-6
        self.ended: float | None = 100.0 + ms / 1000 + 1e-6


def peers(*weights: int, **more: bool) -> list[Peer]:
    return [Peer(f"10.0.0.{i}", 80, weight=w, server=f"s{i}:80", **more) for i, w in enumerate(weights, 1)]


@st.composite
def groups(draw: st.DrawFn) -> Group:
    made = [
        Peer(
            f"10.0.0.{i}",
            80,
            weight=draw(st.integers(1, 5)),
            max_fails=draw(st.integers(0, 2)),
            max_connections=draw(st.integers(0, 3)),
            down=draw(st.booleans()),
            backup=i > 1 and draw(st.booleans()),
            server=f"s{i}:80",
        )
        for i in range(1, draw(st.integers(2, 6)) + 1)
    ]
    return Group("g", made)


@given(groups(), st.sampled_from(sorted(METHODS)), st.lists(st.booleans(), max_size=25))
def test_whatever_the_method_no_request_goes_where_it_may_not(
    group: Group, method: str, fails: list[bool]
) -> None:
    for i, failed in enumerate(fails):
        turn = METHODS[method](group)
        tried: list[Peer] = []
        while (peer := turn.next(100.0 + i)) is not None:
            assert not peer.down
            assert not peer.max_connections or peer.connections <= peer.max_connections
            assert peer not in tried, "each peer at most once"
            primaries = [each for each in group.peers if each not in tried]
            assert not peer.backup or not any(each.available(100 + i) for each in primaries)
            tried.append(peer)
            if group.single:
                break
        for peer in tried:
            turn.free(peer, 100.0 + i, failed)
    assert all(peer.connections == 0 for peer in group.peers + group.backups)


@given(groups(), st.sampled_from(sorted(METHODS)))
def test_a_request_finds_a_peer_as_long_as_there_is_one(group: Group, method: str) -> None:
    able = [peer for peer in (*group.peers, *group.backups) if peer.available(100)]
    assert (METHODS[method](group).next(100.0) is not None) is bool(able)


@pytest.mark.parametrize("method", METHODS)
def test_a_draining_peer_serves_only_who_is_bound_to_it(method: str) -> None:
    made = peers(1, 1, 1)
    made[0] = Peer("10.0.0.1", 80, draining=True, server="s1:80")
    for i, peer in enumerate(made):
        peer.sid = b"%d" % i
    group = Group("g", made)
    assert all(METHODS[method](group).next(1.0) is not made[0] for _ in range(5))
    turn = METHODS[method](group)
    turn.hint = b"0"
    assert turn.next(1.0) is made[0]
    assert turn.next(1.0) is not made[0], "a second try goes elsewhere"


def test_the_least_busy_for_its_weight_is_next() -> None:
    group = Group("g", peers(3, 1))
    held = [LeastConnTurn(group).next(1.0) for _ in range(8)]
    assert Counter(peer.host[-1] for peer in held if peer) == {"1": 6, "2": 2}


def test_equally_busy_ones_take_turns() -> None:
    group = Group("g", peers(1, 1, 1))
    seen = []
    for _ in range(6):
        turn = LeastConnTurn(group)
        peer = turn.next(1.0)
        assert peer is not None
        seen.append(peer.host[-1])
        turn.free(peer, 1.0, failed=False)
    assert "".join(seen) == "123123"


@given(st.lists(st.integers(1, 4), min_size=1, max_size=5), st.integers(0, 10**6))
def test_each_unit_of_weight_has_one_number(weights: list[int], number: int) -> None:
    made = peers(*weights)
    wanted = [peer for peer in made for _ in range(peer.weight)][number % sum(weights)]
    assert weighed(made, number) is wanted


def test_what_of_a_clients_address_counts() -> None:
    assert client_key(b"\x0a\1\2\3") == b"\x0a\1\2"
    assert client_key(b"\0" * 16) == b"\0" * 16
    assert client_key(b"unix:") == b"\0\0\0"


@given(st.binary(max_size=20), st.lists(st.integers(1, 4), min_size=2, max_size=5))
def test_the_same_key_leads_to_the_same_peer(key: bytes, weights: list[int]) -> None:
    group = Group("g", peers(*weights))
    circle = Ring(group)
    for begin in (lambda: HashTurn(group, key or b"x"), lambda: ConsistentTurn(group, key or b"x", circle)):
        assert len({begin().next(1.0) for _ in range(4)}) == 1


@given(st.sets(st.text("abc", min_size=1, max_size=4), min_size=20, max_size=40))
def test_on_the_ring_only_the_keys_of_a_peer_that_goes_move(keys: set[str]) -> None:
    made = peers(1, 1, 1, 1)
    group = Group("g", made)
    circle = Ring(group)
    before = {key: ConsistentTurn(group, key.encode(), circle).next(1.0) for key in keys}
    made[2].down = True
    for key, peer in before.items():
        after = ConsistentTurn(group, key.encode(), circle).next(1.0)
        assert after is peer or peer is made[2]


def test_points_come_from_host_and_port_and_the_point_before() -> None:
    first = zlib.crc32(b"s1\x0080" + b"\0\0\0\0")
    second = zlib.crc32(b"s1\x0080" + first.to_bytes(4, "little"))
    assert list(points_of(peers(1)))[:2] == [first, second]
    assert len(points_of(peers(2, 1))) == 480


def test_an_empty_key_is_no_key() -> None:
    group = Group("g", peers(1, 1))
    turn = [HashTurn(group, b"").next(1.0) for _ in range(4)]
    assert [peer.host[-1] for peer in turn if peer] == ["1", "2", "1", "2"]


def test_by_chance_each_peer_gets_its_weight() -> None:
    group, draw = Group("g", peers(3, 1)), draw_of(1)
    found = Counter(peer.host[-1] for _ in range(4000) if (peer := RandomTurn(group, draw, False).next(1.0)))
    assert 2800 < found["1"] < 3200


def test_of_two_the_less_busy_one_is_taken() -> None:
    group = Group("g", peers(1, 1))
    group.peers[0].connections = 5
    assert {RandomTurn(group, draw_of(seed), True).next(1.0) for seed in range(4)} == {group.peers[1]}


def test_a_slow_peer_waits_for_its_chance() -> None:
    group = Group("g", peers(1, 1))
    fast, slow = group.peers
    for peer, ms in ((fast, 5), (slow, 205)):
        turn = LeastTimeTurn(group, RESPONSE, inflight=False)
        turn.hold(peer, 100)
        turn.free(peer, 100.0, failed=False, attempt=Tried(ms))
    for second in range(100, 110):
        turn = LeastTimeTurn(group, RESPONSE, inflight=False)
        assert turn.next(float(second)) is fast
        turn.free(fast, float(second), failed=False, attempt=Tried(5))
    fast.connections = 8
    assert LeastTimeTurn(group, RESPONSE, inflight=False).next(110.0) is fast, "nine short ones are shorter"
    fast.connections = 12
    assert LeastTimeTurn(group, RESPONSE, inflight=False).next(110.0) is slow


def test_a_slow_peer_counts_half_once_it_has_rested() -> None:
    group = Group("g", peers(1))
    peer = group.peers[0]
    peer.times = [0, 400, 0, 0, 0, 0]
    peer.checked = 100
    turn = LeastTimeTurn(group, RESPONSE, inflight=False)
    assert [turn.load(peer, now) for now in (110.0, 111.0, 122.0)] == [420, 220, 120]


def test_failures_teach_nothing_about_time() -> None:
    group = Group("g", peers(1, 1))
    turn = LeastTimeTurn(group, HEADER, inflight=True)
    peer = turn.next(100.0)
    assert peer is not None
    turn.free(peer, 100.0, failed=True)
    assert peer.times == [0, 0, 0, 0, 100000, 0]


def test_what_is_in_flight_counts() -> None:
    group = Group("g", peers(1, 1))
    turns = [LeastTimeTurn(group, HEADER, inflight=True) for _ in range(2)]
    first, second = (turn.next(100.0) for turn in turns)
    assert first is not None
    assert second is not None
    turns[1].answered(second, Tried(10), 100.1)
    turns[1].free(second, 100.1, failed=False, attempt=Tried(10))
    later = LeastTimeTurn(group, HEADER, inflight=True)
    assert later.next(101.0) is second, "the other one has been silent for a second"


@given(st.integers(1, 5000), st.integers(0, 5000))
def test_an_average_lies_between_what_it_is_made_of(earlier: int, value: int) -> None:
    assert min(earlier, value) - 1 <= average(earlier, value) <= max(earlier, value) + 1


def test_the_first_value_is_the_average() -> None:
    assert average(0, 300) == 300
