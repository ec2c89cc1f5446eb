"""Addresses: what nginx reads as host, port, range, socket and network."""

from __future__ import annotations

import pytest

from emulator.nginx.address import Address, BadAddress, parse_address, parse_network


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("80", Address("*", 80, 80, literal=True, wildcard=True)),
        ("*:8080", Address("*", 8080, 8080, literal=True, wildcard=True)),
        ("8000-8002", Address("*", 8000, 8002, literal=True, wildcard=True)),
        ("127.0.0.1", Address("127.0.0.1", 80, 80, no_port=True, literal=True)),
        ("0.0.0.0:1", Address("0.0.0.0", 1, 1, literal=True, wildcard=True)),
        ("[::]:80", Address("[::]", 80, 80, literal=True, wildcard=True)),
        ("localhost:1-2", Address("localhost", 1, 2)),
        ("unix:/run/x.sock", Address("/run/x.sock", unix=True, literal=True)),
    ],
)
def test_a_listener_is_a_port_an_address_or_a_socket(text: str, expected: Address) -> None:
    assert parse_address(text, default_port=80, listen=True) == expected


@pytest.mark.parametrize(
    ("text", "host", "port", "uri"),
    [
        ("webapp", "webapp", 80, ""),
        ("webapp:8000/", "webapp", 8000, "/"),
        ("webapp/a?b", "webapp", 80, "/a?b"),
        ("webapp?b", "webapp", 80, "?b"),
        ("[::1]:8000/x", "[::1]", 8000, "/x"),
        ("unix:/run/x:/y", "/run/x", 0, "/y"),
        ("unix:/run/x", "/run/x", 0, ""),
        ("a/b:80", "a", 80, "/b:80"),
    ],
)
def test_what_is_passed_to_may_have_a_uri(text: str, host: str, port: int, uri: str) -> None:
    address = parse_address(text, default_port=80, uri=True)
    assert (address.host, address.port, address.uri) == (host, port, uri)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no host"),
        (":80", "no host"),
        ("a:", "invalid port"),
        ("a:0", "invalid port"),
        ("a:65536", "invalid port"),
        ("a:b", "invalid port"),
        ("80-79", "invalid port range"),
        ("a/b", "invalid host"),
        ("[::1", "invalid host"),
        ("[]", "no host"),
        ("[::x]", "invalid IPv6 address"),
        ("[::1]x", "invalid host"),
        ("unix:", "no path in the unix domain socket"),
        ("unix:" + "a" * 108, "too long path in the unix domain socket"),
    ],
)
def test_what_is_no_address_is_said_in_nginxs_words(text: str, said: str) -> None:
    with pytest.raises(BadAddress) as error:
        parse_address(text, listen=True)
    assert str(error.value) == said


@pytest.mark.parametrize("text", ["1.2.3", "256.1.1.1", "1.2.3.4.5", "a.b.c.d", "1..2.3"])
def test_only_four_small_numbers_are_an_ipv4_address(text: str) -> None:
    assert not parse_address(text).literal


def test_a_network_keeps_the_bits_of_its_prefix() -> None:
    network = parse_network("10.1.2.3/8")
    assert network is not None
    assert (network.packed, network.prefix, network.low_bits) == (bytes((10, 0, 0, 0)), 8, True)
    assert parse_network("::/0") is not None
    assert parse_network("10.0.0.0/33") is None
    assert parse_network("host") is None
