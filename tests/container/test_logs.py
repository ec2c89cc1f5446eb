"""Lines as they come, bounded in bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.container.logs import LONGEST_LINE, STDERR, STDOUT, Line, Log, limit


def test_pieces_become_lines_on_each_stream() -> None:
    log = Log(lambda: 1.0)
    log.feed(STDOUT, b"one\ntw")
    log.feed(STDERR, b"three\n")
    log.feed(STDOUT, b"o\nrest")
    log.end()
    assert log.lines() == (
        Line(1.0, STDOUT, b"one"),
        Line(1.0, STDERR, b"three"),
        Line(1.0, STDOUT, b"two"),
        Line(1.0, STDOUT, b"rest", b""),
    )


@given(st.lists(st.binary(max_size=60), max_size=60), st.integers(1, 2000))
def test_no_more_than_the_limit_is_kept_and_it_is_the_newest(pieces: list[bytes], limit: int) -> None:
    log, everything = Log(lambda: 0.0, limit), []
    log.follow(lambda line: everything.append(line))
    for piece in pieces:
        log.feed(STDOUT, piece)
    log.end()
    kept = log.lines()
    assert sum(len(line.text) for line in kept) <= limit
    assert log.size == sum(len(line.text) + 128 for line in kept)
    assert list(kept) == everything[len(everything) - len(kept) :]


def test_a_line_without_an_end_is_cut() -> None:
    log = Log(lambda: 0.0)
    log.feed(STDOUT, b"x" * (LONGEST_LINE * 2 + 5))
    assert [len(line.text) for line in log.lines()] == [LONGEST_LINE, LONGEST_LINE]
    log.end()
    assert len(log.lines()[-1].text) == 5
    assert all(line.end == b"" for line in log.lines()), "together they are what was written"


def test_many_empty_lines_are_bounded_too() -> None:
    log = Log(lambda: 0.0)
    log.feed(STDOUT, b"\n" * 100_000)
    assert len(log.lines()) < 10_000


@pytest.mark.parametrize(
    ("driver", "options", "kept"),
    [
        ("none", {}, 0),
        ("json-file", {"max-size": "10k", "max-file": "3"}, 30 << 10),
        ("json-file", {"max-size": "10m"}, 1 << 20),
        ("json-file", {"max-size": "500"}, 500),
        ("local", {}, 1 << 20),
    ],
)
def test_the_drivers_options_say_how_much_is_kept(driver: str, options: dict[str, str], kept: int) -> None:
    assert limit(driver, options) == kept


def test_a_follower_hears_of_the_end_until_it_goes() -> None:
    log, heard = Log(lambda: 0.0), []
    stop = log.follow(lambda line: heard.append(line.text), lambda: heard.append(b"end"))
    log.feed(STDOUT, b"a\n")
    log.end()
    stop()
    log.feed(STDOUT, b"b\n")
    assert heard == [b"a", b"end"]
