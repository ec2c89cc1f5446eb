"""A group's state in a zone: whoever looks, from whichever worker, sees the same."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.nginx.conf import ConfError
from emulator.nginx.upstream import Group, Peer, Turn
from emulator.nginx.upstream_least_time import HEADER, LeastTimeTurn
from emulator.nginx.upstream_sticky import Sessions
from emulator.nginx.upstream_zone import Address, SharedGroup
from emulator.nginx.zones import Memory, Zone, allocate


def worker(zone: Zone, names: tuple[str, ...] = ("a", "b", "c")) -> tuple[Group, SharedGroup]:
    """The group as one worker has it: all begin with the same configuration."""
    peers = [Peer(name, 80) for name in names]
    for place, peer in enumerate(peers):
        peer.origin = place
    group = Group("g", peers)
    share = group.state = SharedGroup(group, zone, lambda place, where: Peer(where.host, where.port))
    return group, share


@pytest.fixture
def zone() -> Zone:
    made = Zone("z", "upstream")
    made.size = 65536
    made.memory = Memory(made.size)
    return made


def workers(zone: Zone, count: int) -> list[tuple[Group, SharedGroup]]:
    """All have the same part of the zone, as after a fork."""
    found = [worker(zone) for _ in range(count)]
    for _, share in found:
        share._part = 0
    zone.parts = 1
    return found


def test_the_rotation_goes_on_whoever_serves(zone: Zone) -> None:
    groups = [group for group, _ in workers(zone, 2)]
    seen = []
    for i in range(6):
        turn = Turn(groups[i % 2])
        peer = turn.next(1.0)
        assert peer is not None
        seen.append(peer.host)
        turn.free(peer, 1.0, failed=False)
    assert seen == ["a", "b", "c", "a", "b", "c"]


def test_what_failed_for_one_has_failed_for_all(zone: Zone) -> None:
    (one, _), (other, _) = workers(zone, 2)
    turn = Turn(one)
    peer = turn.next(100.0)
    assert peer is not None
    turn.free(peer, 100.0, failed=True)
    assert {found.host for _ in range(6) if (found := Turn(other).next(101.0))} == {"b", "c"}


def test_connections_are_counted_together(zone: Zone) -> None:
    (one, first), (other, second) = workers(zone, 2)
    turns = [Turn(group) for group in (one, other, one)]
    held = [turn.next(1.0) for turn in turns]
    with second:
        assert sum(peer.connections for peer in other.peers) == 3
    for turn, peer in zip(turns, held, strict=True):
        assert peer is not None
        turn.free(peer, 1.0, failed=False)
    with first:
        assert sum(peer.connections for peer in one.peers) == 0


def test_times_are_measured_together(zone: Zone) -> None:
    (one, _), (other, second) = workers(zone, 2)
    peer = LeastTimeTurn(one, HEADER, inflight=True).next(5.0)
    assert peer is not None
    with second:
        assert other.peers[0].times == [0, 0, 0, 0, 5000, 1]


def test_addresses_that_one_finds_serve_all(zone: Zone) -> None:
    (one, first), (other, second) = workers(zone, 2)
    assert Turn(other).next(1.0) is not None
    kept = one.peers[0]
    assert first.replace(1, [Address("x", 81), Address("y", 81)])
    with second:
        assert [peer.display for peer in other.peers] == ["a:80", "c:80", "x:81", "y:81"]
    assert first.replace(1, [Address("y", 81)])
    with second:
        assert [peer.display for peer in other.peers] == ["a:80", "c:80", "y:81"]
    assert one.peers[0] is kept


def test_a_request_that_began_with_other_peers_finds_none(zone: Zone) -> None:
    (one, first), _ = workers(zone, 2)
    turn = Turn(one)
    assert turn.next(1.0) is not None
    first.replace(2, [])
    assert turn.next(1.0) is None
    assert Turn(one).next(1.0) is not None


def test_a_peer_that_is_gone_may_still_be_let_go_of(zone: Zone) -> None:
    (one, first), _ = workers(zone, 2)
    turn = Turn(one)
    peer = turn.next(1.0)
    first.replace(0, [])
    assert peer is not None
    turn.free(peer, 1.0, failed=True)
    assert [each.connections for each in one.peers] == [0, 0]


def test_there_is_room_for_so_many_and_no_more(zone: Zone) -> None:
    zone.size = 4096
    (one, first), _ = workers(zone, 2)
    assert not first.replace(0, [Address(f"h{i}", 80) for i in range(100)])
    with first:
        assert 3 < len(one.peers) < 40


def test_two_groups_of_a_zone_have_a_part_each(zone: Zone) -> None:
    (one, first), (other, second) = worker(zone), worker(zone, ("x", "y"))
    with first, second:
        pass
    first.replace(0, [Address(f"h{i}", 80) for i in range(10_000)])
    with second:
        assert [peer.host for peer in other.peers] == ["x", "y"]
    with first:
        assert one.peers[-1].host.startswith("h")


@given(st.lists(st.integers(0, 2), min_size=1, max_size=20))
def test_processes_take_turns_without_losing_one(order: list[int]) -> None:
    zone = Zone("z", "upstream")
    zone.size = 32768
    zone.memory = Memory(zone.size)
    found = workers(zone, 3)
    for i in order:
        assert Turn(found[i][0]).next(1.0) is not None
    with found[0][1]:
        assert sum(peer.connections for peer in found[0][0].peers) == len(order)


def test_a_forked_worker_shares_with_the_one_it_came_from(zone: Zone) -> None:
    group, share = worker(zone)
    child = os.fork()
    if not child:
        Turn(group).next(1.0)
        os._exit(0)
    os.waitpid(child, 0)
    with share:
        assert [peer.connections for peer in group.peers] == [1, 0, 0]


def declared(use: str, key: str | None = None) -> dict[str, Zone]:
    made = Zone("z", use)
    made.size, made.key = 32768, key
    return {"z": made}


def test_a_reload_begins_anew_with_peers_but_keeps_sessions() -> None:
    for use, kept in (("upstream", False), ("sticky", True)):
        before, after = declared(use, "a"), declared(use, "a")
        allocate(before, {})
        allocate(after, before)
        assert (after["z"].memory is before["z"].memory) is kept


def test_sessions_stay_with_their_group() -> None:
    before, after = declared("sticky", "a"), declared("sticky", "b")
    allocate(before, {})
    said = 'sticky zone "z" is used in upstream "b" while previously it was used in upstream "a"'
    with pytest.raises(ConfError, match=said):
        allocate(after, before)


def test_a_session_is_found_until_it_is_too_old() -> None:
    sessions = Sessions(Memory(32768), timeout=1000)
    sessions.note(b"one", b"peer", 5000, create=False)
    assert sessions.find(b"one", 5000) == b"", "only an answer creates one"
    sessions.note(b"one", b"peer", 5000, create=True)
    assert sessions.find(b"one", 6000) == b"peer"
    assert sessions.find(b"one", 6001) == b""
    sessions.note(b"one", b"other", 5500, create=False)
    assert sessions.find(b"one", 6500) == b"other"


def test_the_oldest_sessions_make_room() -> None:
    sessions = Sessions(Memory(32768), timeout=10**9)
    for i in range(5000):
        sessions.note(b"%d" % i, b"p%d" % i, i, create=True)
    assert sessions.find(b"4999", 5000) == b"p4999"
    assert sessions.find(b"0", 5000) == b""
