"""`inspect` of any object by its name or ID, and what all verbs of that name have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from emulator.cli.docker.formats import inspected
from emulator.cli.docker.pflag import Flag, Words
from emulator.cli.docker.verb import INSPECT_FORMAT, SOME, Refused, Verb, said
from emulator.client import Engine, EngineError

Object = dict[str, Any]

# The types in the order in which a name is looked for.
PATHS = {
    "container": "/containers/{}/json",
    "image": "/images/{}/json",
    "network": "/networks/{}",
    "volume": "/volumes/{}",
    "service": "/services/{}?insertDefaults=true",
    "task": "/tasks/{}",
    "node": "/nodes/{}",
    "plugin": "/plugins/{}/json",
    "secret": "/secrets/{}",
    "config": "/configs/{}",
}
SWARM = ("service", "task", "node", "secret", "config")


def inspecting(words: Words, kind: str, get: Callable[[str], Any]) -> int:
    """Print what is there of the names, then the first refusal."""
    found, refusals = [], []
    for name in words.rest:
        try:
            found.append(get(name))
        except EngineError as error:
            refusals.append(said(error))
        except Refused as refusal:
            refusals.append(str(refusal))
    if found or not words.get("format"):
        inspected(found, words.get("format"), kind)
    if refusals:
        raise Refused("\n".join(refusals))
    return 0


def inspect(engine: Engine, words: Words) -> int:
    wanted = words.get("type", "")
    if wanted and wanted not in PATHS:
        raise Refused(f'unknown type: "{wanted}"')
    if "type" in words and not wanted:
        raise Refused("type is empty: must be one of " + ", ".join(f'"{kind}"' for kind in PATHS))
    return inspecting(words, "map", lambda name: anything(engine, name, wanted))


def anything(engine: Engine, name: str, wanted: str) -> Object:
    """The first object of that name; whatever the engine says of a type it does not keep, is not there."""
    if not name:
        raise Refused(f"invalid {wanted or 'container'} name or ID: value is empty")
    for kind in [wanted] if wanted else PATHS:
        path, _, query = PATHS[kind].partition("?")
        try:
            found: Object = engine.get(path.format(quote(name)), **dict([query.split("=")] if query else []))
            return found
        except EngineError as error:
            gone = error.status == 404 or (error.status in (500, 501, 503) and kind in (*SWARM, "plugin"))
            if wanted or not gone:
                raise
    raise Refused(f"Error: No such object: {name}")


VERBS = (
    Verb(
        "inspect",
        "NAME|ID [NAME|ID...]",
        "Print all that is known of objects",
        inspect,
        SOME,
        (
            INSPECT_FORMAT,
            Flag("size", "s", "bool", "With the size of containers"),
            Flag("type", "", "string", "Only objects of this type"),
        ),
    ),
)
