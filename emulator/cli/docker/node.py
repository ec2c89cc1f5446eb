"""`node`: inspect, ls, ps, update, and the others as far as one node can (docker/cli, cli/command/node/)."""

from __future__ import annotations

from typing import Any

from emulator.cli.docker import tasks
from emulator.cli.docker.formats import Row, Sheet, inspected, listed
from emulator.cli.docker.pflag import Flag, Words
from emulator.cli.docker.servicespec import pairs
from emulator.cli.docker.units import natural
from emulator.cli.docker.verb import (
    ANY,
    FILTER,
    FORMAT,
    INSPECT_FORMAT,
    NONE,
    ONE,
    QUIET,
    SOME,
    Refused,
    Run,
    Verb,
    each,
    path_of,
    said,
)
from emulator.client import Engine, EngineError

Object = dict[str, Any]

HEADS = {
    "ID": "ID",
    "Hostname": "HOSTNAME",
    "Status": "STATUS",
    "Availability": "AVAILABILITY",
    "ManagerStatus": "MANAGER STATUS",
    "EngineVersion": "ENGINE VERSION",
    "TLSStatus": "TLS STATUS",
    "Self": "",
}
TABLE = (
    "{{.ID}} {{if .Self}}*{{else}} {{end}}\t{{.Hostname}}\t{{.Status}}\t{{.Availability}}\t{{.ManagerStatus}}"
)
SHEET = Sheet(TABLE + "\t{{.EngineVersion}}", HEADS, "*node.nodeContext")


def list_nodes(engine: Engine, words: Words) -> int:
    found = engine.get("/nodes", **tasks.asked(tasks.filters(words)))
    found.sort(key=lambda one: natural(one["Description"]["Hostname"]))
    own = engine.get("/info")["Swarm"]["NodeID"] if found and not words.get("quiet") else ""
    return listed(SHEET, [_row(one, own) for one in found], words.get("format"), words.get("quiet", False))


def _row(found: Object, own: str) -> Row:
    manager = found.get("ManagerStatus") or {}
    leads = "Leader" if manager.get("Leader") else manager.get("Reachability", "").capitalize()
    return {
        "ID": found["ID"],
        "Hostname": found["Description"]["Hostname"],
        "Status": found["Status"]["State"].capitalize(),
        "Availability": found["Spec"]["Availability"].capitalize(),
        "ManagerStatus": leads,
        "EngineVersion": found["Description"]["Engine"].get("EngineVersion", ""),
        "TLSStatus": "Ready" if found["Description"].get("TLSInfo") else "Unknown",
        "Self": found["ID"] == own,
    }


def reference(engine: Engine, name: str) -> str:
    """An ID; `self` is this node, which only a manager can look up."""
    if name != "self":
        return name
    found = engine.get("/info")["Swarm"]
    if not found["NodeID"]:
        engine.get("/nodes")
    return str(found["NodeID"])


def list_tasks(engine: Engine, words: Words) -> int:
    found, refusals = [], []
    for name in words.rest or ["self"]:
        try:
            node = engine.get(path_of("node", reference(engine, name)))
            query = tasks.asked(tasks.filters(words, node=node["ID"]))
            found += engine.get("/tasks", **query)
        except (EngineError, Refused) as error:
            refusals.append(said(error))
    if len(refusals) < len(words.rest or ["self"]):
        tasks.show(engine, found, words)
    if refusals:
        raise Refused("\n".join(refusals))
    return 0


def inspect(engine: Engine, words: Words) -> int:
    found, refused = [], None
    for name in words.rest:
        try:
            found.append(engine.get(path_of("node", reference(engine, name))))
        except (EngineError, Refused) as error:
            refused = refused or said(error)
    if words.get("pretty"):
        from emulator.cli.docker.nodepretty import pretty

        for one in found:
            print(pretty(one))
    elif found or not words.get("format"):
        inspected(found, words.get("format"), "swarm.Node")
    if refused:
        raise Refused(refused)
    return 0


def update(engine: Engine, words: Words) -> int:
    name = words.rest[0]
    found = engine.get(path_of("node", name))
    spec = found["Spec"]
    spec["Labels"] = {**(spec.get("Labels") or {}), **pairs(words.get("label-add", []))}
    for label in words.get("label-rm", []):
        if label not in spec["Labels"]:
            raise Refused(f"key {label} doesn't exist in node's labels")
        del spec["Labels"][label]
    for flag, key in (("role", "Role"), ("availability", "Availability")):
        if flag in words:
            spec[key] = words.get(flag)
    engine.post(f"/nodes/{found['ID']}/update", spec, version=str(found["Version"]["Index"]))
    print(name)
    return 0


def _to_role(role: str, already: str, done: str) -> Run:
    """A verb that gives nodes a role, and stops at the first that cannot have it."""

    def run(engine: Engine, words: Words) -> int:
        for name in words.rest:
            found = engine.get(path_of("node", name))
            if found["Spec"]["Role"] == role:
                print(already.format(found["ID"]))
                continue
            spec = found["Spec"] | {"Role": role}
            engine.post(f"/nodes/{found['ID']}/update", spec, version=str(found["Version"]["Index"]))
            print(done.format(name))
        return 0

    return run


promote = _to_role("manager", "Node {} is already a manager.", "Node {} promoted to a manager in the swarm.")
demote = _to_role("worker", "Node {} is already a worker.", "Manager {} demoted in the swarm.")


def remove(engine: Engine, words: Words) -> int:
    query = {"force": "1"} if words.get("force") else {}
    return each(words.rest, lambda name: engine.delete(path_of("node", name), **query))


MANY = "NODE [NODE...]"
UPDATE = (
    Flag("availability", "", "string", "active, pause, or drain: whether it takes tasks"),
    Flag("label-add", "", "list", "Add or change a label, NAME=VALUE"),
    Flag("label-rm", "", "list", "Take a label away"),
    Flag("role", "", "string", "worker or manager"),
)
VERBS = (
    Verb("node demote", MANY, "Make workers of managers", demote, SOME),
    Verb("node promote", MANY, "Make managers of workers", promote, SOME),
    Verb(
        "node inspect",
        "self|NODE [NODE...]",
        "Print all that is known of nodes",
        inspect,
        SOME,
        (INSPECT_FORMAT, Flag("pretty", "", "bool", "For people, not for programs")),
    ),
    Verb("node ls", "", "List the nodes of the swarm", list_nodes, NONE, (FILTER, FORMAT, QUIET)),
    Verb("node ps", "[NODE...]", "List the tasks of nodes, or of this one", list_tasks, ANY, tasks.FLAGS),
    Verb(
        "node rm", MANY, "Remove nodes", remove, SOME, (Flag("force", "f", "bool", "Even one that is there"),)
    ),
    Verb("node update", "NODE", "Change a node", update, ONE, UPDATE),
)
