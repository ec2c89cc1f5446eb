"""Request bodies: JSON read as Go reads it into a struct, and refused in its words.

What a client leaves out is empty; what it says is of the right type or the request is refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ..swarm.errors import SwarmError
from ..swarm.model import Pairs

_NANO = 1_000_000_000
_KINDS = {str: "string", bool: "bool", int: "number", float: "number", list: "array", dict: "object"}


def bad(message: str) -> SwarmError:
    """Docker's errdefs.InvalidParameter."""
    return SwarmError(400, message)


def read(text: str, struct: str) -> Part:
    """The one object of a body, as `struct` of Docker's types; fields are told without its package."""
    found = value(text)
    if not isinstance(found, dict):
        raise bad(f"json: cannot unmarshal {kind_of(found)} into Go value of type {struct}")
    return Part(found, struct.rpartition(".")[2])


def value(text: str) -> Any:
    """JSON with the words of Go's decoder for what is none."""
    if not text.strip():
        raise bad("got EOF while reading request body")
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise bad(_words(text, error)) from None
    except RecursionError:
        raise bad("exceeded max depth") from None


def kind_of(found: object) -> str:
    """What Go's decoder calls a value of JSON."""
    return _KINDS.get(type(found), "null")


def _words(text: str, error: json.JSONDecodeError) -> str:
    at = error.pos
    while at < len(text) and text[at].isspace():
        at += 1
    if at >= len(text):
        return "unexpected EOF"
    if "property name" in error.msg:
        where = "beginning of object key string"
    elif "delimiter" in error.msg:
        where = "after object key:value pair" if "," in error.msg else "after object key"
        return f"invalid character {_quoted(text[at])} {where}"
    elif "Extra data" in error.msg:
        return f"invalid character {_quoted(text[at])} after top-level value"
    else:
        where = "beginning of value"
    return f"invalid character {_quoted(text[at])} looking for {where}"


def _quoted(character: str) -> str:
    return "'\\''" if character == "'" else f"'{character}'"


class Part:
    """One object of a body; each reading checks the type, and null counts as left out."""

    def __init__(self, fields: dict[str, Any], where: str) -> None:
        self.fields, self._where = fields, where

    def __contains__(self, key: str) -> bool:
        return self._get(key) is not None

    def text(self, key: str, default: str = "") -> str:
        return str(self._typed(key, str, "string", default))

    def flag(self, key: str, default: bool = False) -> bool:
        return bool(self._typed(key, bool, "bool", default))

    def number(self, key: str, default: int = 0, kind: str = "int64") -> int:
        found = self._typed(key, int, kind, default)
        if isinstance(found, bool):
            raise self._wrong(key, found, kind)
        if kind.startswith("uint") and found < 0:
            raise bad(
                f"json: cannot unmarshal number {found} into Go struct field {self._name(key)} of type {kind}"
            )
        return int(found)

    def ratio(self, key: str) -> float:
        found = self._typed(key, int | float, "float32", 0.0)
        if isinstance(found, bool):
            raise self._wrong(key, found, "float32")
        return float(found)

    def seconds(self, key: str, default: float = 0.0) -> float:
        """Go's time.Duration is nanoseconds."""
        return self.number(key, kind="time.Duration") / _NANO if key in self else default

    def part(self, key: str) -> Part | None:
        found = self._typed(key, dict, "struct", None)
        return None if found is None else Part(found, self._name(key))

    def parts(self, key: str) -> Iterator[Part]:
        for found in self._typed(key, list, "slice", []):
            if not isinstance(found, dict):
                raise self._wrong(key, found, "struct")
            yield Part(found, self._name(key))

    def texts(self, key: str) -> tuple[str, ...]:
        found = self._typed(key, list, "[]string", [])
        for item in found:
            if not isinstance(item, str):
                raise self._wrong(key, item, "string")
        return tuple(found)

    def pairs(self, key: str) -> Pairs:
        found = self._typed(key, dict, "map[string]string", {})
        for item in found.values():
            if not isinstance(item, str):
                raise self._wrong(key, item, "string")
        return tuple(sorted(found.items()))

    def _typed(self, key: str, kind: Any, name: str, default: Any) -> Any:
        found = self._get(key)
        if found is None:
            return default
        if not isinstance(found, kind):
            raise self._wrong(key, found, name)
        return found

    def _get(self, key: str) -> Any:
        """Go takes a key in any case; from then on it has the right one."""
        if key not in self.fields:
            other = next((name for name in self.fields if name.lower() == key.lower()), None)
            if other is not None:
                self.fields[key] = self.fields.pop(other)
        return self.fields.get(key)

    def _wrong(self, key: str, found: Any, kind: str) -> SwarmError:
        return bad(
            f"json: cannot unmarshal {kind_of(found)} into Go struct field {self._name(key)} of type {kind}"
        )

    def _name(self, key: str) -> str:
        return f"{self._where}.{key}"
