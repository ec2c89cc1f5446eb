"""Set-Cookie as it passes through."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from emulator.nginx.proxycookie import edited, parse, written

TEXT = some.binary(max_size=40).map(lambda text: text.replace(b"\r", b"").replace(b"\n", b""))


def test_a_cookie_is_its_name_and_value_then_its_attributes() -> None:
    assert parse(b"a=b=c ; Path = / ;Secure; ") == [
        (b"a", b"b=c"),
        (b"Path", b"/"),
        (b"Secure", None),
        (b"", None),
    ]


@given(TEXT)
def test_what_was_written_is_parsed_to_the_same_parts(value: bytes) -> None:
    parts = parse(value)
    assert parse(written(parts)) == parts


@pytest.mark.parametrize(
    ("attributes", "words", "after"),
    [
        (b"Path=/", b"secure", b"Path=/; Secure"),
        (b"secure; Path=/", b"secure", b"secure; Path=/"),
        (b"SECURE; Path=/", b"nosecure", b"Path=/"),
        (b"Path=/", b"samesite=lax httponly secure", b"Path=/; Secure; HttpOnly; SameSite=Lax"),
        (b"samesite=none", b"samesite=none", b"samesite=none"),
        (b"samesite=none", b"samesite=strict", b"SameSite=Strict"),
        (b"samesite=none; x", b"nosamesite", b"x"),
        (b"secure", b"secure nosecure", b"secure"),
        (b"httponly", b"wrong", b"httponly"),
    ],
)
def test_flags_are_set_in_their_place_or_at_the_end(attributes: bytes, words: bytes, after: bytes) -> None:
    assert written(edited(parse(attributes), words.split())) == after
