"""`version`, `info`, `events` (docker/cli, cli/command/system/)."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Any

from emulator import __version__
from emulator.cli.docker import tasks
from emulator.cli.docker.formats import inspected, unescaped
from emulator.cli.docker.pflag import Flag, Words
from emulator.cli.docker.servicelogs import timestamp
from emulator.cli.docker.template import BadTemplate, parse
from emulator.cli.docker.templatevalue import rendered, to_json
from emulator.cli.docker.verb import FILTER, INSPECT_FORMAT, NONE, Refused, Verb
from emulator.client import Engine

Object = dict[str, Any]
CONTEXT = ("Context", "default")
API_VERSION = "1.41"


def version(engine: Engine, words: Words) -> int:
    own: Object = {
        "Version": __version__,
        "ApiVersion": API_VERSION,
        "Os": sys.platform,
        "Arch": _machine(),
        "Context": "default",
    }
    if not words.get("format"):
        print(
            _lines("Client:", [("Version", __version__), ("API version", API_VERSION), *_place(own), CONTEXT])
        )
    found = engine.get("/version")
    if words.get("format"):
        form = words.get("format")
        both = {"Client": own, "Server": found}
        if form == "json":
            print(to_json(both))
        else:
            inspected([both], form, "system.versionInfo")
        return 0
    rows = [
        ("Version", found["Version"]),
        ("API version", f"{found['ApiVersion']} (minimum version {found['MinAPIVersion']})"),
        *_place(found),
    ]
    print("\nServer:\n" + _lines(" Engine:", [*rows, ("Experimental", "false")], 2))
    return 0


def _place(found: Object) -> list[tuple[str, str]]:
    return [("OS/Arch", f"{found['Os']}/{found['Arch']}")]


def _lines(head: str, rows: list[tuple[str, str]], deep: int = 1) -> str:
    return "\n".join([head, *(f"{' ' * deep}{f'{name}:'.ljust(20 - deep)}{value}" for name, value in rows)])


def _machine() -> str:
    import os

    known = {"x86_64": "amd64", "aarch64": "arm64"}
    return known.get(os.uname().machine, os.uname().machine)


def info(engine: Engine, words: Words) -> int:
    form = words.get("format")
    if form:
        found = engine.get("/info")
        print(to_json(found)) if form == "json" else inspected([found], form, "system.dockerInfo")
        return 0
    print(
        f"Client:\n Version:    {__version__}\n Context:    default\n Debug Mode: false\n\nServer:",
        flush=True,
    )
    from emulator.cli.docker.infopretty import pretty

    print(pretty(engine.get("/info")))
    return 0


def events(engine: Engine, words: Words) -> int:
    query = tasks.asked(tasks.filters(words))
    query |= {name: timestamp(words.get(name)) for name in ("since", "until") if name in words}
    form = words.get("format")
    try:
        nodes = parse(unescaped("{{json .}}" if form == "json" else form)) if form else None
        for event in engine.objects("/events", **query):
            print(line(event) if nodes is None else rendered(nodes, event, "*events.Message"), flush=True)
    except BadTemplate as error:
        raise Refused(f"template parsing error: {error}", 64) from None
    except KeyboardInterrupt:
        return 130
    return 0


def line(event: Object) -> str:
    """One event as prettyPrintEvent has it."""
    actor = event["Actor"]
    seconds, nanoseconds = divmod(event["timeNano"], 10**9)
    stamp = f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{nanoseconds:09d}Z"
    attributes = ", ".join(
        f"{name}={value}" for name, value in sorted((actor.get("Attributes") or {}).items())
    )
    tail = f" ({attributes})" if attributes else ""
    return f"{stamp} {event['Type']} {event['Action']} {actor['ID']}{tail}"


EVENTS = (
    FILTER,
    Flag("format", "", "string", "Print with a Go template, or 'json'"),
    Flag("since", "", "string", "Also those that were after a time"),
    Flag("until", "", "string", "Only those that are before a time"),
)
VERBS = (
    Verb("version", "", "Print the versions of client and engine", version, NONE, (INSPECT_FORMAT,)),
    Verb("info", "", "Print what the engine says of itself", info, NONE, (INSPECT_FORMAT,)),
    Verb("events", "", "Print what happens", events, NONE, EVENTS),
)
