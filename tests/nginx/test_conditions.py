"""Conditional requests and ranges, of a real request whose response is known."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.nginx import conditions
from emulator.nginx.conditions import parse_date, parse_ranges
from emulator.nginx.request import Request

from .serving import Serving

Serve = Callable[[str], Serving]

DATE = b"Wed, 21 Nov 2018 00:00:00 GMT"
BEFORE = b"Tue, 20 Nov 2018 00:00:00 GMT"
AFTER = b"Thu, 22 Nov 2018 00:00:00 GMT"
SECONDS = 1542758400
_SERVER = "server { listen 80; location / { return 204; } }"


@pytest.mark.parametrize(
    "text",
    [DATE, b"Wednesday, 21-Nov-18 00:00:00 GMT", b"Wed Nov 21 00:00:00 2018", b"Wed, 21 Nov 2018 00:00:00"],
)
def test_a_date_may_have_any_of_its_three_forms(text: bytes) -> None:
    assert parse_date(text) == SECONDS


@pytest.mark.parametrize("text", [b"", b"yesterday", b"2018-11-21", b"Wed, 21 Nov", b"1542758400"])
def test_everything_else_is_no_date(text: bytes) -> None:
    assert parse_date(text) is None


@given(st.binary(max_size=40))
def test_no_octets_break_the_reading_of_a_date(text: bytes) -> None:
    parse_date(text)
    parse_date(b"Wed, " + text)


def request(serving: Serving, *fields: str) -> Request:
    """A request whose response was last modified on DATE and has the tag "x"."""
    head = "\r\n".join(("GET / HTTP/1.1", "Host: s", *fields, "", ""))
    r = serving.requested(head.encode())
    r.status, r.last_modified, r.etag, r.content_length = 200, SECONDS, b'"x"', 10
    return r


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ((), 0),
        (("If-Modified-Since: " + DATE.decode(),), 304),
        (("If-Modified-Since: " + BEFORE.decode(),), 0),
        (("If-Modified-Since: " + AFTER.decode(),), 0),
        (("If-Modified-Since: never",), 0),
        (('If-None-Match: "x"',), 304),
        (('If-None-Match: W/"x"',), 304),
        (('If-None-Match: "a", "x"',), 304),
        (("If-None-Match: *",), 304),
        (('If-None-Match: "y"',), 0),
        (('If-None-Match: "y"', "If-Modified-Since: " + DATE.decode()), 0),
        (('If-None-Match: "x"', "If-Modified-Since: " + BEFORE.decode()), 0),
        (('If-Match: "x"',), 0),
        (("If-Match: *",), 0),
        (('If-Match: "y"',), 412),
        (('If-Match: W/"x"',), 412),
        (("If-Unmodified-Since: " + DATE.decode(),), 0),
        (("If-Unmodified-Since: " + BEFORE.decode(),), 412),
        (('If-Match: "y"', 'If-None-Match: "x"'), 412),
    ],
    ids=repr,
)
def test_conditions_are_weighed_in_the_order_of_their_precedence(
    serve: Serve, fields: tuple[str, ...], status: int
) -> None:
    assert conditions.check(request(serve(_SERVER), *fields)) == status


@pytest.mark.parametrize(
    ("rule", "since", "status"),
    [
        ("off", DATE, 0),
        ("exact", AFTER, 0),
        ("exact", DATE, 304),
        ("before", AFTER, 304),
        ("before", BEFORE, 0),
    ],
)
def test_how_a_date_is_compared_is_configured(serve: Serve, rule: str, since: bytes, status: int) -> None:
    serving = serve(_SERVER.replace("listen", f"if_modified_since {rule}; listen"))
    assert conditions.check(request(serving, "If-Modified-Since: " + since.decode())) == status


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b"0-0", [(0, 1)]),
        (b"0-9", [(0, 10)]),
        (b"2-", [(2, 10)]),
        (b"-3", [(7, 10)]),
        (b"-30", [(0, 10)]),
        (b"5-100", [(5, 10)]),
        (b"0-1,4-5", [(0, 2), (4, 6)]),
        (b" 0 - 1 , -1", [(0, 2), (9, 10)]),
        (b"20-30,1-1", [(1, 2)]),
        (b"20-30", None),
        (b"-0", None),
        (b"5-4", None),
        (b"", None),
        (b"a-b", None),
        (b"1", None),
        (b"--1", None),
        (b"0-1,x", None),
        (b"99999999999999999999-", None),
        (b"0-9,0-9", []),
    ],
)
def test_ranges_of_ten_octets(text: bytes, found: list[tuple[int, int]] | None) -> None:
    assert parse_ranges(text, 10, None) == found


@given(st.text("0123456789-, x", max_size=20), st.integers(1, 100))
def test_every_range_lies_within_the_file_and_all_together_are_no_longer_than_it(
    text: str, size: int
) -> None:
    found = parse_ranges(text.encode(), size, None)
    for start, end in found or ():
        assert 0 <= start < end <= size
    assert sum(end - start for start, end in found or ()) <= size


def test_more_ranges_than_allowed_give_the_whole() -> None:
    assert parse_ranges(b"0-0,2-2", 10, 1) == []
    assert parse_ranges(b"0-0,2-2", 10, 2) == [(0, 1), (2, 3)]


def test_one_range_becomes_a_206_with_its_place(serve: Serve) -> None:
    r = request(serve(_SERVER), "Range: bytes=2-4")
    assert conditions.ranges(r)
    assert (r.status, r.content_length) == (206, 3)
    assert (b"Content-Range", b"bytes 2-4/10") in r.headers_out


def test_several_ranges_become_parts_whose_length_is_known_before_they_are_sent(serve: Serve) -> None:
    r = request(serve(_SERVER), "Range: bytes=0-1,4-5")
    assert conditions.ranges(r)
    assert r.ctx is not None
    parts = r.ctx["ranges"]
    assert r.content_length == sum(len(h) + end - start for h, start, end in parts) + len(r.ctx["tail"])
    assert r.content_type is not None
    assert r.content_type.startswith(b"multipart/byteranges; boundary=")


@pytest.mark.parametrize(
    ("condition", "status"),
    [('"x"', 206), ('"y"', 200), (DATE.decode(), 206), (BEFORE.decode(), 200), ("", 200)],
)
def test_a_range_holds_only_for_the_version_that_the_client_has(
    serve: Serve, condition: str, status: int
) -> None:
    r = request(serve(_SERVER), "Range: bytes=0-1", f"If-Range: {condition}")
    conditions.ranges(r)
    assert r.status == status
