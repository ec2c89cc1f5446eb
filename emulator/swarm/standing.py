"""Which tasks stand where: what balancers choose from, by service."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from .model import Task
from .overlay import Place


class Standing(NamedTuple):
    """A task that runs; `ports` are those of its container on which somebody may be reached."""

    task: Task
    place: Place
    ports: frozenset[int]
    ready: bool


class Standings:
    """Every running task; `moved` hears of a service whose tasks come, go or begin to listen."""

    def __init__(self) -> None:
        self._of: dict[str, dict[str, Standing]] = {}
        self._heard: dict[str, set[tuple[str, int]]] = {}
        self.moved: Callable[[str], None] = lambda service_id: None

    def enter(self, standing: Standing) -> None:
        task = standing.task
        for host, port in self._heard.get(task.id, ()):
            standing = _listening(standing, host, port)
        self._of.setdefault(task.service_id, {})[task.id] = standing
        self.moved(task.service_id)

    def make_ready(self, task: Task) -> None:
        self._change(task, lambda known: known._replace(ready=True))

    def heard(self, task: Task, host: str, port: int) -> None:
        """Somebody in the task listens there, on a port of this machine; it may not have entered yet."""
        self._heard.setdefault(task.id, set()).add((host, port))
        self._change(task, lambda known: _listening(known, host, port))

    def leave(self, task: Task) -> None:
        self._heard.pop(task.id, None)
        known = self._of.get(task.service_id, {})
        if known.pop(task.id, None) is None:
            return
        if not known:
            del self._of[task.service_id]
        self.moved(task.service_id)

    def stands(self, task: Task) -> bool:
        return task.id in self._of.get(task.service_id, {})

    def ready(self, service_id: str) -> list[Standing]:
        """The tasks of a service that would answer now, by slot: the order of the tables."""
        ready = [standing for standing in self._of.get(service_id, {}).values() if standing.ready]
        return sorted(ready, key=lambda standing: standing.task.slot)

    def _change(self, task: Task, change: Callable[[Standing], Standing]) -> None:
        known = self._of.get(task.service_id, {})
        if task.id in known and (changed := change(known[task.id])) != known[task.id]:
            known[task.id] = changed
            self.moved(task.service_id)


def _listening(known: Standing, host: str, port: int) -> Standing:
    if host != known.place.host:
        return known
    return known._replace(ports=known.ports | {known.place.own_port(port)})
