"""The objects of the swarm, their versions, and who watches them change.

A transaction is one call: all its objects get the next version, then every watcher hears of each
change in order. In memory; the interface is the one that a store on disk will have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from typing import NamedTuple, TypeVar

from .model import Network, Node, Object, Service, Task, Volume


class Kind(StrEnum):
    CREATE = "create"
    UPDATE = "update"
    REMOVE = "remove"


class Change(NamedTuple):
    """What happened to one object; of a removal, its last value."""

    kind: Kind
    object: Object


Named = TypeVar("Named", Service, Task, Network, Volume, Node)
Watcher = Callable[[Change], None]


class Store:
    """All objects by id, and tasks by service."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.services: dict[str, Service] = {}
        self.tasks: dict[str, Task] = {}
        self.networks: dict[str, Network] = {}
        self.volumes: dict[str, Volume] = {}
        self.nodes: dict[str, Node] = {}
        self.version = 0
        self._clock = clock
        self._of_service: dict[str, dict[str, Task]] = {}
        self._watchers: list[Watcher] = []

    def tasks_of(self, service_id: str) -> Iterator[Task]:
        return iter(tuple(self._of_service.get(service_id, {}).values()))

    def service(self, reference: str) -> Service | None:
        """By id, unique prefix of an id, or name, as Docker's references go."""
        return find(self.services, reference)

    def network(self, reference: str) -> Network | None:
        return find(self.networks, reference)

    def task(self, reference: str) -> Task | None:
        return find(self.tasks, reference)

    def now(self) -> float:
        return self._clock()

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Hear of every change from now on, until the returned function is called."""
        self._watchers.append(watcher)
        return lambda: self._watchers.remove(watcher)

    def put(self, *objects: Object) -> None:
        """Create or replace objects in one transaction."""
        self.version += 1
        now = self._clock()
        changes = [self._put(thing, now) for thing in objects]
        self._tell(changes)

    def remove(self, *objects: Object) -> None:
        self.version += 1
        for thing in objects:
            self._table(thing).pop(thing.id, None)
            if isinstance(thing, Task):
                self._of_service.get(thing.service_id, {}).pop(thing.id, None)
        self._tell([Change(Kind.REMOVE, thing) for thing in objects])

    def _put(self, thing: Object, now: float) -> Change:
        table = self._table(thing)
        known = table.get(thing.id)
        created = known.created_at if known else (thing.created_at or now)
        thing = thing._replace(version=self.version, created_at=created)
        if not isinstance(thing, Volume):
            thing = thing._replace(updated_at=now)
        table[thing.id] = thing
        if isinstance(thing, Task):
            self._of_service.setdefault(thing.service_id, {})[thing.id] = thing
        return Change(Kind.UPDATE if known else Kind.CREATE, thing)

    def _table(self, thing: Object) -> dict[str, Object]:
        tables: dict[type, object] = {
            Service: self.services,
            Task: self.tasks,
            Network: self.networks,
            Volume: self.volumes,
            Node: self.nodes,
        }
        return tables[type(thing)]  # type: ignore[return-value]

    def _tell(self, changes: list[Change]) -> None:
        for change in changes:
            for watcher in tuple(self._watchers):
                watcher(change)


def find(table: Mapping[str, Named], reference: str) -> Named | None:
    """The object with this id or name, or the only one whose id begins so."""
    if reference in table:
        return table[reference]
    for thing in table.values():
        if thing.name == reference:
            return thing
    matches = [thing for key, thing in table.items() if reference and key.startswith(reference)]
    return matches[0] if len(matches) == 1 else None
