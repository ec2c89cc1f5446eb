"""`?filters=`: Docker's map of maps (or of lists), and what it lets through."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from ..swarm.model import Service, Task
from ..swarm.store import Store
from .world import Container

Filters = Mapping[str, frozenset[str]]
Thing = TypeVar("Thing")


class BadFilter(ValueError):
    """A filter that Docker does not know; the words are its own."""


def read(text: str | None) -> Filters:
    """`{"service": {"webapp": true}}` or `{"service": ["webapp"]}` -> names and their values."""
    if not text:
        return {}
    try:
        found = json.loads(text)
        if not isinstance(found, dict):
            raise TypeError
        return {str(key): frozenset(map(str, values)) for key, values in found.items()}
    except (ValueError, TypeError):
        raise BadFilter("invalid filter") from None


def services(things: Iterable[Service], wanted: Filters) -> list[Service]:
    """A name counts by its beginning; the client compares exactly afterwards, as Docker's own does."""
    tests: dict[str, Callable[[Service, str], bool]] = {
        "id": lambda thing, value: thing.id.startswith(value),
        "name": lambda thing, value: thing.name.startswith(value),
        "mode": lambda thing, value: value == "replicated",
        "label": lambda thing, value: _label(dict(thing.spec.labels), value),
    }
    return _through(things, wanted, tests)


def tasks(things: Iterable[Task], wanted: Filters, store: Store) -> list[Task]:
    def up_to_date(thing: Task, value: str) -> bool:
        service = store.services.get(thing.service_id)
        return (service is not None and thing.spec == service.spec.task) == (value == "true")

    tests: dict[str, Callable[[Task, str], bool]] = {
        "id": lambda thing, value: thing.id.startswith(value),
        "name": lambda thing, value: thing.name.startswith(value),
        "service": lambda thing, value: value in (thing.service_id, thing.service_name),
        "node": lambda thing, value: thing.node_id.startswith(value) or value == "self",
        "desired-state": lambda thing, value: thing.desired == value,
        "label": lambda thing, value: False,
        "_up-to-date": up_to_date,
    }
    return _through(things, wanted, tests)


def containers(
    things: Iterable[Container], wanted: Filters, state: Callable[[Container], str]
) -> list[Container]:
    tests: dict[str, Callable[[Container, str], bool]] = {
        "id": lambda thing, value: thing.id.startswith(value),
        "name": lambda thing, value: value.removeprefix("/") in thing.task.name,
        "status": lambda thing, value: state(thing) == value,
        "network": lambda thing, value: value in {link.network for link in thing.links.attachments},
        "label": lambda thing, value: _label(
            {
                "com.docker.swarm.service.name": thing.task.service_name,
                "com.docker.swarm.service.id": thing.task.service_id,
                "com.docker.swarm.task.id": thing.task.id,
                "com.docker.swarm.task.name": thing.task.name,
            },
            value,
        ),
    }
    return _through(things, wanted, tests)


def _through(
    things: Iterable[Thing], wanted: Filters, tests: Mapping[str, Callable[[Thing, str], bool]]
) -> list[Thing]:
    """All filters have to agree, one value of each is enough."""
    for name in wanted:
        if name not in tests:
            raise BadFilter(f"Invalid filter '{name}'")
    return [
        thing
        for thing in things
        if all(not values or any(tests[name](thing, v) for v in values) for name, values in wanted.items())
    ]


def _label(labels: Mapping[str, str], wanted: str) -> bool:
    key, equals, value = wanted.partition("=")
    return key in labels and (not equals or labels[key] == value)
