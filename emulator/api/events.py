"""What happens to containers and services, as Docker's events; the last of them are remembered."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from ..swarm.model import Network, Service, Task, TaskState, Volume
from ..swarm.store import Change, Kind, Store
from .containers import labels
from .schema import tagged

_REMEMBERED = 256
_NANO = 1_000_000_000

Event = dict[str, Any]
Follower = Callable[[Event], None]


class Events:
    """Turns the store's changes, and what routes tell, into events for whoever listens."""

    def __init__(self, store: Store, clock: Callable[[], float], node_id: str) -> None:
        self._clock, self._node_id = clock, node_id
        self._states = {task.id: task.state for task in store.tasks.values()}
        self._listening = {task.id for task in store.tasks.values() if task.listens}
        self._past: deque[Event] = deque(maxlen=_REMEMBERED)
        self._followers: list[Follower] = []
        store.watch(self._changed)

    def follow(self, follower: Follower) -> Callable[[], None]:
        self._followers.append(follower)
        return lambda: self._followers.remove(follower)

    def since(self, moment: float) -> list[Event]:
        return [event for event in self._past if event["timeNano"] >= moment * _NANO]

    def container(self, task: Task, action: str, **attributes: str) -> None:
        image = tagged(task.spec.image)
        attributes |= {"image": image, "name": task.name, **labels(task, self._node_id)}
        old = {"status": action, "id": task.container_id, "from": image}
        self._tell("container", action, task.container_id, attributes, "local", old)

    def _changed(self, change: Change) -> None:
        thing = change.object
        if isinstance(thing, Task):
            self._task(change.kind, thing)
        elif isinstance(thing, Service | Network | Volume):
            kind = type(thing).__name__.lower()
            scope = "local" if isinstance(thing, Volume) else "swarm"
            self._tell(kind, str(change.kind), thing.id, {"name": thing.name}, scope, {})

    def _task(self, kind: Kind, task: Task) -> None:
        before = self._states.get(task.id)
        if kind is Kind.REMOVE:
            self._states.pop(task.id, None)
            self._listening.discard(task.id)
            if task.container_id:
                self.container(task, "destroy")
            return
        self._states[task.id] = task.state
        if task.container_id and task.state is not before:
            self._state(task)
        if task.listens and task.id not in self._listening:
            self._listening.add(task.id)
            self.container(task, "ready")

    def _state(self, task: Task) -> None:
        if task.state is TaskState.READY:
            self.container(task, "create")
        elif task.state is TaskState.RUNNING:
            self.container(task, "start")
        elif task.state.is_final and task.exit_code is not None:
            self.container(task, "die", exitCode=str(task.exit_code))

    def _tell(
        self, kind: str, action: str, identity: str, attributes: dict[str, str], scope: str, old: Event
    ) -> None:
        now = self._clock()
        event = {
            **old,
            "Type": kind,
            "Action": action,
            "Actor": {"ID": identity, "Attributes": attributes},
            "scope": scope,
            "time": int(now),
            "timeNano": int(now * _NANO),
        }
        self._past.append(event)
        for follower in tuple(self._followers):
            follower(event)
