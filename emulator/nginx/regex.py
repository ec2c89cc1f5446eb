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

# Python's complaint -> PCRE's words, and how many characters after Python's place PCRE points (None: nowhere)
_WORDS = (
    ("missing ), unterminated subpattern", "missing )", None),
    ("unbalanced parenthesis", "unmatched parentheses", 0),
    ("unterminated character set", "missing terminating ] for character class", None),
    ("nothing to repeat", "nothing to repeat", 0),
    ("multiple repeat", "nothing to repeat", 0),
    ("bad escape (end of pattern)", "\\ at end of pattern", None),
    ("bad character range", "range out of order in character class", 2),
    ("min repeat greater than max repeat", "numbers out of order in {} quantifier", 0),
    ("redefinition of group name", "two named subpatterns have the same name", 0),
    ("unknown group name", "reference to non-existent subpattern", 0),
    ("unknown extension", "unrecognized character after (? or (?-", 0),
    ("look-behind requires fixed-width pattern", "lookbehind assertion is not fixed length", 0),
    ("invalid group reference", "reference to non-existent subpattern", None),
    ("unexpected end of pattern", "missing )", None),
)
_POSIX_NAME = re.compile(r"\[:([a-z]+):\]")
_FLAGS = re.compile(r"\(\?([A-Za-z]*)(-[A-Za-z]+)?([:)])")


@functools.cache
def compiled(pattern: str, caseless: bool = False) -> re.Pattern[bytes]:
    """The pattern for Python's engine, or BadValue in the words of ngx_regex_compile."""
    parts = _parts(pattern)
    ours = "".join(text for text, _ in parts)
    try:
        return re.compile(ours.encode(*ENCODING), re.IGNORECASE if caseless else 0)
    except re.error as error:
        raise _complaint(pattern, error.msg, _origin(parts, error.pos or 0)) from None


def _origin(parts: list[tuple[str, int]], place: int) -> int:
    """Where a place in the translation was in the pattern."""
    for text, begin in parts:
        if place < len(text):
            return begin + (place if len(text) > 1 else 0)
        place -= len(text)
    return parts[-1][1] + 1 if parts else 0


def _complaint(pattern: str, message: str, place: int) -> BadValue:
    known = (entry for entry in _WORDS if message.startswith(entry[0]))
    _, words, shift = next(known, ("", message, None))
    if message.startswith("look-behind"):
        place = _closing(pattern, pattern.find("(?<"))
    elif message.startswith("min repeat"):
        place = pattern.find("}", place)
    elif message.startswith("unknown group name"):
        place = pattern.find(">", place)
    elif message.startswith("redefinition"):
        name = message.split("'")[1]
        place = pattern.rfind(f"<{name}>") + 1 + len(name)
    return _failed(pattern, words, len(pattern) if shift is None else place + shift)


def _failed(pattern: str, words: str, place: int) -> BadValue:
    where = f' at "{pattern[place:]}"' if place < len(pattern) else ""
    return BadValue(f'pcre_compile() failed: {words} in "{pattern}"{where}')


def _closing(pattern: str, at: int) -> int:
    depth = 0
    for place in range(at, len(pattern)):
        depth += {"(": 1, ")": -1}.get(pattern[place], 0)
        if not depth:
            return place
    return len(pattern)


def translated(pattern: str) -> str:
    """PCRE's spelling into Python's."""
    return "".join(text for text, _ in _parts(pattern))


def _parts(pattern: str) -> list[tuple[str, int]]:
    """The translation in pieces, each with the place that it comes from."""
    if not any(mark in pattern for mark in ("\\", "[", "(?")):
        return [(sign, at) for at, sign in enumerate(pattern)]
    parts: list[tuple[str, int]] = []
    groups = [""]  # for each open group, the flags that hold from somewhere in it to its end
    at = 0
    while at < len(pattern):
        begin, sign = at, pattern[at]
        if sign == "\\":
            text, at = _escape(pattern, at)
        elif sign == "[":
            text, at = _class(pattern, at)
        elif sign == "(":
            text, at = _opening(pattern, at, groups)
        else:
            text, at = _plain(sign, groups), at + 1
        parts.append((text, begin))
    return [*parts, (")" * groups[0].count(":"), len(pattern))] if groups[0] else parts


def _plain(sign: str, groups: list[str]) -> str:
    """Python has no flags that hold from here on: they become a group, closed and opened again at a bar."""
    if sign == "|" and groups[-1]:
        return ")" * groups[-1].count(":") + "|" + groups[-1]
    if sign == ")" and len(groups) > 1:
        return ")" * groups.pop().count(":") + ")"
    return sign


def _opening(pattern: str, at: int, groups: list[str]) -> tuple[str, int]:
    is_behind = pattern.startswith(("(?<=", "(?<!"), at)
    if pattern.startswith(("(?<", "(?'", "(?P<"), at) and not is_behind:
        groups.append("")
        return _named_group(pattern, at)
    flags = _FLAGS.match(pattern, at)
    if flags is None:
        groups.append("")
        return "(", at + 1
    unknown = next((sign for sign in flags[1] if sign not in "imsxnJUX"), "")
    if unknown:
        raise _complaint(pattern, "unknown extension", at + 2 + flags[1].index(unknown))
    if flags[3] == ":" or at == 0:
        groups.append("") if flags[3] == ":" else None
        return flags[0], flags.end()
    group = flags[0][:-1] + ":"
    groups[-1] += group
    return group, flags.end()


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
        return f"(?P={pattern[at + 3 : end].lower()})", end + 1
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
        posix = _POSIX_NAME.match(pattern, at)
        if posix:
            if posix[1] not in _POSIX:
                raise _failed(pattern, "unknown POSIX class name", at + 2)
            out.append(_POSIX[posix[1]])
            at = posix.end()
        elif sign == "\\" and at + 1 < len(pattern):
            letter = pattern[at + 1]
            plain = letter if letter.isalpha() and letter not in _KNOWN else pattern[at : at + 2]
            out.append(_IN_CLASS.get(letter, plain))
            at += 2
            if letter in "wWdDsSh" and pattern[at : at + 1] == "-":  # a range cannot begin with a class
                out.append("\\-")
                at += 1
        else:
            out.append("\\" + sign if sign in "[&~|]" else sign)
            at += 1
    return pattern[begin - 1 :], at


def _named_group(pattern: str, at: int) -> tuple[str, int]:
    begin = at + (4 if pattern[at + 2] == "P" else 3)
    end = begin
    while end < len(pattern) and (pattern[end] == "_" or pattern[end].isalnum()):
        end += 1
    name = pattern[begin:end]
    if name[:1].isdigit():
        raise _failed(pattern, "group name must start with a non-digit", begin)
    if not name:
        raise _failed(pattern, "unrecognized character after (?<", begin)
    if pattern[end : end + 1] not in (">", "'"):
        raise _failed(pattern, "syntax error in subpattern name (missing terminator)", end)
    return f"(?P<{name.lower()}>", end + 1  # a variable's name has no case
