"""The memory that the workers of a configuration share: zones of keys, and counters. Most need none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.nginx.conf import ConfError

if TYPE_CHECKING:
    from emulator.nginx.counters import Counters
    from emulator.nginx.directives import State
    from emulator.nginx.zones import Zone


class Shared:
    """What is declared; `allocate` gets it its memory, in the master before it starts workers."""

    __slots__ = ("_counted", "counters", "zones")

    def __init__(self, state: State) -> None:
        self.zones: dict[str, Zone] = {
            each.name: each for name, each in state.zones.items() if name.startswith("zone ")
        }
        for zone in self.zones.values():
            if not zone.size:
                raise ConfError(f'zero size shared memory zone "{zone.name}"')
        self._counted = "counters" in state.zones or any(
            name.lower().startswith("connections_") for name in state.used
        )
        self.counters: Counters | None = None

    def allocate(self, earlier: Shared | None = None) -> None:
        """New memory, or that of the configuration before; raises ConfError where they do not agree."""
        if self.zones:
            from emulator.nginx.zones import allocate

            allocate(self.zones, earlier.zones if earlier is not None else {})
        if self._counted:
            from emulator.nginx.counters import Counters

            self.counters = (earlier.counters if earlier is not None else None) or Counters()
