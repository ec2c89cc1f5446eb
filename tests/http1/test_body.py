"""Bodies: any cut gives the same payload, the same end and the same rest, or the same refusal."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.http1.body import (
    LAST_CHUNK,
    BodyReader,
    ChunkedReader,
    LengthReader,
    UntilCloseReader,
    chunk,
    content_length,
)
from emulator.http1.message import BadMessage

CHUNKED = [
    b"0\r\n\r\n",
    b"3\r\nabc\r\n0\r\n\r\nrest",
    b"A\r\n0123456789\r\n1\r\nx\r\n0\r\n\r\nGET / HTTP/1.1\r\n",
    b"003;name=value;other\r\nabc\r\n0;x\r\n\r\n",
    b"3 \t \r\nabc\r\n0\r\nTrailer: 1\r\nOther: 2\r\n\r\nnext",
]
REFUSED = [
    b"\r\n",
    b"g\r\n",
    b"-1\r\n",
    b"0x3\r\nabc\r\n",
    b"3\nabc\r\n0\r\n\r\n",
    b"3\r\nabcd\r\n",
    b"3\r\nabc\n0\r\n\r\n",
    b"3\r\nabc0\r\n\r\n",
    b"1000000000000000\r\n",
    b"0\r\n\n",
    b"0\r\nTrailer: 1\n\r\n",
    b"3 x\r\nabc\r\n",
]


def read(reader: BodyReader, pieces: list[bytes]) -> tuple[bytes, bool, bytes]:
    """Payload, whether it ended, and what came after it."""
    payload, rest = b"", b""
    for piece in pieces:
        if reader.done:
            rest += piece
        else:
            payload += reader.feed(piece)
            rest = reader.rest
    return payload, reader.done, rest


def cut(data: bytes, places: list[int]) -> list[bytes]:
    return [data[a:b] for a, b in pairwise([0, *sorted(places), len(data)])]


@pytest.mark.parametrize("data", CHUNKED, ids=repr)
def test_a_chunked_body_may_be_cut_anywhere(data: bytes) -> None:
    whole = read(ChunkedReader(), [data])
    assert whole[1]
    for at in range(len(data) + 1):
        assert read(ChunkedReader(), [data[:at], data[at:]]) == whole, f"cut after {at}"
    assert read(ChunkedReader(), [data[i : i + 1] for i in range(len(data))]) == whole


@pytest.mark.parametrize("data", REFUSED, ids=repr)
def test_what_is_no_chunked_body_is_refused_wherever_it_is_cut(data: bytes) -> None:
    for at in range(len(data) + 1):
        with pytest.raises(BadMessage, match="client sent invalid chunked body"):
            read(ChunkedReader(), [data[:at], data[at:]])


@given(st.lists(st.binary(min_size=1, max_size=20), max_size=5), st.binary(max_size=10), st.data())
def test_what_was_chunked_comes_back_in_any_pieces(
    parts: list[bytes], rest: bytes, data: st.DataObject
) -> None:
    wire = b"".join(map(chunk, parts)) + LAST_CHUNK + rest
    places = data.draw(st.lists(st.integers(0, len(wire)), max_size=6))
    assert read(ChunkedReader(), cut(wire, places)) == (b"".join(parts), True, rest)


@given(st.binary(max_size=30), st.integers(0, 30), st.lists(st.integers(0, 30), max_size=5))
def test_a_counted_body_ends_where_its_length_says(data: bytes, length: int, places: list[int]) -> None:
    pieces = cut(data, [place for place in places if place <= len(data)])
    payload, done, rest = read(LengthReader(length), pieces)
    assert payload + rest == data
    assert len(payload) == min(length, len(data))
    assert done == (len(data) >= length)


@given(st.lists(st.binary(max_size=10), max_size=5))
def test_a_body_until_the_end_of_the_connection_never_ends_by_itself(pieces: list[bytes]) -> None:
    assert read(UntilCloseReader(), pieces) == (b"".join(pieces), False, b"")


def test_a_chunk_beyond_the_limit_is_refused_as_soon_as_its_size_is_known() -> None:
    reader = ChunkedReader(limit=5)
    assert reader.feed(b"4\r\nabcd\r\n") == b"abcd"
    with pytest.raises(BadMessage, match=r"too large chunked body: 4\+2 bytes") as caught:
        reader.feed(b"2\r\n")
    assert caught.value.status == 413


def test_trailers_are_read_past() -> None:
    reader = ChunkedReader()
    reader.feed(b"0\r\nA: 1\r\nB: 2\r\n\r\n")
    assert reader.done


@pytest.mark.parametrize(
    "piece", [b"0;" + b"x" * 5000, b"0\r\nX: " + b"x" * 9000, b"0\r\n" + b"X: 1\r\n" * 200]
)
def test_neither_extensions_nor_trailers_may_grow_without_end(piece: bytes) -> None:
    with pytest.raises(BadMessage):
        ChunkedReader().feed(piece)


@pytest.mark.parametrize(
    ("value", "length"), [(b"0", 0), (b"10", 10), (b"0007", 7), (b"9223372036854775807", 2**63 - 1)]
)
def test_a_content_length_is_digits(value: bytes, length: int) -> None:
    assert content_length(value) == length


@pytest.mark.parametrize(
    "value", [b"", b"-1", b"+1", b"1 ", b" 1", b"1,1", b"0x1", b"1e3", b"9223372036854775808", b"\xb2"]
)
def test_everything_else_is_no_content_length(value: bytes) -> None:
    with pytest.raises(BadMessage) as caught:
        content_length(value)
    assert caught.value.status == 400


def test_a_chunked_body_knows_how_little_could_end_it() -> None:
    reader = ChunkedReader()
    seen = [reader.needed]
    for octet in b"2\r\nab\r\n0\r\n\r\n":
        reader.feed(bytes([octet]))
        seen.append(reader.needed)
    assert seen[:8] == [5, 11, 10, 9, 8, 7, 6, 5]
    assert seen[8:11] == [4, 3, 2]
