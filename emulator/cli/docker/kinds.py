"""What the value of a flag is: from its text to what the Engine API wants, or a ValueError in Go's words."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from emulator.cli.docker.csvwords import mount, network, port, preference
from emulator.cli.docker.units import size

NANOSECONDS = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
BOOLS = {
    **dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True),
    **dict.fromkeys(("0", "f", "F", "false", "FALSE", "False"), False),
}


class Kind(NamedTuple):
    """How a value is read, and whether its flag may be said again."""

    read: Callable[[str], Any]
    repeated: bool = False


def boolean(text: str) -> bool:
    """As strconv.ParseBool."""
    if text not in BOOLS:
        raise ValueError(f'strconv.ParseBool: parsing "{text}": invalid syntax')
    return BOOLS[text]


def unsigned(text: str) -> int:
    """As strconv.ParseUint."""
    if not re.fullmatch(r"[0-9]+", text):
        raise ValueError(f'strconv.ParseUint: parsing "{text}": invalid syntax')
    return int(text)


def integer(text: str) -> int:
    """As strconv.ParseInt."""
    if not re.fullmatch(r"[+-]?[0-9]+", text):
        raise ValueError(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    return int(text)


def real(text: str) -> float:
    """As strconv.ParseFloat."""
    try:
        return float(text)
    except ValueError:
        raise ValueError(f'strconv.ParseFloat: parsing "{text}": invalid syntax') from None


def duration(text: str) -> int:
    """Nanoseconds, as Go's time.ParseDuration."""
    rest, total = text.lstrip("+-") if text[:1] in "+-" else text, Decimal(0)
    if rest == "0":
        return 0
    if not rest:
        raise ValueError(f'time: invalid duration "{text}"')
    while rest:
        number = re.match(r"[0-9]*\.?[0-9]*", rest)
        if number is None or not number[0].strip("."):
            raise ValueError(f'time: invalid duration "{text}"')
        rest = rest[number.end() :]
        unit = re.match(r"[^0-9.]*", rest)
        word = unit[0] if unit else ""
        if not word:
            raise ValueError(f'time: missing unit in duration "{text}"')
        if word not in NANOSECONDS:
            raise ValueError(f'time: unknown unit "{word}" in duration "{text}"')
        total, rest = total + Decimal(number[0]) * NANOSECONDS[word], rest[len(word) :]
    return int(-total if text.startswith("-") else total)


def positive(text: str) -> int:
    """As the client's PositiveDurationOpt: the durations of a health check."""
    found = duration(text)
    if found < 0:
        raise ValueError("duration cannot be negative")
    return found


def cpus(text: str) -> int:
    """Billionths of a processor, as the client's ParseCPUs."""
    try:
        return int(Decimal(text) * 10**9)
    except InvalidOperation:
        raise ValueError(f"failed to parse {text} as a rational number") from None


def condition(text: str) -> tuple[str, str]:
    """A filter, as the client's FilterOpt."""
    name, equals, value = text.partition("=")
    if not text:
        raise ValueError("invalid filter")
    if not equals:
        raise ValueError("bad format of filter (expected name=value)")
    return name.strip().lower(), value.strip()


def variable(text: str) -> str:
    """One of the environment: NAME=value, or NAME for the value that it has here."""
    if not text.partition("=")[0]:
        raise ValueError(f"invalid environment variable: {text}")
    return text


def pair(text: str) -> tuple[str, str]:
    """As the client's MapOpts."""
    name, _, value = text.partition("=")
    return name, value


def host(text: str) -> str:
    """An entry for /etc/hosts, NAME:ADDRESS."""
    name, colon, address = text.partition(":")
    if not (name and colon and address):
        raise ValueError(f'bad format for add-host: "{text}"')
    return text


def shell_words(text: str) -> list[str]:
    """As the client's ShlexOpt."""
    import shlex

    return shlex.split(text)


KINDS = {
    "bool": Kind(boolean),
    "string": Kind(str),
    "uint": Kind(unsigned),
    "int": Kind(integer),
    "float": Kind(real),
    "duration": Kind(duration),
    "health": Kind(positive),
    "bytes": Kind(size),
    "decimal": Kind(cpus),
    "command": Kind(shell_words),
    "list": Kind(str, True),
    "strings": Kind(lambda text: text.split(","), True),
    "map": Kind(pair, True),
    "env": Kind(variable, True),
    "hosts": Kind(host, True),
    "filter": Kind(condition, True),
    "mount": Kind(mount, True),
    "network": Kind(network, True),
    "port": Kind(port, True),
    "pref": Kind(preference, True),
}
