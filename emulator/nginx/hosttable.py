"""Values by host name: exact, `*.example.org`, `.example.org` and `www.example.*` (ngx_hash.c).

Without wildcards it is a plain table of keys without regard to case.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from emulator.nginx.conf import ENCODING
from emulator.nginx.directives import BadValue

Value = TypeVar("Value")
Item = TypeVar("Item")


class HostTable(Generic[Value]):
    """Grows by `add`, answers by `find`."""

    __slots__ = ("_exact", "_heads", "_tails", "_taken")

    def __init__(self) -> None:
        self._exact: dict[bytes, Value] = {}
        self._taken: set[bytes] = set()  # the exact names, and those that a leading dot stands for as well
        self._heads: dict[bytes, tuple[Value, bool]] = {}  # the rest of a name; whether the rest alone counts
        self._tails: dict[bytes, Value] = {}

    def __bool__(self) -> bool:
        return bool(self._exact or self._heads or self._tails)

    def add(self, key: str, value: Value, wildcards: bool) -> None:
        """As ngx_hash_add_key; raises BadValue in the words of those who call it."""
        if wildcards and (key.count("*") > 1 or ".." in key or "\0" in key):
            raise BadValue(f'invalid hostname or wildcard "{key}"')
        name = key.lower() if key.isascii() else key.encode(*ENCODING).lower().decode(*ENCODING)
        kept = name.encode(*ENCODING)
        if wildcards and len(kept) > 1 and kept.startswith(b"."):
            self._claim(kept[1:], name)
            self._put(self._heads, kept[1:], (value, True), name)
        elif wildcards and len(kept) > 2 and kept.startswith(b"*."):
            self._put(self._heads, kept[2:], (value, False), name)
        elif wildcards and len(kept) > 2 and kept.endswith(b".*"):
            self._put(self._tails, kept[:-2], value, name)
        elif wildcards and "*" in key:
            raise BadValue(f'invalid hostname or wildcard "{key}"')
        else:
            self._claim(kept, name)
            self._exact[kept] = value

    def _claim(self, key: bytes, shown: str) -> None:
        if key in self._taken:
            raise BadValue(f'conflicting parameter "{shown}"')
        self._taken.add(key)

    @staticmethod
    def _put(table: dict[bytes, Item], key: bytes, value: Item, shown: str) -> None:
        if key in table:
            raise BadValue(f'conflicting parameter "{shown}"')
        table[key] = value

    def find(self, name: bytes) -> Value | None:
        """As ngx_hash_find_combined, for a name in lower case: exact, longest rest, longest beginning."""
        found = self._exact.get(name)
        if found is not None or not name:
            return found
        if self._heads and (head := self._head(name)) is not None:
            return head
        return self._tail(name) if self._tails else None

    def _head(self, name: bytes) -> Value | None:
        whole = self._heads.get(name)
        if whole is not None and whole[1]:
            return whole[0]
        at = name.find(b".")
        while at >= 0:
            rest = self._heads.get(name[at + 1 :])
            if rest is not None:
                return rest[0]
            at = name.find(b".", at + 1)
        return None

    def _tail(self, name: bytes) -> Value | None:
        at = name.rfind(b".")
        while at > 0:
            if (found := self._tails.get(name[:at])) is not None:
                return found
            at = name.rfind(b".", 0, at)
        return None
