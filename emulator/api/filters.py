"""`?filters=`: Docker's map of maps (or of lists), and what it lets through."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import TypeVar

from ..swarm.errors import SwarmError, ambiguous, not_found
from ..swarm.model import Node, Pairs, Service, Task, Volume
from ..swarm.store import Named, Store
from .body import bad, kind_of, value
from .localnetworks import INGRESS, PREDEFINED, legs
from .numbers import atoi, unsigned
from .specshape import JSON
from .world import Container, World

Filters = Mapping[str, frozenset[str]]
Keep = Callable[[Pairs, float], bool]
OfTask = Callable[[Task], bool]
Thing = TypeVar("Thing")


class BadFilter(SwarmError):
    """A filter that Docker does not know; the words are its own."""

    def __init__(self, message: str) -> None:
        super().__init__(400, message)


def read(text: str | None, *, status: int = 500) -> Filters:
    """`{"service": {"webapp": true}}` or `{"service": ["webapp"]}` -> names and their values.

    What is neither is told in the words of Go's decoder, with the status that the noun's router has for it.
    """
    if not text:
        return {}
    try:
        found = value(text)
    except SwarmError as error:
        raise SwarmError(status, str(error)) from None
    if isinstance(found, dict) and all(_is_list_of_texts(item) for item in found.values()):
        return {key: frozenset(item) for key, item in found.items()}
    _typed(found, "map[string]map[string]bool", status)
    for item in (found or {}).values():
        _typed(item, "map[string]bool", status)
        for wanted in (item or {}).values():
            if not isinstance(wanted, bool | None):
                raise SwarmError(
                    status, f"json: cannot unmarshal {kind_of(wanted)} into Go value of type bool"
                )
    return {key: frozenset(item or ()) for key, item in (found or {}).items()}


def _is_list_of_texts(item: object) -> bool:
    return isinstance(item, list) and all(isinstance(each, str) for each in item)


def _typed(found: object, wanted: str, status: int) -> None:
    if found is not None and not isinstance(found, dict):
        raise SwarmError(status, f"json: cannot unmarshal {kind_of(found)} into Go value of type {wanted}")


def one(table: Mapping[str, Named], reference: str, kind: str) -> Named:
    """By id, name, or the beginning of an id that no other has; Docker's words otherwise."""
    if reference in table:
        return table[reference]
    for thing in table.values():
        if thing.name == reference and kind != "task":
            return thing
    matches = [thing for key, thing in table.items() if reference and key.startswith(reference)]
    if len(matches) > 1:
        raise ambiguous(kind, reference, len(matches))
    if not matches:
        raise not_found(kind, reference)
    return matches[0]


def services(things: Iterable[Service], wanted: Filters) -> list[Service]:
    """A name counts by its beginning; the client compares exactly afterwards, as Docker's own does."""
    tests: dict[str, Callable[[Service, str], bool]] = {
        "id": lambda thing, text: thing.id.startswith(text),
        "name": lambda thing, text: thing.name.startswith(text),
        "mode": lambda thing, text: thing.spec.mode == text,
        "runtime": lambda thing, text: text == "container",
        "label": lambda thing, text: _label(dict(thing.spec.labels), text),
    }
    return _through(things, wanted, tests, every=("label",))


def tasks_wanted(wanted: Filters, world: World) -> Filters:
    """Services and nodes by their ids, however they were named; one that is not there is told."""
    made = dict(wanted)
    if "service" in wanted:
        found = (one(world.store.services, text, "service").id for text in sorted(wanted["service"]))
        made["service"] = frozenset(found)
    if "node" in wanted:
        names = (world.node_id if text == "self" else text for text in sorted(wanted["node"]))
        made["node"] = frozenset(one(world.store.nodes, text, "node").id for text in names)
    for state in wanted.get("desired-state", ()):
        if state not in ("running", "shutdown", "accepted"):
            raise SwarmError(500, f"Invalid desired-state filter: '{state}'")
    return made


def tasks(things: Iterable[Task], wanted: Filters, store: Store) -> list[Task]:
    def up_to_date(thing: Task, text: str) -> bool:
        service = store.services.get(thing.service_id)
        is_it = service is not None and thing.spec == service.spec.task
        return is_it == _true(text) if text.lower() in _BOOLS else True

    tests: dict[str, Callable[[Task, str], bool]] = {
        "id": lambda thing, text: thing.id.startswith(text),
        "name": lambda thing, text: thing.name.startswith(text) or thing.label.startswith(text),
        "service": lambda thing, text: thing.service_id == text,
        "node": lambda thing, text: thing.node_id == text,
        "desired-state": lambda thing, text: str(thing.desired) == text,
        "label": lambda thing, text: _label(dict(thing.spec.labels), text),
        "runtime": lambda thing, text: text == "container",
        "_up-to-date": up_to_date,
    }
    return _through(things, wanted, tests, every=("label",))


def nodes(things: Iterable[Node], wanted: Filters) -> list[Node]:
    tests: dict[str, Callable[[Node, str], bool]] = {
        "id": lambda thing, text: thing.id.startswith(text),
        "name": lambda thing, text: thing.hostname.startswith(text),
        "role": lambda thing, text: thing.role == text,
        "membership": lambda thing, text: text == "accepted",
        "node.label": lambda thing, text: _label(dict(thing.labels), text),
        "label": lambda thing, text: False,
    }
    for name, known in (("role", ("worker", "manager")), ("membership", ("accepted", "pending"))):
        for text in wanted.get(name, ()):
            if text not in known:
                raise SwarmError(500, f"Invalid {name} filter: '{text}'")
    return _through(things, wanted, tests, every=("label", "node.label"))


def images(things: Iterable[JSON], wanted: Filters, made: Callable[[str], int]) -> list[JSON]:
    """`reference` is a pattern as path.Match has them, with or without a tag; `made`: when an image was."""
    tests: dict[str, Callable[[JSON, str], bool]] = {
        "reference": lambda thing, text: any(
            fnmatchcase(name, text) or fnmatchcase(name.rpartition(":")[0], text)
            for name in thing["RepoTags"]
        ),
        "dangling": lambda thing, text: not _true(text),
        "label": lambda thing, text: False,
        "before": lambda thing, text: thing["Created"] < limits[text],
        "since": lambda thing, text: thing["Created"] > limits[text],
    }
    limits = {text: made(text) for name in ("before", "since") for text in wanted.get(name, ())}
    _bools(wanted, "dangling")
    return _through(things, wanted, tests, every=("label",))


def networks(things: Iterable[JSON], wanted: Filters, used: Collection[str]) -> list[JSON]:
    """Of networks as JSON, since some are no objects of the swarm.

    One of the swarm's that is not in use this node does not know: by its whole name, or its id's beginning.
    """
    known = {INGRESS, *used}

    def here(thing: JSON) -> bool:
        return thing["Scope"] == "local" or thing["Name"] in known

    tests: dict[str, Callable[[JSON, str], bool]] = {
        "driver": lambda thing, text: thing["Driver"] == text,
        "name": lambda thing, text: _found(text, thing["Name"]) if here(thing) else thing["Name"] == text,
        "id": lambda thing, text: _found(text, thing["Id"]) if here(thing) else thing["Id"].startswith(text),
        "label": lambda thing, text: _label(thing["Labels"] or {}, text),
        "scope": lambda thing, text: thing["Scope"] == text,
        "type": lambda thing, text: (thing["Name"] in PREDEFINED) == (text == "builtin"),
        "dangling": lambda thing, text: _true(text) == (thing["Name"] not in {*used, *PREDEFINED}),
    }
    for text in wanted.get("type", ()):
        if text not in ("builtin", "custom"):
            raise SwarmError(500, f"invalid filter: 'type'='{text}'")
    if not wanted.get("dangling", frozenset()) <= _BOOLS.keys():
        choice = '"true" (or "1"), or "false" (or "0")'
        raise bad(f"invalid value for filter 'dangling', must be {choice}")
    return _through(things, wanted, tests, every=("label",))


_BOOLS = {"true": True, "1": True, "false": False, "0": False}


def volumes(things: Iterable[Volume], wanted: Filters, users: Mapping[str, Collection[str]]) -> list[Volume]:
    tests: dict[str, Callable[[Volume, str], bool]] = {
        "name": lambda thing, text: _found(text, thing.name),
        "driver": lambda thing, text: text == "local",
        "label": lambda thing, text: _label(dict(thing.labels or ()), text),
        "dangling": lambda thing, text: _true(text) == (not users.get(thing.name)),
    }
    _bools(wanted, "dangling")
    return _through(things, wanted, tests, every=("label",))


def containers(
    things: Collection[Container],
    wanted: Filters,
    state: Callable[[Container], str],
    labels: Callable[[Container], Mapping[str, str]],
) -> list[Container]:
    tests: dict[str, Callable[[Container, str], bool]] = {
        "id": lambda thing, text: thing.id.startswith(text),
        "name": lambda thing, text: _found(text, f"/{thing.task.name}", thing.task.name),
        "status": lambda thing, text: state(thing) == text,
        "network": lambda thing, text: text in {link.network for link in legs(thing.links.attachments)},
        "label": lambda thing, text: _label(labels(thing), text),
        "ancestor": lambda thing, text: _image(thing.task.spec.image) == _image(text),
        "health": lambda thing, text: text == (thing.health.status if thing.health else "none"),
        "exited": lambda thing, text: state(thing) == "exited" and thing.exit_code == atoi(text),
        "is-task": lambda thing, text: _true(text),
        "isolation": lambda thing, text: True,
        "before": lambda thing, text: thing.created < _created(things, text),
        "since": lambda thing, text: thing.created > _created(things, text),
        "volume": lambda thing, text: text in {p for m in thing.mounts for p in (m.source, m.target)},
        "publish": lambda thing, text: bool(_ports("publish", text) & _published(thing)),
        "expose": lambda thing, text: bool(_ports("expose", text) & {*thing.expose, *_published(thing)}),
    }
    _known(wanted, "status", _STATES, "Invalid filter 'status={}'")
    _known(wanted, "health", _HEALTHS, "Unrecognised filter value for health: {}")
    _bools(wanted, "is-task")
    for text in wanted.get("exited", ()):
        atoi(text)
    return _through(things, wanted, tests, every=("label",))


_STATES = ("created", "running", "paused", "restarting", "removing", "exited", "dead")
_HEALTHS = ("none", "starting", "healthy", "unhealthy")


def _known(wanted: Filters, name: str, values: Collection[str], words: str) -> None:
    for text in wanted.get(name, ()):
        if text not in values:
            raise BadFilter(words.format(text))


def _bools(wanted: Filters, name: str) -> None:
    _known(wanted, name, _BOOLS, f"Invalid filter '{name}=[{{}}]'")


def _created(things: Iterable[Container], reference: str) -> float:
    """When the container was made that is named, as `before` and `since` want it."""
    for thing in things:
        if thing.id.startswith(reference) or thing.task.name == reference.removeprefix("/"):
            return thing.created
    raise SwarmError(500, f"no such container {reference}")


def _published(thing: Container) -> set[int]:
    """Of this machine, for this container alone: what ingress publishes is its service's."""
    ports = thing.task.endpoint.ports if thing.task.endpoint else ()
    return {port.published for port in ports if port.mode == "host"}


def _ports(name: str, text: str) -> set[int]:
    """`80`, `80/tcp`, `8000-8080`."""
    try:
        first, _, last = text.partition("/")[0].partition("-")
        return set(range(unsigned(first), unsigned(last or first) + 1))
    except SwarmError as error:
        raise SwarmError(500, f"error while looking up for {name} {text}: {error}") from None


def kept(wanted: Filters, now: float, more: Collection[str] = ()) -> Keep:
    """For prune: whether an object with these labels, made then, is to stay."""
    for name in wanted:
        if name not in ("label", "label!", "until", "all", *more):
            raise BadFilter(f"Invalid filter '{name}'")
    limit = min((_until(text, now) for text in wanted.get("until", ())), default=None)

    def keep(labels: Pairs, created: float) -> bool:
        found = dict(labels)
        if not all(_label(found, text) for text in wanted.get("label", ())):
            return True
        if any(_label(found, text) for text in wanted.get("label!", ())):
            return True
        return limit is not None and created > limit

    return keep


def _until(text: str, now: float) -> float:
    """A time, or a duration before now ("10m")."""
    parts = re.findall(r"(\d+(?:\.\d+)?)(h|m|s)", text)
    if parts and "".join(a + b for a, b in parts) == text:
        return now - sum(float(amount) * {"h": 3600, "m": 60, "s": 1}[unit] for amount, unit in parts)
    try:
        return float(text)
    except ValueError:
        raise BadFilter(f"Invalid filter 'until={text}'") from None


def _through(
    things: Iterable[Thing],
    wanted: Filters,
    tests: Mapping[str, Callable[[Thing, str], bool]],
    every: Collection[str] = (),
) -> list[Thing]:
    """All filters have to agree; of one filter's values any is enough, of `every` all are needed."""
    for name in wanted:
        if name not in tests:
            raise BadFilter(f"Invalid filter '{name}'")

    def passes(thing: Thing) -> bool:
        return all(
            not values or (all if name in every else any)(tests[name](thing, text) for text in values)
            for name, values in wanted.items()
        )

    return [thing for thing in things if passes(thing)]


def _label(labels: Mapping[str, str], wanted: str) -> bool:
    key, equals, text = wanted.partition("=")
    return key in labels and (not equals or labels[key] == text)


def _true(text: str) -> bool:
    return _BOOLS.get(text.lower(), False)


def _image(name: str) -> str:
    return name.partition("@")[0].removesuffix(":latest")


def _found(text: str, *names: str) -> bool:
    """Whether a name is the text, or the text as a regular expression is in it."""
    try:
        pattern = re.compile(text)
    except re.error:
        return text in names
    return any(text == name or pattern.search(name) for name in names)
