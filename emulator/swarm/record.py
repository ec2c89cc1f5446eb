"""The swarm's objects as JSON texts and back: what the journal keeps of them.

A value is written by its fields' names, and only where it differs from the default: what an older or a
newer version of the model has more or less of does no harm. Tuples are lists, an enum is its class and value.
"""

from __future__ import annotations

import json
from enum import StrEnum
from functools import cache
from typing import Any

from .. import settings as described
from . import cluster, model

_CLASS, _VALUE = "", "value"


class Unreadable(Exception):
    """A text that no version of the model has written."""


def dump(thing: tuple[Any, ...]) -> str:
    """One object, its parts included."""
    return json.dumps(_plain(thing), separators=(",", ":"), ensure_ascii=False)


def load(text: str) -> Any:
    try:
        return json.loads(text, object_hook=_revived, parse_constant=float)
    except (ValueError, TypeError, KeyError) as error:
        raise Unreadable(f"{error}: {text[:60]}") from None


def _plain(value: Any) -> Any:
    if isinstance(value, StrEnum):
        return {_CLASS: type(value).__name__, _VALUE: value.value}
    if not isinstance(value, tuple):
        return value
    if not hasattr(value, "_fields"):
        return [_plain(part) for part in value]
    shape: Any = type(value)
    defaults = shape._field_defaults
    plain = {_CLASS: shape.__name__}
    for name, part in zip(shape._fields, value, strict=True):
        if name not in defaults or defaults[name] != part:
            plain[name] = _plain(part)
    return plain


def _revived(plain: dict[str, Any]) -> Any:
    kind = _kinds()[plain.pop(_CLASS)]
    if issubclass(kind, StrEnum):
        return kind(plain[_VALUE])
    known = {name: _tuples(part) for name, part in plain.items() if name in kind._fields}
    return kind(**known)


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


@cache
def _kinds() -> dict[str, Any]:
    """Every class that a stored object may have in it; of two with a name, the swarm's."""
    return {
        name: thing
        for room in (described, model, cluster)
        for name, thing in vars(room).items()
        if isinstance(thing, type) and (hasattr(thing, "_fields") or issubclass(thing, StrEnum))
    }
