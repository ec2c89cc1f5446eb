"""A loop that runs until something is so, and what a container's watchers need around them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from emulator.container.children import Children
from emulator.container.process import Command
from emulator.swarm.loop import Loop

ENV = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}


class Rig:
    def __init__(self, folder: Path) -> None:
        self.loop = Loop()
        self.children = Children(self.loop)
        self.folder = folder

    def command(self, *argv: str, **env: str) -> Command:
        return Command(argv, {**ENV, **env}, str(self.folder))

    def until(self, so: Callable[[], bool], patience: float = 10.0) -> None:
        """Turn after turn; the alarm only ends a wait that would never end."""
        late: list[bool] = []
        alarm = self.loop.call_later(patience, lambda: late.append(True))
        while not so():
            assert not late, "it never came"
            self.loop._turn()
        alarm.cancel()
