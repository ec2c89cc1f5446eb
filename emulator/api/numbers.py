"""Numbers in a query, read as Go's strconv reads them and refused in its words, with dockerd's status 500."""

from __future__ import annotations

import re

from ..swarm.errors import SwarmError

_LIMIT = 1 << 63


def atoi(text: str, function: str = "Atoi") -> int:
    if not re.fullmatch(r"[+-]?[0-9]+", text, re.ASCII):
        raise _refused(function, text, "invalid syntax")
    number = int(text)
    if not -_LIMIT <= number < _LIMIT:
        raise _refused(function, text, "value out of range")
    return number


def unsigned(text: str) -> int:
    """A port: 16 bits."""
    if not re.fullmatch(r"[0-9]+", text, re.ASCII):
        raise _refused("ParseUint", text, "invalid syntax")
    if int(text) >= 1 << 16:
        raise _refused("ParseUint", text, "value out of range")
    return int(text)


def seconds(text: str | None) -> float:
    """A time as the clients send it: seconds since the epoch, and nanoseconds after a point."""
    if not text:
        return 0.0
    whole, _, fraction = text.partition(".")
    return atoi(whole, "ParseInt") + (atoi(fraction, "ParseInt") / 10 ** len(fraction) if fraction else 0.0)


def _refused(function: str, text: str, why: str) -> SwarmError:
    return SwarmError(500, f'strconv.{function}: parsing "{text}": {why}')
