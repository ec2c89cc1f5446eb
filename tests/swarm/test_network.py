"""Addresses in Docker's order, projected onto loopback, and claimed so that two runs do not meet."""

from __future__ import annotations

import subprocess
import sys
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.swarm.claims import Claims
from emulator.swarm.model import Network
from emulator.swarm.network import NoAddress, Pool, Projection, dotted, next_subnet, number, overlap
from emulator.swarm.networks import Networks
from emulator.tasknamespace import private_loopback


def test_addresses_follow_the_gateway_in_order() -> None:
    pool = Pool("192.168.100.0/24")
    assert pool.gateway == "192.168.100.1"
    assert [pool.take() for _ in range(3)] == ["192.168.100.2", "192.168.100.3", "192.168.100.4"]


def test_a_freed_address_comes_back_only_when_the_pool_has_wrapped() -> None:
    pool = Pool("10.1.0.0/29")
    first = [pool.take() for _ in range(3)]
    pool.release(first[0])
    assert [pool.take() for _ in range(2)] == ["10.1.0.5", "10.1.0.6"]
    assert pool.take() == first[0]
    with pytest.raises(NoAddress, match=r"10\.1\.0\.0/29"):
        pool.take()


def test_the_first_octet_is_replaced_and_the_second_moves_on_where_it_is_taken() -> None:
    assert Projection("192.168.100.0/24").real("192.168.100.3") == "127.168.100.3"
    assert Projection("192.168.100.0/24", 5).real("192.168.100.3") == "127.173.100.3"
    assert Projection("192.168.100.0/24", 100).base == "127.12.100.0"


def test_a_tasks_own_loopback_is_beside_its_address() -> None:
    assert private_loopback("127.168.100.3") == "127.40.100.3"
    assert private_loopback(private_loopback("127.9.8.7")) == "127.9.8.7"


def test_a_range_and_a_gateway_of_ones_own_are_kept_to() -> None:
    pool = Pool("10.1.0.0/24", gateway="10.1.0.20", ip_range="10.1.0.16/29")
    assert pool.gateway == "10.1.0.20"
    given = [pool.take() for _ in range(7)]
    assert sorted(given) == [f"10.1.0.{number}" for number in (16, 17, 18, 19, 21, 22, 23)]
    with pytest.raises(NoAddress):
        pool.take()


def test_an_address_of_another_life_is_not_given_to_somebody_else() -> None:
    pool = Pool("10.1.0.0/24")
    assert pool.claim("10.1.0.5") == "10.1.0.5"
    assert pool.take() == "10.1.0.6"


@pytest.mark.skipif(sys.platform != "linux", reason="127/8")
def test_two_networks_whose_projections_would_meet_are_put_apart(tmp_path: Path) -> None:
    networks = Networks(tmp_path, loopback=True, anywhere=True)
    subnets = ("10.50.1.0/24", "172.50.1.0/24", "192.50.0.0/16", "10.50.2.0/24")
    made = [
        networks.create(Network(f"id{at}", f"net{at}", "overlay", subnet, Pool(subnet).gateway))
        for at, subnet in enumerate(subnets)
    ]
    real = [overlay.projection.cidr for overlay in made if overlay.projection]
    networks.close()
    assert len(real) == 4
    assert not any(overlap(one, other) for one, other in combinations(real, 2))


@given(st.integers(0, 2**32 - 1))
def test_numbers_and_dots_are_the_same(value: int) -> None:
    assert number(dotted(value)) == value


def test_the_default_pool_avoids_what_is_in_use() -> None:
    assert next_subnet([]) == "10.0.1.0/24"
    assert next_subnet(["10.0.1.0/24", "10.0.2.0/23"]) == "10.0.4.0/24"
    assert overlap("10.0.0.0/16", "10.0.9.0/24")
    assert not overlap("10.0.8.0/24", "10.0.9.0/24")


CLAIM = """
import sys
from emulator.swarm.claims import Claims
claims = Claims()
print(claims.shift(int(sys.argv[1]), anywhere=False), flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="abstract sockets")
def test_a_claim_moves_the_next_run_on_and_ends_with_its_process() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", CLAIM, "203"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        theirs = int(other.stdout.readline())
        claims = Claims()
        ours = claims.shift(203, anywhere=False)
        assert ours > theirs
        other.kill()
    again = Claims()
    assert again.shift(203, anywhere=False) <= theirs
    again.release()
    claims.release()


@pytest.mark.skipif(sys.platform != "linux", reason="abstract sockets")
def test_the_machines_own_loopback_is_never_taken() -> None:
    claims = Claims()
    assert (0 + claims.shift(0, anywhere=False)) % 128 != 0
    claims.release()
