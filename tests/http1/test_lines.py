"""Heads on their way out."""

from __future__ import annotations

from emulator.http1.lines import join


def test_sound_lines_are_joined_as_they_are() -> None:
    assert join(b"S\r\nD\r\n", [b"A: 1\r\n", b"\r\n"]) == b"S\r\nD\r\nA: 1\r\n\r\n"


def test_a_line_stays_one_line_whatever_is_in_it() -> None:
    lines = [b"GET /a\r\n\r\nGET /b HTTP/1.1\r\n", b"A: 1\rB: 2\n\r\n", b"\r\n"]
    assert join(b"", lines) == b"GET /aGET /b HTTP/1.1\r\nA: 1B: 2\r\n\r\n"


def test_an_empty_line_cannot_be_made_of_another() -> None:
    assert join(b"", [b"A: \r\n\r\n", b"B: 1\r\n"]) == b"A: \r\nB: 1\r\n"
