"""Times as Go writes them."""

from __future__ import annotations

import time

_NEVER = "0001-01-01T00:00:00Z"


def moment(seconds: float) -> str:
    """RFC 3339 with a fraction, without its zeros at the end."""
    if not seconds:
        return _NEVER
    whole, fraction = divmod(round(seconds * 1e6), 10**6)
    digits = f".{fraction:06}".rstrip("0").rstrip(".")
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}{digits}Z"


def stamp(seconds: float) -> str:
    """As before a line of a log: all nine digits, so that the lines stand in columns (RFC3339NanoFixed)."""
    whole, fraction = divmod(round(seconds * 1e6), 10**6)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}.{fraction:06}000Z"


def span(seconds: float) -> str:
    """go-units' HumanDuration."""
    whole = int(seconds)
    if whole < 1:
        return "Less than a second"
    for size, limit, word in (
        (1, 60, "second"),
        (60, 60, "minute"),
        (3600, 48, "hour"),
        (86400, 14, "day"),
        (604800, 9, "week"),
        (2592000, 24, "month"),
    ):
        count = whole // size if size < 3600 else round(seconds / size)
        if count < limit:
            special = {"minute": "About a minute", "hour": "About an hour"}
            if count <= 1:
                return special.get(word, f"{count} {word}")
            return f"{count} {word}s"
    return f"{round(seconds / 31536000)} years"
