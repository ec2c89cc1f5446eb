"""What happens to containers and services, as Docker's events; the last of them are remembered."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from ..swarm.described import tagged
from ..swarm.model import Network, Node, Service, Task, TaskState, Volume
from ..swarm.store import Change, Kind, Store
from . import localnetworks, networkshape
from .containers import labels
from .filters import BadFilter

_REMEMBERED = 256
_NANO = 1_000_000_000

Event = dict[str, Any]
Follower = Callable[[Event], None]


class Events:
    """Turns the store's changes, and what handlers tell, into events for whoever listens."""

    def __init__(self, store: Store, clock: Callable[[], float], node_id: str) -> None:
        self._store, self._clock, self._node_id = store, clock, node_id
        self._tasks = dict(store.tasks)
        self._services = dict(store.services)
        self._past: deque[Event] = deque(maxlen=_REMEMBERED)
        self._followers: list[Follower] = []
        store.watch(self._changed)

    def follow(self, follower: Follower) -> Callable[[], None]:
        self._followers.append(follower)
        return lambda: self._followers.remove(follower)

    def since(self, moment: float, until: float) -> list[Event]:
        return [event for event in self._past if moment * _NANO <= event["timeNano"] <= until * _NANO]

    def container(self, task: Task, action: str, **attributes: str) -> None:
        image = tagged(task.spec.image)
        attributes |= {"image": image, "name": task.name, **labels(task, self._node_id)}
        old = {"status": action, "id": task.container_id, "from": image}
        self._tell("container", action, task.container_id, attributes, "local", old)

    def _changed(self, change: Change) -> None:
        thing, kind = change.object, change.kind
        if isinstance(thing, Task):
            self._task(kind, thing)
        elif isinstance(thing, Service):
            self._service(kind, thing)
        elif isinstance(thing, Node):
            self._tell("node", str(kind), thing.id, {"name": thing.hostname}, "swarm", {})
        elif isinstance(thing, Network) and kind is not Kind.UPDATE:
            self._tell("network", str(kind), thing.id, {"name": thing.name}, "swarm", {})
            if kind is Kind.CREATE:  # as with a service, the allocator has a turn of its own
                self._tell("network", "update", thing.id, {"name": thing.name}, "swarm", {})
        elif isinstance(thing, Volume) and kind is not Kind.UPDATE:
            action = "destroy" if kind is Kind.REMOVE else "create"
            self._tell("volume", action, thing.id, {"driver": "local"}, "local", {})

    def _service(self, kind: Kind, thing: Service) -> None:
        before = self._services.get(thing.id)
        attributes = {"name": thing.name}
        if kind is Kind.UPDATE and before is not None:
            attributes |= _differences(before, thing)
        if kind is Kind.REMOVE:
            self._services.pop(thing.id, None)
        else:
            self._services[thing.id] = thing
        self._tell("service", str(kind), thing.id, attributes, "swarm", {})
        if kind is Kind.CREATE and (thing.vips or thing.ports):  # swarmkit's allocator has a turn of its own
            self._tell("service", "update", thing.id, {"name": thing.name}, "swarm", {})

    def _task(self, kind: Kind, task: Task) -> None:
        before = self._tasks.get(task.id)
        if kind is Kind.REMOVE:
            self._tasks.pop(task.id, None)
            if task.container_id:
                self.container(task, "destroy")
            return
        if before is not None and task.version < before.version:
            return  # who heard of it first has changed it again, and that has been told
        self._tasks[task.id] = task
        if not task.container_id:
            return
        wanted = before is None or before.desired.wants_to_run
        running = task.state in (TaskState.STARTING, TaskState.RUNNING)
        if running and wanted and not task.desired.wants_to_run:
            self.container(task, "kill", signal="15")
        if before is None or task.state is not before.state:
            self._state(task, before)
        if task.oom and task.oom != (before.oom if before else 0):
            self.container(task, "oom")
        if task.health not in ("", "starting", before.health if before else ""):
            self.container(task, f"health_status: {task.health}")
        if task.listens and not (before and before.listens):
            self.container(task, "ready")

    def _state(self, task: Task, before: Task | None) -> None:
        started = before is not None and before.state in (TaskState.STARTING, TaskState.RUNNING)
        if task.state is TaskState.READY:
            self.container(task, "create")
        elif task.state in (TaskState.STARTING, TaskState.RUNNING):
            if not started:
                self._attach(task, "connect", "mount")
                self.container(task, "start")
        elif task.state.is_final and started:
            self.container(task, "die", exitCode=str(task.exit_code or 0))
            self._attach(task, "disconnect", "unmount")
            if not task.desired.wants_to_run:
                self.container(task, "stop")

    def _attach(self, task: Task, network: str, volume: str) -> None:
        """A container's networks and volumes, as it comes and goes."""
        for link in localnetworks.legs(task.attachments):
            default = link.network == localnetworks.DEFAULT
            kind = "bridge" if default else "overlay"
            attributes = {"container": task.container_id, "name": link.network, "type": kind}
            known = networkshape.network_id(link.network, self._store)
            self._tell("network", network, known, attributes, "swarm", {})
        for mount in task.mounts:
            if mount.type == "volume":
                attributes = {"container": task.container_id, "driver": "local"}
                if volume == "mount":
                    writable = str(not mount.read_only).lower()
                    more = {"destination": mount.target, "propagation": "", "read/write": writable}
                    attributes |= more
                self._tell("volume", volume, mount.source, attributes, "local", {})

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


def _differences(before: Service, now: Service) -> dict[str, str]:
    """What dockerd tells of a service's update (daemon/events.go)."""
    pairs = {
        "image": (before.spec.task.image, now.spec.task.image),
        "replicas": (str(before.spec.replicas), str(now.spec.replicas)),
        "updatestate": (
            str(before.update_status.state) if before.update_status else "",
            str(now.update_status.state) if now.update_status else "",
        ),
    }
    made: dict[str, str] = {}
    for name, (old, new) in pairs.items():
        if old != new:
            made |= {f"{name}.{when}": text for when, text in (("old", old), ("new", new)) if text}
    return made


def passes(event: Event, wanted: Mapping[str, frozenset[str]]) -> bool:
    """moby's daemon/events/filter.go: of each kind one value is enough."""
    actor = event["Actor"]
    attributes = actor["Attributes"]

    def of(kind: str) -> set[str]:
        own = {actor["ID"], attributes.get("name", "")} if event["Type"] == kind else set()
        return own | {attributes.get(f"com.docker.swarm.{kind}.{key}", "") for key in ("id", "name")}

    facts = {
        "type": {event["Type"]},
        "event": {event["Action"], event["Action"].partition(":")[0]},
        "scope": {event["scope"]},
        "image": {attributes.get("image", ""), tagged(attributes.get("image", "")).rpartition(":")[0]},
        "label": {text for key, value in attributes.items() for text in (key, f"{key}={value}")},
        **{kind: of(kind) for kind in ("container", "service", "network", "volume", "node")},
        "daemon": set(),
        "plugin": set(),
        "secret": set(),
        "config": set(),
    }
    for name in wanted:
        if name not in facts:
            raise BadFilter(f"Invalid filter '{name}'")
    return all(not values or _meets(name, values, facts[name]) for name, values in wanted.items())


def _meets(name: str, values: frozenset[str], facts: set[str]) -> bool:
    if name == "container":
        return any(fact and fact.startswith(value) for value in values for fact in facts)
    return values <= facts if name == "label" else bool(values & facts)
