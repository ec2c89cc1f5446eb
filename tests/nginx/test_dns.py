"""DNS on the wire: what a question looks like, and what is made of any answer."""

from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.nginx import dns

ONE = b"\3one\4test\0"
HEAD = struct.pack("!6H", 7, 0x8180, 1, 1, 0, 0) + ONE + struct.pack("!2H", dns.A, 1)


def record(kind: int, data: bytes, name: bytes = b"\xc0\x0c", family: int = 1) -> bytes:
    return name + struct.pack("!2HIH", kind, family, 60, len(data)) + data


def test_a_question() -> None:
    assert dns.question(7, "one.test.", dns.AAAA) == (
        b"\0\7\1\0\0\1\0\0\0\0\0\0" + ONE + struct.pack("!2H", 28, 1)
    )


@pytest.mark.parametrize("name", ["", "a..b", "x" * 64, ".", "bücher.test"])
def test_what_is_no_name_is_not_asked_for(name: str) -> None:
    with pytest.raises(ValueError, match=r"label|name|encode"):
        dns.question(1, name, dns.A)


def test_an_answer() -> None:
    answer = dns.read(HEAD + record(dns.A, b"\x7f\0\0\1"))
    assert answer == dns.Answer(7, 0, "one.test", dns.A, (dns.Record(dns.A, 60, "127.0.0.1"),))


@pytest.mark.parametrize(
    ("kind", "data", "wanted"),
    [
        (dns.AAAA, b"\0" * 15 + b"\1", dns.Record(dns.AAAA, 60, "::1")),
        (dns.CNAME, b"\5alias\xc0\x10", dns.Record(dns.CNAME, 60, "alias.test")),
        (dns.SRV, b"\0\1\0\2\0\x50" + ONE, dns.Record(dns.SRV, 60, "one.test", 1, 2, 80)),
    ],
)
def test_kinds_of_records(kind: int, data: bytes, wanted: dns.Record) -> None:
    assert dns.read(HEAD + record(kind, data)).records == (wanted,)


def test_what_is_not_of_the_internet_or_has_another_length_is_left_out() -> None:
    for data in (record(dns.A, b"\1\2\3\4", family=3), record(dns.A, b"\1\2\3"), record(99, b"x")):
        assert dns.read(HEAD + data).records == ()


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        HEAD[:11],
        HEAD,
        struct.pack("!6H", 7, 0x0100, 1, 0, 0, 0) + HEAD[12:],
        struct.pack("!6H", 7, 0x8180, 2, 0, 0, 0) + HEAD[12:],
        HEAD + record(dns.A, b"\1\2\3\4")[:-1],
        HEAD + record(dns.CNAME, b"\xc0\x28"),
        HEAD + b"\xff" * 20,
    ],
)
def test_what_is_no_answer_is_refused(packet: bytes) -> None:
    with pytest.raises(dns.BadAnswer):
        dns.read(packet)


@given(st.binary(max_size=120), st.integers(0, 60))
def test_no_octets_do_harm(data: bytes, at: int) -> None:
    packet = (HEAD + record(dns.SRV, b"\0\1\0\2\0\x50" + ONE))[:at] + data
    with contextlib.suppress(dns.BadAnswer):
        dns.read(packet)


def test_a_services_name() -> None:
    assert dns.service_name("http", "a.test") == "_http._tcp.a.test"
    assert dns.service_name("_sip._udp", "a.test") == "_sip._udp.a.test"
