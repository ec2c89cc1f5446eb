"""ngx_http_rewrite_module: return, rewrite, if, set, break."""

from __future__ import annotations

import re
from typing import NamedTuple

from emulator.nginx import regex
from emulator.nginx.directives import BadValue, Block, Directive, not_yet
from emulator.nginx.modules.listen import define, define_captures
from emulator.nginx.rows import (
    HSL,
    LI,
    NO_EFFECT,
    NONE,
    ONE_TWO,
    SI,
    TWO,
    L,
    S,
    flag,
    row,
    uses_variables,
)
from emulator.nginx.values import number
from emulator.nginx.variablenames import CHANGEABLE
from emulator.nginx.variables import is_implemented

MODULE = "ngx_http_rewrite_module"

_ANY = S | L | SI | LI
_TWO_THREE = frozenset((2, 3))


class Return(NamedTuple):
    """What to answer at once: for 301, 302, 303, 307 and 308 `text` is a URL, else a body."""

    status: int
    text: str | None = None


def place_return(block: Block, args: tuple[str, ...]) -> Return:
    """As ngx_http_rewrite_return: a lone URL means 302."""
    code = number(args[0])
    text = args[1] if len(args) > 1 else None
    if code is None:
        if text is not None or not args[0].startswith(("http://", "https://", "$scheme")):
            raise BadValue(f'invalid return code "{args[0]}"')
        code, text = 302, args[0]
    if code > 999:
        raise BadValue(f'invalid return code "{args[0]}"')
    if text is not None:
        uses_variables(block, text)
    return Return(code, text)


class Rewrite(NamedTuple):
    """`flag` is last, break, redirect, permanent, or "" to go on with the next directive."""

    pattern: re.Pattern[bytes]
    replacement: str
    flag: str = ""


class Condition(NamedTuple):
    """What an `if` asks: `operator` "" (is it set?), =, !=, ~, !~, or -f -d -e -x with or without `!`."""

    operator: str
    variable: str
    operand: str = ""
    pattern: re.Pattern[bytes] | None = None


class Set(NamedTuple):
    """`name` without its dollar sign gets what `value` then stands for."""

    name: str
    value: str


def place_rewrite(block: Block, args: tuple[str, ...]) -> Rewrite:
    """As ngx_http_rewrite: a replacement that names a scheme is a redirect by itself."""
    pattern = regex.compiled(args[0], False)
    define_captures(block, pattern)
    replacement = args[1]
    if not replacement:
        raise BadValue("empty replacement")
    flag_word = args[2] if len(args) > 2 else ""
    if flag_word not in ("", "last", "break", "redirect", "permanent"):
        raise BadValue(f'invalid parameter "{flag_word}"')
    if flag_word != "permanent" and replacement.startswith(("http://", "https://", "$scheme")):
        flag_word = "redirect"
    uses_variables(block, replacement)
    return Rewrite(pattern, replacement, flag_word)


def place_set(block: Block, args: tuple[str, ...]) -> Set:
    """As ngx_http_rewrite_set."""
    name, value = args
    if not name.startswith("$") or len(name) < 2:
        raise BadValue(f'invalid variable name "{name}"')
    name = name[1:].lower()
    define(block, name)
    if name in CHANGEABLE and not is_implemented(name):
        raise not_yet(f'setting the "{name}" variable')
    uses_variables(block, value)
    return Set(name, value)


def place_if(block: Block, args: tuple[str, ...]) -> Condition:
    """As ngx_http_rewrite_if_condition: the parentheses may stand apart or touch the words."""
    words = list(args)
    if not words[0].startswith("("):
        raise BadValue(f'invalid condition "{words[0]}"')
    words[0] = words[0][1:]
    if not words[-1].endswith(")"):
        raise BadValue(f'invalid condition "{words[-1]}"')
    if words == [")"]:
        raise BadValue('invalid condition ")"')
    words[-1] = words[-1][:-1]
    words = words[len(words) > 1 and not words[0] :]
    if len(words) > 1 and not words[-1] and args[-1] == ")":
        words.pop()
    first = words[0]
    if len(first) > 1 and first.startswith("$"):
        return _variable_condition(block, words)
    if len(words) == 2 and first in _FILE_TESTS:
        uses_variables(block, words[1])
        return Condition(first, "", words[1])
    raise BadValue(f'invalid condition "{first}"')


_FILE_TESTS = tuple(f"{mark}-{letter}" for mark in ("", "!") for letter in "fdex")


def _variable_condition(block: Block, words: list[str]) -> Condition:
    if len(words) not in (1, 3):
        raise BadValue(f'invalid condition "{words[0]}"')
    variable = words[0][1:].lower()  # all of it is the name: no braces, no second variable
    block.state.used[variable] = None
    if len(words) == 1:
        return Condition("", variable)
    operator, operand = words[1], words[2]
    if operator in ("=", "!="):
        uses_variables(block, operand)
        return Condition(operator, variable, operand)
    if operator in ("~", "~*", "!~", "!~*"):
        pattern = regex.compiled(operand, operator.endswith("*"))
        define_captures(block, pattern)
        return Condition(operator.rstrip("*"), variable, operand, pattern)
    raise BadValue(f'unexpected "{operator}" in condition')


DIRECTIVES: tuple[Directive, ...] = (
    row("rewrite", _ANY, _TWO_THREE, "Change the URI by a pattern.", (), check=place_rewrite, repeat=True),
    row("return", _ANY, ONE_TWO, "Answer at once.", (), check=place_return, repeat=True),
    row("break", _ANY, NONE, "Stop the directives of this module here.", (), repeat=True),
    row("if", S, None, "What holds under a condition.", (), block=SI, check=place_if, repeat=True),
    row("if", L, None, "What holds under a condition.", (), block=LI, check=place_if, repeat=True),
    row("set", _ANY, TWO, "Give a variable a value.", (), check=place_set, repeat=True),
    flag("rewrite_log", HSL | SI | LI, "Log what rewriting does.", False, NO_EFFECT),
    flag("uninitialized_variable_warn", HSL | SI | LI, "Warn of variables without a value.", True, NO_EFFECT),
)
