"""The filters of bodies: what comes out does not depend on the pieces that go in, and memory stays small."""

from __future__ import annotations

import itertools
import os
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.nginx.bodyfilter import BodyFilter, Chain
from emulator.nginx.charset import FromUtf8, Table, ToUtf8
from emulator.nginx.gzip import Gzip, is_msie6, takes_gzip
from emulator.nginx.modules.charset import code_of
from emulator.nginx.sub_filter import Substitution, Words

from .serving import Serving

Serve = Callable[[str], Serving]

_PIECES = st.lists(st.binary(max_size=6), max_size=12)
_LETTERS = st.text("abc", max_size=40).map(str.encode)
_WORDS = st.lists(st.text("abcABC", min_size=1, max_size=4), min_size=1, max_size=3)


def through(body_filter: BodyFilter, pieces: list[bytes]) -> bytes:
    return b"".join([*map(body_filter.feed, pieces), body_filter.end()])


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """The same octets in pieces."""
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges)]


def substitution(words: list[str], once: bool = False) -> Substitution:
    lowered = tuple((place, word.lower().encode()) for place, word in enumerate(words))
    values = tuple(lambda place=place: b"<%d>" % place for place in range(len(words)))
    return Substitution(Words(lowered), values, once)


def by_hand(words: list[str], data: bytes) -> bytes:
    """What sub_filter does with a whole body: the first place, and there the first word that could be."""
    out, at, lowered = b"", 0, [word.lower().encode() for word in words]
    while at < len(data):
        rest = data[at:].lower()
        first = next(
            (place for place, word in enumerate(lowered) if rest.startswith(word) or word.startswith(rest)),
            None,
        )
        if first is None:
            out += data[at : at + 1]
            at += 1
        elif rest.startswith(lowered[first]):
            out += b"<%d>" % first
            at += len(lowered[first])
        else:
            return out + data[at:]
    return out


@given(_WORDS, _LETTERS, st.lists(st.integers(0, 99), max_size=6), st.booleans())
def test_where_a_body_is_cut_changes_no_substitution(
    words: list[str], data: bytes, places: list[int], once: bool
) -> None:
    assert through(substitution(words, once), cut(data, places)) == through(substitution(words, once), [data])


@given(_WORDS, _LETTERS)
def test_the_first_match_counts_and_of_those_the_first_written(words: list[str], data: bytes) -> None:
    assert through(substitution(words), [data]) == by_hand(words, data)


def test_each_word_is_replaced_once() -> None:
    assert through(substitution(["a", "b"], once=True), [b"ab", b"ab"]) == b"<0><1>ab"


def test_only_what_could_begin_a_match_waits() -> None:
    found = substitution(["hello"])
    assert found.feed(b"say hel") == b"say "
    assert found.feed(b"met") == b"helmet"


def test_a_word_may_be_as_long_as_a_page() -> None:
    word = "<script>" + "x" * 9000
    found = substitution([word])
    assert found.feed(b"a" + word[:5000].encode()) == b"a"
    assert found.feed(word[5000:].encode() + b"b") == b"<0>b"


def test_a_value_is_computed_once_and_only_if_it_is_needed() -> None:
    asked: list[int] = []

    def value() -> bytes:
        asked.append(1)
        return b"x"

    found = Substitution(Words(((0, b"a"),)), (value,), False)
    assert found.feed(b"bbb") == b"bbb"
    assert asked == []
    assert found.feed(b"aaa") == b"xxx"
    assert asked == [1]


@given(st.text(st.characters(codec="utf-8"), max_size=30), st.lists(st.integers(0, 200), max_size=8))
def test_a_character_may_come_in_parts(text: str, places: list[int]) -> None:
    octets = {ord("ä"): b"\xe4"}
    expected = "".join(c if c < "\x80" else "\xe4" if c == "ä" else f"&#{ord(c)};" for c in text)
    assert through(FromUtf8(octets), cut(text.encode(), places)) == expected.encode("latin-1")


@given(_PIECES)
def test_any_octets_can_be_taken_for_utf_8(pieces: list[bytes]) -> None:
    assert through(FromUtf8({}), pieces).isascii()


@given(st.characters(min_codepoint=0x80, codec="utf-8"))
def test_a_code_is_what_python_says(character: str) -> None:
    assert code_of(character.encode()) == ord(character)


def test_octets_are_looked_up() -> None:
    table = bytes(range(255, -1, -1))
    assert through(Table(table), [b"\x00", b"\xff"]) == b"\xff\x00"
    assert through(ToUtf8(tuple(b"%02x" % octet for octet in range(256))), [b"\x01\xff"]) == b"01ff"


@given(_PIECES, st.integers(9, 15), st.integers(1, 9))
def test_what_is_packed_can_be_unpacked(pieces: list[bytes], window: int, memory: int) -> None:
    packed = through(Gzip(1, window, memory), pieces)
    assert zlib.decompress(packed, 16 + zlib.MAX_WBITS) == b"".join(pieces)


def test_a_flush_gives_all_that_is_there() -> None:
    found = Gzip(1, 15, 8)
    start = found.feed(b"hello") + found.flush()
    assert zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(start) == b"hello"


def test_small_packed_pieces_go_out_together() -> None:
    found = Gzip(1, 15, 8)
    assert [found.feed(b"x") for _ in range(100)] == [b""] * 100


def test_filters_follow_each_other() -> None:
    upper = Table(bytes(range(256)).upper())
    chain = Chain(substitution(["ab"]), upper)
    assert chain.feed(b"xa") == b"X"
    assert chain.flush() == b""
    assert chain.end() == b"A"


@pytest.mark.parametrize(
    ("said", "takes"),
    [
        *((b"gzip", True), (b"gzip, br", True), (b"br, gzip;q=0.5", True), (b"x-gzip, gzip", True)),
        *((b"gzip;q=0", False), (b"gzip;q=0.0000", False), (b"xgzip", False), (b"*", False), (b"", False)),
    ],
)
def test_who_takes_gzip(said: bytes, takes: bool) -> None:
    assert takes_gzip(said) is takes


@given(st.binary(max_size=40))
def test_any_accept_encoding_can_be_read(said: bytes) -> None:
    assert takes_gzip(said) in (True, False)
    assert is_msie6(said) in (True, False)


_FILES = """
server { listen 80; root {root}; gzip on; gzip_types *; gzip_comp_level 1; add_header X-Ratio $gzip_ratio; }
"""


def noise(size: int) -> bytes:
    """Octets that do not become fewer."""
    return zlib.compress(b"".join(b"%d" % (number * 7919) for number in range(size // 2)), 9)[:size]


def test_a_file_is_read_at_the_clients_pace(serve: Serve) -> None:
    serving = serve(_FILES)
    (serving.folder / "big").write_bytes(noise(1 << 20) * 12)
    client = serving.client(b"GET /big HTTP/1.1\r\nHost: s\r\nAccept-Encoding: gzip\r\n\r\n")
    serving.turn(50)
    (connection,) = serving.worker.connections
    assert connection.out.memory() < 1 << 20
    answer = serving.answer(client)
    assert len(answer) > 10 << 20
    assert answer.endswith(b"\r\n0\r\n\r\n")


def test_a_client_that_leaves_takes_the_file_with_it(serve: Serve) -> None:
    serving = serve(_FILES)
    (serving.folder / "big").write_bytes(noise(1 << 20) * 12)
    before = len(list(Path("/proc/self/fd").iterdir()))
    client = serving.client(b"GET /big HTTP/1.1\r\nHost: s\r\nAccept-Encoding: gzip\r\n\r\n")
    client.close()
    serving.turn(20)
    assert not serving.worker.connections
    assert len(list(Path("/proc/self/fd").iterdir())) <= before


def test_a_file_that_shrinks_ends_the_answer_without_its_end(serve: Serve) -> None:
    serving = serve(_FILES)
    file = serving.folder / "big"
    file.write_bytes(noise(1 << 20) * 12)
    client = serving.client(b"GET /big HTTP/1.1\r\nHost: s\r\nAccept-Encoding: gzip\r\n\r\n")
    file.write_bytes(b"")
    assert serving.answer(client).endswith(b"<end>")
    (line,) = serving.errors()
    assert line.startswith("[alert] ")
    assert f'pread() read only 0 of 32768 from "{file}" while sending response to client' in line


def test_a_file_that_cannot_be_read_on_ends_the_answer_and_the_request(serve: Serve) -> None:
    serving = serve(_FILES)
    file = serving.folder / "big"
    file.write_bytes(noise(1 << 20) * 12)
    client = serving.client(b"GET /big HTTP/1.1\r\nHost: s\r\nAccept-Encoding: gzip\r\n\r\n")
    (fd,) = (int(each.name) for each in Path("/proc/self/fd").iterdir() if each.resolve() == file)
    folder = os.open(serving.folder, os.O_RDONLY)
    os.dup2(folder, fd)
    os.close(folder)
    assert serving.answer(client).endswith(b"<end>")
    (line,) = serving.errors()
    assert "[crit] " in line
    assert f'pread() "{file}" failed (21: Is a directory) while sending response to client' in line
    assert not serving.worker.connections
