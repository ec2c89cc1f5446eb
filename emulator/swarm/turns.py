"""Whose turn it is: one counter for each service, shared by its balancer and by every proxy that dials it.

A proxy inherits counters when it is started, so there are some to spare for services that come later.
"""

from __future__ import annotations

from ..tasknamespace import Rotation

_SPARE = 16


class Turns:
    """Counters by key; the tables say which key is a service's."""

    def __init__(self) -> None:
        self._made: dict[str, Rotation] = {}
        self._free: list[str] = []
        self._keys: dict[str, str] = {}

    def key(self, service: str) -> str:
        """The key of a service's counter, by its name; the first free one is its own from now on."""
        if service not in self._keys:
            self._keys[service] = self._free.pop(0) if self._free else self._make()
        return self._keys[service]

    def next(self, service: str) -> int:
        return self._made[self.key(service)].next()

    def forget(self, service: str) -> None:
        key = self._keys.pop(service, None)
        if key is not None:
            self._free.append(key)

    def descriptors(self) -> tuple[tuple[str, int], ...]:
        """All that there are, for a process that is to be started."""
        while len(self._free) < _SPARE:
            self._free.append(self._make())
        return tuple((key, made.descriptor) for key, made in self._made.items())

    def close(self) -> None:
        for made in self._made.values():
            made.close()

    def _make(self) -> str:
        key = str(len(self._made))
        self._made[key] = Rotation.create(key)
        return key
