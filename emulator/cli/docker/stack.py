"""`stack`: deploy, ls, ps, rm, services; what deploy reads needs PyYAML (cli/command/stack/)."""

from __future__ import annotations

import sys
from collections import Counter

from emulator.cli.docker import service, tasks
from emulator.cli.docker.formats import Sheet, listed
from emulator.cli.docker.pflag import Flag, Words
from emulator.cli.docker.units import natural
from emulator.cli.docker.verb import FILTER, FORMAT, NONE, ONE, QUIET, SOME, Refused, Verb
from emulator.client import Engine

Filters = dict[str, dict[str, bool]]

LABEL = "com.docker.stack.namespace"
SHEET = Sheet(
    "{{.Name}}\t{{.Services}}", {"Name": "NAME", "Services": "SERVICES"}, "*formatter.stackContext", "Name"
)


def list_stacks(engine: Engine, words: Words) -> int:
    found = engine.get("/services", **tasks.asked({"label": {LABEL: True}}))
    counts = Counter(one["Spec"]["Labels"][LABEL] for one in found)
    rows = [{"Name": name, "Services": str(counts[name])} for name in sorted(counts, key=natural)]
    return listed(SHEET, rows, words.get("format"))


def _filters(words: Words) -> Filters:
    found = tasks.filters(words)
    found.setdefault("label", {})[f"{LABEL}={words.rest[0]}"] = True
    return found


def list_services(engine: Engine, words: Words) -> int:
    if not engine.get("/services", **tasks.asked(_filters(words))):
        print(f"Nothing found in stack: {words.rest[0]}", file=sys.stderr)
        return 0
    return service.show(engine, words, _filters(words))


def list_tasks(engine: Engine, words: Words) -> int:
    found = engine.get("/tasks", **tasks.asked(_filters(words)))
    if not found:
        raise Refused(f"nothing found in stack: {words.rest[0]}")
    return tasks.show(engine, found, words)


def remove(engine: Engine, words: Words) -> int:
    for name in words.rest:
        query = tasks.asked({"label": {f"{LABEL}={name}": True}})
        services = sorted(engine.get("/services", **query), key=lambda one: str(one["Spec"]["Name"]))
        networks = engine.get("/networks", **query)
        if not services and not networks:
            print(f"Nothing found in stack: {name}", file=sys.stderr)
        _remove(engine, "service", [(one["ID"], one["Spec"]["Name"]) for one in services])
        _remove(engine, "network", [(one["Id"], one["Name"]) for one in networks])
    return 0


def _remove(engine: Engine, kind: str, found: list[tuple[str, str]]) -> None:
    for identity, name in found:
        print(f"Removing {kind} {name}")
        engine.delete(f"/{kind}s/{identity}")


def deploy(engine: Engine, words: Words) -> int:
    from emulator.cli.docker import stackdeploy

    return stackdeploy.deploy(engine, words)


DEPLOY = (
    Flag("compose-file", "c", "strings", "The compose file"),
    Flag("detach", "d", "bool", "Do not wait"),
    Flag("prune", "", "bool", "Remove services that the file does not name"),
    Flag("quiet", "q", "bool", "Do not print the progress"),
    Flag("resolve-image", "", "string", "When to ask a registry"),
    Flag("with-registry-auth", "", "bool", "Pass the registry's login on"),
)
VERBS = (
    Verb("stack deploy", "STACK", "Make or change the services of a compose file", deploy, ONE, DEPLOY),
    Verb("stack ls", "", "List the stacks", list_stacks, NONE, (FORMAT,)),
    Verb("stack ps", "STACK", "List the tasks of a stack", list_tasks, ONE, tasks.FLAGS),
    Verb(
        "stack rm",
        "STACK [STACK...]",
        "Remove stacks",
        remove,
        SOME,
        (Flag("detach", "d", "bool", "Do not wait"),),
    ),
    Verb(
        "stack services", "STACK", "List the services of a stack", list_services, ONE, (FILTER, FORMAT, QUIET)
    ),
)
