"""When the store goes to disk, and what is said when it does not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from ..settings import Settings
from ..swarm.loop import Loop
from ..swarm.store import Object, Store
from .state import CannotStart

_AGAIN = 1.0


class Keeping:
    """The journal of one run; sqlite is imported when there is something to read, or time to write."""

    def __init__(self, store: Store, loop: Loop, path: Path, note: Callable[[str], None]) -> None:
        self._store, self._loop, self._path, self._note = store, loop, path, note
        self._begun = self._owing = False
        store.on_owing = self._owes

    def find(self) -> None:
        """What an earlier engine left; raises CannotStart when it cannot be read."""
        if self._path.exists():
            self.begin(read=True)

    def begin(self, *, read: bool = False) -> None:
        """From now on every change is kept; to be called before anything is acknowledged."""
        if self._begun:
            return
        self._begun = True
        from ..swarm.errors import Broken
        from ..swarm.journal import Journal

        try:
            journal = Journal(self._path)
            if read:
                self._store.adopt(*journal.read())
        except Broken as error:
            raise CannotStart(str(error)) from None
        self._store.keep(journal)

    def _owes(self, why: str) -> None:
        if not self._owing:
            self._owing = True
            self._note(
                f"{why}: until it can be written what happens is only remembered, and no verb is taken"
            )
        self._loop.call_later(_AGAIN, self._pay)

    def _pay(self) -> None:
        if self._owing and self._store.pay():
            self._owing = False
            self._note(f"{self._path} is written again")


def made_by_up(store: Store, settings: Settings) -> Iterable[Object]:
    """What goes with a plain `up`: what config.toml describes, and a swarm that has nothing else in it."""
    services = {service.name for service in settings.services}
    networks = {network.name for network in settings.networks}
    volumes = {volume.name for volume in settings.volumes}
    staying = {service.id for service in store.services.values() if service.name not in services}
    yield from (service for service in store.services.values() if service.id not in staying)
    yield from (task for task in store.tasks.values() if task.service_id not in staying)
    yield from (network for network in store.networks.values() if network.name in networks)
    yield from (volume for volume in store.volumes.values() if volume.name in volumes)
    if not staying and not {network.name for network in store.networks.values()} - networks:
        yield from store.clusters.values()
        yield from store.nodes.values()
