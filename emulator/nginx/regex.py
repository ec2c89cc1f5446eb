"""Regular expressions: nginx has PCRE's, Python almost the same; what differs is translated here.

Patterns work on bytes, as nginx's do. Refused by Python alone, and so by us: recursion, conditions on
assertions, callouts, Unicode properties, and quantifiers in a look-behind.
"""

from __future__ import annotations

import functools
import re

from emulator.nginx.conf import ENCODING
from emulator.nginx.directives import BadValue

_POSIX = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "ascii": r"\x00-\x7f",
    "blank": r" \t",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": r"!-/:-@\[-`{-~",
    "space": r"\s",
    "upper": "A-Z",
    "word": r"\w",
    "xdigit": "0-9A-Fa-f",
}
_ESCAPES = {
    "h": r"[ \t]",
    "H": r"[^ \t]",
    "N": r"[^\n]",
    "R": r"(?:\r\n|[\n\x0b\f\r])",
    "z": r"\Z",
    "Z": r"(?=\n?\Z)",
    "e": r"\x1b",
    "G": "",
}
_IN_CLASS = {"h": r" \t", "e": r"\x1b", "b": r"\x08"}
_KNOWN = frozenset("abfnrtvxdDwWsSAB")  # the letters that mean the same after a backslash in both

# Python's complaint -> PCRE's, and where PCRE points to (None: the end of the pattern)
_WORDS = (
    ("missing ), unterminated subpattern", "missing )", None),
    ("unbalanced parenthesis", "unmatched parentheses", 0),
    ("unterminated character set", "missing terminating ] for character class", None),
    ("nothing to repeat", "nothing to repeat", 0),
    ("multiple repeat", "nothing to repeat", 1),
    ("bad escape (end of pattern)", "\\ at end of pattern", None),
    ("bad character range", "range out of order in character class", 0),
    ("min repeat greater than max repeat", "numbers out of order in {} quantifier", 0),
    ("redefinition of group name", "two named subpatterns have the same name", 0),
    ("bad character in group name", "syntax error in subpattern name (missing terminator)", 0),
    ("missing group name", "subpattern name expected", 0),
    ("unknown extension", "unrecognized character after (? or (?-", 0),
    ("look-behind requires fixed-width pattern", "lookbehind assertion is not fixed length", 0),
    ("invalid group reference", "reference to non-existent subpattern", None),
    ("unexpected end of pattern", "missing )", None),
)


@functools.cache
def compiled(pattern: str, caseless: bool = False) -> re.Pattern[bytes]:
    """The pattern for Python's engine, or BadValue in the words of ngx_regex_compile."""
    try:
        return re.compile(translated(pattern).encode(*ENCODING), re.IGNORECASE if caseless else 0)
    except re.error as error:
        raise BadValue(_complaint(pattern, error)) from None


def _complaint(pattern: str, error: re.error) -> str:
    known = (entry for entry in _WORDS if error.msg.startswith(entry[0]))
    _, words, shift = next(known, ("", error.msg, None))
    rest = "" if shift is None else pattern[(error.pos or 0) + shift :]
    where = f' at "{rest}"' if rest else ""
    return f'pcre_compile() failed: {words} in "{pattern}"{where}'


def translated(pattern: str) -> str:
    """PCRE's spelling into Python's."""
    if not any(mark in pattern for mark in ("\\", "[", "(?", "$")):
        return pattern
    out: list[str] = []
    at = 0
    while at < len(pattern):
        sign = pattern[at]
        if sign == "\\":
            text, at = _escape(pattern, at)
        elif sign == "[":
            text, at = _class(pattern, at)
        elif pattern.startswith(("(?<", "(?'"), at) and pattern[at + 3 : at + 4] not in ("=", "!"):
            text, at = _named_group(pattern, at)
        else:
            text, at = sign, at + 1
        out.append(text)
    return "".join(out)


def _escape(pattern: str, at: int) -> tuple[str, int]:
    sign = pattern[at + 1 : at + 2]
    if sign == "Q":
        end = pattern.find("\\E", at)
        literal = pattern[at + 2 : end if end >= 0 else len(pattern)]
        return re.escape(literal), end + 2 if end >= 0 else len(pattern)
    if sign == "k" and pattern[at + 2 : at + 3] in ("<", "{", "'"):
        end = at + 3
        while end < len(pattern) and pattern[end] not in ">}'":
            end += 1
        return f"(?P={pattern[at + 3 : end]})", end + 1
    if sign == "x" and not re.match(r"[0-9A-Fa-f]{2}", pattern[at + 2 :]):
        digits = re.match(r"\{?([0-9A-Fa-f]{0,2})\}?", pattern[at + 2 :])
        assert digits
        return f"\\x{digits[1]:0>2}", at + 2 + digits.end()
    if sign in _ESCAPES:
        return _ESCAPES[sign], at + 2
    if sign.isascii() and sign.isalpha() and sign not in _KNOWN:
        return sign, at + 2
    return pattern[at : at + 2], at + 2


def _class(pattern: str, at: int) -> tuple[str, int]:
    """A character class: POSIX names spelled out, and escaped what Python might take for set operations."""
    out, begin = ["["], at + 1
    at = begin
    if pattern[at : at + 1] == "^":
        out.append("^")
        at += 1
    first = at
    while at < len(pattern):
        sign = pattern[at]
        if sign == "]" and at > first:
            return "".join([*out, "]"]), at + 1
        posix = re.compile(r"\[:(\^?)([a-z]+):\]").match(pattern, at)
        if posix and posix[2] in _POSIX:
            out.append(_POSIX[posix[2]])
            at = posix.end()
        elif sign == "\\" and at + 1 < len(pattern):
            letter = pattern[at + 1]
            plain = letter if letter.isalpha() and letter not in _KNOWN else pattern[at : at + 2]
            out.append(_IN_CLASS.get(letter, plain))
            at += 2
        else:
            out.append("\\" + sign if sign in "[&~|]" else sign)
            at += 1
    return pattern[begin - 1 :], at


def _named_group(pattern: str, at: int) -> tuple[str, int]:
    closing = pattern.find(">" if pattern[at + 2] == "<" else "'", at + 3)
    if closing < 0:
        return pattern[at], at + 1
    return f"(?P<{pattern[at + 3 : closing]}>", closing + 1
