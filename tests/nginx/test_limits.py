"""Zones that workers share, and the leaky bucket of limit_req."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as some

from emulator.nginx.conf import ConfError
from emulator.nginx.limit_conn import enter, leave
from emulator.nginx.limit_req import Limit, Verdict, decide
from emulator.nginx.zones import Record, Table, Zone, allocate

SIZE = 64 * 1024


def limit(zone: str = "z", rate: int = 1000, burst: int = 0, delay: int = 0) -> Limit:
    """Rate, burst and delay in thousandths of a request."""
    return Limit(zone, lambda r: b"", "$key", rate, burst, delay)


def ask(table: Table, bucket: Limit, now: int) -> Verdict:
    return decide([(bucket, table, b"key")], now, last_counts=True)


def test_one_a_second_is_one_a_second() -> None:
    table, bucket = Table(SIZE), limit()
    assert ask(table, bucket, 10_000) == Verdict(0)
    assert ask(table, bucket, 10_999) == Verdict(None, 1, "z")
    assert ask(table, bucket, 11_000) == Verdict(0)


def test_what_is_within_the_burst_waits_until_it_has_flowed_out() -> None:
    table, bucket = Table(SIZE), limit(rate=10_000, burst=2000)
    waits = [ask(table, bucket, 5_000).wait for _ in range(4)]
    assert waits == [0, 100, 200, None]


def test_a_part_of_the_burst_passes_at_once() -> None:
    table, bucket = Table(SIZE), limit(rate=10_000, burst=4000, delay=2000)
    waits = [ask(table, bucket, 5_000).wait for _ in range(6)]
    assert waits == [0, 0, 0, 100, 200, None]


def test_a_clock_that_goes_back_a_little_stands_still() -> None:
    table, bucket = Table(SIZE), limit(rate=1000, burst=1000)
    ask(table, bucket, 100_000)
    assert ask(table, bucket, 99_999) == Verdict(1000, 1000, "z")
    assert ask(table, bucket, 100_000) == Verdict(None, 2000, "z")


def test_a_request_that_one_limit_refuses_counts_in_none() -> None:
    first, second = Table(SIZE), Table(SIZE)
    wide, narrow = limit("wide", burst=9000), limit("narrow")
    asked = [(wide, first, b"key"), (narrow, second, b"key")]
    assert decide(asked, 1000, last_counts=True) == Verdict(0)
    assert decide(asked, 1000, last_counts=True) == Verdict(None, 1000, "narrow")
    place = first.find(b"key")
    assert place is not None
    assert first.read(place) == Record(1000, 0, 0)


def test_the_longest_wait_of_several_limits_counts() -> None:
    slow, fast = Table(SIZE), Table(SIZE)
    asked = [(limit("slow", 1000, 5000), slow, b"a"), (limit("fast", 100_000, 5000), fast, b"a")]
    assert [decide(asked, 1000, last_counts=True) for _ in range(2)] == [
        Verdict(0),
        Verdict(1000, 1000, "slow"),
    ]


@given(some.lists(some.integers(0, 500), max_size=40), some.integers(1, 20), some.integers(0, 5))
def test_no_more_than_the_burst_and_what_flows_out_ever_passes(
    pauses: list[int], rate: int, burst: int
) -> None:
    table, bucket = Table(SIZE), limit(rate=rate * 1000, burst=burst * 1000, delay=2**60)
    now, passed = 1_000_000, 0
    for pause in pauses:
        now += pause
        passed += ask(table, bucket, now).wait is not None
    # each request that passes may round the outflow down by less than a thousandth
    assert passed <= 1 + burst + rate * sum(pauses) / 1000 + len(pauses) / 1000


def test_workers_count_together() -> None:
    table = Table(SIZE)
    workers = []
    for _ in range(3):
        worker = os.fork()
        if not worker:
            for _ in range(300):
                enter(table, b"key", 10_000)
            os._exit(0)
        workers.append(worker)
    for worker in workers:
        assert os.waitpid(worker, 0)[1] == 0
    place = table.find(b"key")
    assert place is not None
    assert table.read(place).holders == 900


def test_a_key_that_nobody_holds_is_forgotten() -> None:
    table = Table(SIZE)
    assert enter(table, b"key", 1)
    assert not enter(table, b"key", 1)
    leave(table, b"key")
    assert table.find(b"key") is None
    assert enter(table, b"key", 1)


def test_a_full_table_forgets_the_oldest_that_nobody_holds() -> None:
    table = Table(1024)  # room for eight
    for number in range(8):
        place = table.add(b"%d" % number)
        assert place is not None
        table.write(place, Record(100 + number, 0, 1 if number == 0 else 0))
    assert table.add(b"new") is not None
    assert table.find(b"0") is not None
    assert table.find(b"1") is None


def zone(name: str = "z", key: str = "$host", size: int = SIZE) -> Zone:
    made = Zone(name, "limit_req_zone")
    made.key, made.size = key, size
    return made


def test_a_reload_keeps_what_a_zone_holds_unless_its_size_changes() -> None:
    old, same, larger = {"z": zone()}, {"z": zone()}, {"z": zone(size=2 * SIZE)}
    allocate(old, {})
    allocate(same, old)
    allocate(larger, old)
    assert same["z"].table is old["z"].table
    assert larger["z"].table is not old["z"].table


def test_a_reload_with_another_key_is_refused() -> None:
    old = {"z": zone()}
    allocate(old, {})
    with pytest.raises(ConfError, match='limit_req "z" uses the "\\$uri" key while previously it used'):
        allocate({"z": zone(key="$uri")}, old)
