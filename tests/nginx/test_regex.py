"""Regular expressions: PCRE's spelling, Python's engine, the same matches."""

from __future__ import annotations

import pytest

from emulator.nginx.directives import BadValue
from emulator.nginx.regex import compiled, translated


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        (r"\.(jpg|png)$", b"/a.png", b"/a.png/"),
        (r"^/(?<name>[^/]+)/", b"/abc/", b"//"),
        (r"^/(?'name'a+)$", b"/aa", b"/b"),
        (r"[[:alpha:]_]+\z", b"ab_", b"ab_1"),
        (r"^\h\H$", b" x", b"xx"),
        (r"a\Qb.c\Ed", b"ab.cd", b"abxcd"),
        (r"^[\w-.]+$", b"a-b.c", b"a b"),
        (r"^[[a]$", b"[", b"b"),
        (r"^[]a]$", b"]", b"b"),
        (r"^\x{41}\x41$", b"AA", b"AB"),
        (r"a(?i)b|c", b"C", b"A"),
        (r"^(?:x(?i)y|z)w$", b"Zw", b"ZW"),
        (r"^(?<a>.)\k<a>$", b"xx", b"xy"),
        (r"^\d{2,3}$", b"12", b"1"),
        ("^é$", "é".encode(), b"e"),
    ],
)
def test_patterns_match_as_in_pcre(pattern: str, matching: bytes, other: bytes) -> None:
    assert compiled(pattern).search(matching)
    assert not compiled(pattern).search(other)


def test_a_caseless_pattern_ignores_case() -> None:
    assert compiled("abc", True).search(b"xABCx")
    assert not compiled("abc").search(b"xABCx")


def test_the_names_of_groups_are_those_of_variables_without_case() -> None:
    assert set(compiled("(?<User>a)(?P<ID>b)").groupindex) == {"user", "id"}


def test_plain_patterns_are_left_alone() -> None:
    assert translated("^/static(/|$)") == "^/static(/|$)"


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("(", 'missing ) in "("'),
        ("a)", 'unmatched parentheses in "a)" at ")"'),
        ("[a", 'missing terminating ] for character class in "[a"'),
        ("a**", 'nothing to repeat in "a**" at "*"'),
        ("[b-a]", 'range out of order in character class in "[b-a]" at "a]"'),
        ("a{2,1}", 'numbers out of order in {} quantifier in "a{2,1}" at "}"'),
        ("(?<1>a)", 'group name must start with a non-digit in "(?<1>a)" at "1>a)"'),
        ("(?<a>b)(?<a>c)", 'two named subpatterns have the same name in "(?<a>b)(?<a>c)" at ">c)"'),
        ("(?<=a*)", 'lookbehind assertion is not fixed length in "(?<=a*)" at ")"'),
        ("[[:x:]]", 'unknown POSIX class name in "[[:x:]]" at "x:]]"'),
    ],
)
def test_mistakes_are_said_in_pcres_words(pattern: str, said: str) -> None:
    with pytest.raises(BadValue) as error:
        compiled(pattern)
    assert str(error.value) == f"pcre_compile() failed: {said}"
