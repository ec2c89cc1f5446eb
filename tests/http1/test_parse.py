"""Heads: the fast path and the slow one agree, and a head may come in any pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.http1 import parse
from emulator.http1.message import BadMessage, RequestHead
from emulator.http1.parse import DEFAULT_RULES, HeaderRules

from . import corpus
from .corpus import cases

REQUESTS = [*cases("request/valid"), *cases("request/invalid")]

# pieces that are likely to be at the border of what one path takes and the other does not
TARGET = st.one_of(
    st.sampled_from(
        [b"/", b"/a?b=c", b"//", b"/%41", b"/\xc3\xa4", b"*", b"a", b"http://h/x", b"/a b", b"/\x7f"]
    ),
    st.binary(max_size=6).map(lambda data: b"/" + data),
)
VERSION = st.sampled_from([b"HTTP/1.1", b"HTTP/1.0", b"HTTP/1.2", b"HTTP/2.0", b"HTTP/1.", b"http/1.1", b""])
METHOD = st.sampled_from([b"GET", b"POST", b"CONNECT", b"X_-", b"get", b"", b"G E"])
NAME = st.one_of(
    st.sampled_from([b"Host", b"X-Y", b"x_y", b"a.b", b"X y", b"", b"N\x00", b"\xe4"]),
    st.text("AZaz09-_", min_size=1, max_size=4).map(str.encode),
)
VALUE = st.one_of(
    st.sampled_from(
        [b"", b" s", b"  a  b  ", b"\t", b" :", b" a:b", b" \x00", b" a\rb", b" \x01", b" \xff", b" a\r"]
    ),
    st.binary(max_size=6),
)
END = st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r", b""])


@st.composite
def heads(draw: st.DrawFn) -> bytes:
    line = b" ".join([draw(METHOD), draw(TARGET), draw(VERSION)]) + draw(END)
    fields = draw(
        st.lists(st.tuples(NAME, st.sampled_from([b":", b":", b" :", b""]), VALUE, END), max_size=4)
    )
    return line + b"".join(b"".join(field) for field in fields) + draw(END) + draw(st.binary(max_size=4))


def taken(data: bytes, rules: HeaderRules) -> str:
    """What `request_head` says of some bytes, in one text."""
    return _said(lambda: parse.request_head(data, rules), data)


def taken_slowly(data: bytes, rules: HeaderRules) -> str:
    return _said(lambda: parse._slow_request_head(data, rules, None), data)


def _said(read, data: bytes) -> str:  # type: ignore[no-untyped-def]
    try:
        parsed = read()
    except BadMessage as bad:
        return corpus.refusal(bad)
    return "incomplete" if parsed is None else corpus.request(parsed[0], data[parsed[1] :])


@given(heads())
def test_the_fast_path_takes_a_head_as_the_slow_path_does(data: bytes) -> None:
    assert taken(data, DEFAULT_RULES) == taken_slowly(data, DEFAULT_RULES)


@given(st.binary(max_size=40))
def test_no_octets_are_too_strange_for_either_path(data: bytes) -> None:
    assert taken(data, DEFAULT_RULES) == taken_slowly(data, DEFAULT_RULES)


@given(heads(), st.booleans(), st.booleans())
def test_rules_for_names_mean_the_same_on_both_paths(data: bytes, ignore: bool, underscores: bool) -> None:
    rules = HeaderRules(ignore, underscores)
    assert taken(data, rules) == taken_slowly(data, rules)


@pytest.mark.parametrize("case", REQUESTS, ids=lambda case: case.name)
def test_a_request_is_incomplete_or_already_refused_until_its_last_octet(case: corpus.Case) -> None:
    whole = taken(case.message, DEFAULT_RULES)
    head = len(case.message) - len(whole.rpartition("rest=")[2]) if "\nrest=" in whole else len(case.message)
    for at in range(head):
        said = taken(case.message[:at], DEFAULT_RULES)
        assert said in ("incomplete", whole) or said[0].isdigit(), f"cut after {at}"
        if said[0].isdigit():
            assert said.split()[0] == whole.split()[0]


@pytest.mark.parametrize("case", cases("response/valid"), ids=lambda case: case.name)
def test_a_response_is_incomplete_until_its_last_octet(case: corpus.Case) -> None:
    parsed = parse.response_head(case.message)
    assert parsed is not None
    for at in range(parsed[1]):
        assert parse.response_head(case.message[:at]) is None, f"cut after {at}"


@given(heads())
def test_a_head_is_never_taken_twice_nor_past_its_empty_line(data: bytes) -> None:
    try:
        parsed = parse.request_head(data)
    except BadMessage:
        return
    if parsed is None:
        return
    head, end = parsed
    assert data[:end].endswith(b"\n")
    again = parse.request_head(data[:end])
    assert again is not None
    assert same(again[0], head)
    assert again[1] == end


def same(one: RequestHead, other: RequestHead) -> bool:
    return corpus.request(one, b"") == corpus.request(other, b"")


@given(heads())
def test_the_index_holds_the_first_field_of_each_name(data: bytes) -> None:
    try:
        parsed = parse.request_head(data)
    except BadMessage:
        return
    if parsed is not None:
        expected: dict[bytes, bytes] = {}
        for name, value, lower in parsed[0].headers:
            assert lower == name.lower()
            expected.setdefault(lower, value)
        assert parsed[0].index == expected


def test_the_rules_of_the_server_that_a_host_names_hold_for_what_follows_it() -> None:
    data = b"GET / HTTP/1.1\r\nA_b: 1\r\nHost: other\r\nC_d: 2\r\n\r\n"
    parsed = parse.request_head(data, DEFAULT_RULES, lambda host: HeaderRules(underscores=host == b"other"))
    assert parsed is not None
    assert [name for name, _, _ in parsed[0].headers] == [b"Host", b"C_d"]
    assert parsed[0].ignored == [(b"A_b: 1", 0)]


def test_a_line_that_is_no_http_is_refused_before_its_end_has_come() -> None:
    with pytest.raises(BadMessage):
        parse.request_head(b"\x16\x03\x01")


def test_what_is_known_of_half_a_head_can_be_logged() -> None:
    head = parse.partial_head(b"GET /x HTTP/1.1\r\nHost: s\r\nUser-Ag")
    assert head is not None
    assert (head.method, head.index) == (b"GET", {b"host": b"s"})
    assert parse.partial_head(b"GET /x HT") is None
