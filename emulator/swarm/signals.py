"""Signals by name or number, as Docker takes them."""

from __future__ import annotations

import signal


def number(name: str) -> int:
    """SIGTERM, TERM, term or 15; ValueError in Docker's words otherwise."""
    if name.isdigit() and int(name) in {known.value for known in signal.Signals}:
        return int(name)
    try:
        return signal.Signals[f"SIG{name.upper().removeprefix('SIG')}"].value
    except KeyError:
        raise ValueError(f"Invalid signal: {name}") from None
