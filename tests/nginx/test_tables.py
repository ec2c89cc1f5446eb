"""Values by host name and by address, and who stands behind a proxy."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from emulator.nginx.address import parse_network
from emulator.nginx.directives import BadValue
from emulator.nginx.forwarded import Hop, Proxies, forwarded, parse_hop
from emulator.nginx.geotable import Networks, Overlap, Ranges
from emulator.nginx.hosttable import HostTable


def test_an_exact_name_wins_over_the_longest_wildcard_and_that_over_a_trailing_one() -> None:
    table: HostTable[str] = HostTable()
    for key in ("www.a.b", "*.a.b", "*.b", ".c.d", "www.*"):
        table.add(key, key, wildcards=True)
    found = {name: table.find(name.encode()) for name in ("www.a.b", "x.a.b", "x.b", "c.d", "x.c.d", "www.e")}
    assert found == {
        "www.a.b": "www.a.b",
        "x.a.b": "*.a.b",
        "x.b": "*.b",
        "c.d": ".c.d",
        "x.c.d": ".c.d",
        "www.e": "www.*",
    }
    assert table.find(b"b") is None


def test_a_leading_dot_takes_the_bare_name_as_well() -> None:
    table: HostTable[int] = HostTable()
    table.add(".a.b", 1, wildcards=True)
    for again in ("a.b", "*.a.b", ".A.b"):
        with pytest.raises(BadValue, match="conflicting parameter"):
            table.add(again, 2, wildcards=True)


RANGES = some.lists(some.tuples(some.integers(0, 300000), some.integers(0, 70000)), max_size=12)


@given(RANGES, some.lists(some.integers(0, 400000), max_size=20))
def test_ranges_give_the_last_value_written_over_an_address(
    written: list[tuple[int, int]], asked: list[int]
) -> None:
    ranges, model = Ranges(), dict[int, str]()
    for number, (first, length) in enumerate(written):
        try:
            ranges.add(first, first + length, str(number))
        except Overlap:
            return
        model.update(dict.fromkeys(range(first, first + length + 1), str(number)))
    for address in asked:
        assert ranges.find(address) == model.get(address)


@given(some.lists(some.tuples(some.integers(0, 255), some.integers(0, 32)), max_size=12))
def test_the_longest_network_wins(written: list[tuple[int, int]]) -> None:
    networks = Networks()
    best: tuple[int, str | None] = (-1, None)
    for octet, prefix in written:
        network = parse_network(f"10.0.0.{octet}/{prefix}")
        assert network is not None
        networks.add(network, str(octet))
        if network.holds(bytes((10, 0, 0, 7))) and prefix >= best[0]:
            best = (prefix, str(octet))
    assert networks.find(bytes((10, 0, 0, 7))) == best[1]


def trusted(*texts: str) -> Proxies:
    networks = [parse_network(text) for text in texts]
    return Proxies(tuple(network for network in networks if network is not None))


def test_the_last_address_counts_and_with_recursion_the_last_that_is_no_proxy() -> None:
    ours, client = trusted("127.0.0.0/8", "10.0.0.0/8"), bytes((127, 0, 0, 1))
    fields = [b"1.1.1.1, 2.2.2.2", b"10.0.0.1"]
    assert forwarded(client, fields, ours, recursive=False) == Hop(bytes((10, 0, 0, 1)))
    assert forwarded(client, fields, ours, recursive=True) == Hop(bytes((2, 2, 2, 2)))
    assert forwarded(bytes((9, 9, 9, 9)), fields, ours, recursive=True) is None
    assert forwarded(None, fields, ours, recursive=True) is None
    assert forwarded(None, fields, ours._replace(unix=True), recursive=True) == Hop(bytes((2, 2, 2, 2)))


def test_an_address_may_have_a_port_and_brackets() -> None:
    assert parse_hop("1.2.3.4:80") == Hop(bytes((1, 2, 3, 4)), 80)
    six = parse_hop("[::1]:80")
    assert six is not None
    assert six == Hop(bytes(15) + b"\1", 80)
    assert parse_hop("::1") == parse_hop("[::1]") == six._replace(port=0)
    for wrong in ("", "x", "1.2.3.4:", "1.2.3.4:0", "1.2.3.4:65536", "[::1", "[::1]x", "[]"):
        assert parse_hop(wrong) is None
