"""The objects of the swarm, their versions, and who watches them change.

A transaction is one call: all its objects get the next version, go into the journal, where there is one,
and then every watcher hears of each change in order. What has happened has happened: a journal that
cannot be written does not undo it, but owes it, and until it is paid no verb is taken (`assure`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from .cluster import Cluster
from .errors import Broken, SwarmError
from .model import Network, Node, Service, Task, Volume
from .model import Object as _Object

if TYPE_CHECKING:
    from .journal import Journal

Object = _Object | Cluster


class Kind(StrEnum):
    CREATE = "create"
    UPDATE = "update"
    REMOVE = "remove"


class Change(NamedTuple):
    """What happened to one object; of a removal, its last value."""

    kind: Kind
    object: Object


Named = TypeVar("Named", Service, Task, Network, Volume, Node, Cluster)
Watcher = Callable[[Change], None]


class Store:
    """All objects by id, and tasks by service."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.services: dict[str, Service] = {}
        self.tasks: dict[str, Task] = {}
        self.networks: dict[str, Network] = {}
        self.volumes: dict[str, Volume] = {}
        self.nodes: dict[str, Node] = {}
        self.clusters: dict[str, Cluster] = {}
        self.version = 0
        self.on_owing: Callable[[str], None] = lambda why: None
        self._clock = clock
        self._journal: Journal | None = None
        self._over = False
        self._owed: dict[tuple[type, str], tuple[Object, bool]] = {}
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

    @property
    def cluster(self) -> Cluster | None:
        """The swarm that this node is in."""
        return next(iter(self.clusters.values()), None)

    def put(self, *objects: Object) -> None:
        """Create or replace objects in one transaction."""
        self.version += 1
        now = self._clock()
        changes = [self._put(thing, now) for thing in objects]
        self._write([(change.object, True) for change in changes])
        self._tell(changes)

    def remove(self, *objects: Object) -> None:
        self.version += 1
        for thing in objects:
            self._table(thing).pop(thing.id, None)
            if isinstance(thing, Task):
                self._of_service.get(thing.service_id, {}).pop(thing.id, None)
        self._write([(thing, False) for thing in objects])
        self._tell([Change(Kind.REMOVE, thing) for thing in objects])

    def adopt(self, objects: Iterable[Object], version: int) -> None:
        """What a journal had, as it was: no versions, no watchers, nothing written."""
        self.version = version
        for thing in objects:
            self._table(thing)[thing.id] = thing
            if isinstance(thing, Task):
                self._of_service.setdefault(thing.service_id, {})[thing.id] = thing

    def announce(self) -> None:
        """Every watcher hears of every service, as though it had just changed."""
        self._tell([Change(Kind.UPDATE, service) for service in self.services.values()])

    def keep(self, journal: Journal) -> None:
        """From now on every change is on disk when its call returns; what there is goes first."""
        self._journal = journal
        self._write([(thing, True) for table in self._tables() for thing in table.values()])

    def let_go(self, forgotten: Sequence[Object] = ()) -> None:
        """The last act of an engine: what ends from now on is for the next one to find as it ran.

        What is `forgotten` it will not find, and no file where nothing else is left.
        """
        self._over = True
        journal, self._journal = self._journal, None
        if journal is None:
            return
        gone = {(type(thing), thing.id) for thing in forgotten}
        kept = [thing for table in self._tables() for thing in table.values()]
        empty = not [thing for thing in kept if (type(thing), thing.id) not in gone]
        with suppress(Broken):
            journal.write(self.version, (), forgotten)
        journal.close(remove=empty)

    def pay(self) -> bool:
        """Write what is owed, if that is possible by now."""
        if self._owed:
            self._write([])
        return not self._owed

    def assure(self) -> None:
        """Raises what a verb is refused with while its outcome could not be kept."""
        if self._over:
            raise SwarmError(503, "the engine is stopping")
        if self._journal is None:
            return
        try:
            if self.pay():
                self._journal.check_room()
        except Broken as error:
            raise SwarmError(500, str(error)) from None
        self.confirm()

    def confirm(self) -> None:
        """Raises when what was just done is not on disk."""
        if self._owed and self._journal is not None:
            raise SwarmError(500, f"write {self._journal.path}: no space left on device")

    def _write(self, changes: Sequence[tuple[Object, bool]]) -> None:
        """Into the journal, with what it is owed; what it does not take is owed again."""
        if self._journal is None:
            return
        due = self._owed | {(type(thing), thing.id): (thing, stays) for thing, stays in changes}
        try:
            put = [thing for thing, stays in due.values() if stays]
            self._journal.write(self.version, put, [thing for thing, stays in due.values() if not stays])
            self._owed = {}
        except Broken as error:
            self._owed = due
            self.on_owing(str(error))

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
            Cluster: self.clusters,
        }
        return tables[type(thing)]  # type: ignore[return-value]

    def _tables(self) -> tuple[Mapping[str, Object], ...]:
        return (self.clusters, self.nodes, self.networks, self.volumes, self.services, self.tasks)

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
