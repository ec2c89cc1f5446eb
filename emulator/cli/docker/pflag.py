"""Words into flags by the rules of the client's own library: https://pkg.go.dev/github.com/spf13/pflag.

click has other rules: it has no `--detach=false`, and errors of its own. Here `--name=value` is the same as
`--name value`; a bool takes a value only after `=`; short flags can be joined, the last with its value; `--`
ends them; where the rest is for a container (`interspersed` is false), so does the first word that is none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from emulator.cli.docker.kinds import KINDS

Values = dict[str, Any]


class BadFlag(Exception):
    """A word that is no flag, or a flag with a value that is none."""


class HelpWanted(Exception):
    """--help, or -h, which has a line of its own."""


class Flag(NamedTuple):
    """A row of a verb's table; `kind` is a row of kinds.KINDS, and the word that help shows for the value."""

    name: str
    short: str
    kind: str
    help: str

    @property
    def shown(self) -> str:
        return f"-{self.short}, --{self.name}" if self.short else f"--{self.name}"


@dataclass(frozen=True, slots=True)
class Words:
    """What was said: a value for each flag that was named (a list where it may be repeated), and the rest."""

    values: Values
    rest: list[str]

    def get(self, name: str, default: Any = None) -> Any:
        return self.values.get(name, default)

    def __contains__(self, name: str) -> bool:
        return name in self.values


def parse(words: Sequence[str], flags: Sequence[Flag], interspersed: bool = True) -> Words:
    """The words of a command line, or the first thing that is wrong with them."""
    names = {flag.name: flag for flag in flags}
    shorts = {flag.short: flag for flag in flags if flag.short}
    found, rest, left = Words({}, []), [], list(words)
    while left:
        word = left.pop(0)
        if word == "--":
            rest += left
            break
        if not word.startswith("-") or word == "-":
            rest.append(word)
            if not interspersed:
                rest += left
                break
        elif word.startswith("--"):
            _long(word, names, left, found.values)
        else:
            _short(word, shorts, left, found.values)
    return Words(found.values, rest)


def _long(word: str, names: Mapping[str, Flag], left: list[str], values: Values) -> None:
    name, equals, value = word[2:].partition("=")
    if not name or name.startswith("-"):
        raise BadFlag(f"bad flag syntax: {word}")
    if name == "help":
        raise HelpWanted("--help")
    if name not in names:
        raise BadFlag(f"unknown flag: --{name}")
    if not equals and names[name].kind == "bool":
        value = "true"
    elif not equals:
        value = _next(left, f"--{name}")
    _set(names[name], value, values)


def _short(word: str, shorts: Mapping[str, Flag], left: list[str], values: Values) -> None:
    letters = word[1:]
    while letters:
        letter, letters = letters[0], letters[1:]
        if letter == "h" and letter not in shorts:
            raise HelpWanted("-h")
        if letter not in shorts:
            raise BadFlag(f"unknown shorthand flag: {letter!r} in {word}")
        flag = shorts[letter]
        if letters.startswith("="):
            value, letters = letters[1:], ""
        elif flag.kind == "bool":
            value = "true"
        elif letters:
            value, letters = letters, ""
        else:
            value = _next(left, f"{letter!r} in {word}")
        _set(flag, value, values)


def _next(left: list[str], flag: str) -> str:
    if not left:
        raise BadFlag(f"flag needs an argument: {flag}")
    return left.pop(0)


def _set(flag: Flag, text: str, values: Values) -> None:
    kind = KINDS[flag.kind]
    try:
        value = kind.read(text)
    except ValueError as error:
        raise BadFlag(f'invalid argument "{text}" for "{flag.shown}" flag: {error}') from None
    if not kind.repeated:
        values[flag.name] = value
    else:
        values.setdefault(flag.name, []).extend(value if isinstance(value, list) else [value])
