"""Tables of tasks, for services, nodes and stacks (docker/cli, cli/command/task/)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from emulator.cli.docker.formats import Row, Sheet, listed
from emulator.cli.docker.pflag import Flag, Words
from emulator.cli.docker.units import ago, ellipsis, familiar, natural, short
from emulator.cli.docker.verb import FILTER, NO_TRUNC, QUIET
from emulator.client import Engine, EngineError

FLAGS = (
    FILTER,
    Flag("format", "", "string", "Print tasks with a Go template, 'table TEMPLATE' or 'json'"),
    Flag("no-resolve", "", "bool", "Print IDs where names would stand"),
    NO_TRUNC,
    QUIET,
)
HEADS = {
    "ID": "ID",
    "Name": "NAME",
    "Image": "IMAGE",
    "Node": "NODE",
    "DesiredState": "DESIRED STATE",
    "CurrentState": "CURRENT STATE",
    "Error": "ERROR",
    "Ports": "PORTS",
}
SHEET = Sheet("\t".join(f"{{{{.{name}}}}}" for name in HEADS), HEADS, "*task.taskContext")
LONGEST_ERROR = 30


class Names:
    """Names of services and nodes by their IDs, each asked for once; with --no-resolve the IDs."""

    def __init__(self, engine: Engine, resolve: bool) -> None:
        self.engine, self.resolve = engine, resolve
        self.found: dict[str, str] = {}

    def service(self, identity: str) -> str:
        return self._name(f"/services/{identity}", identity, ("Spec", "Name"))

    def node(self, identity: str) -> str:
        return self._name(f"/nodes/{identity}", identity, ("Description", "Hostname")) if identity else ""

    def _name(self, path: str, identity: str, keys: tuple[str, str]) -> str:
        if not self.resolve:
            return identity
        if path not in self.found:
            try:
                self.found[path] = str(self.engine.get(path)[keys[0]][keys[1]]) or identity
            except (EngineError, KeyError):
                self.found[path] = identity
        return self.found[path]


def filters(words: Words, **more: str) -> dict[str, dict[str, bool]]:
    """The conditions of --filter, and more of them, as the API takes them."""
    found: dict[str, dict[str, bool]] = {name: {value: True} for name, value in more.items()}
    for name, value in words.get("filter", []):
        found.setdefault(name, {})[value] = True
    return found


def asked(found: dict[str, dict[str, bool]]) -> dict[str, str]:
    """The query of a list."""
    return {"filters": json.dumps(found)} if found else {}


def show(engine: Engine, tasks: list[dict[str, Any]], words: Words) -> int:
    """Print tasks by slot, the newest first; older ones of a slot hang below it in a table."""
    names = Names(engine, not words.get("no-resolve"))
    ordered = sorted(tasks, key=lambda task: str(task["CreatedAt"]), reverse=True)
    ordered.sort(key=lambda task: natural(named(task, names)))
    form, full = words.get("format"), words.get("no-trunc", False)
    if words.get("quiet"):
        # The client truncates IDs in its tables only.
        form, full = form or "{{.ID}}", True
    table = form in (None, "", "table") or str(form).startswith("table ")
    return listed(SHEET, list(rows(ordered, names, full, table)), form)


def named(task: dict[str, Any], names: Names) -> str:
    return f"{names.service(task['ServiceID'])}.{task.get('Slot') or task.get('NodeID', '')}"


def rows(tasks: list[dict[str, Any]], names: Names, full: bool, table: bool) -> Iterator[Row]:
    above = ""
    for task in tasks:
        name, status = named(task, names), task["Status"]
        image, error = task["Spec"].get("ContainerSpec", {}).get("Image", ""), status.get("Err", "")
        yield {
            "ID": task["ID"] if full else short(task["ID"]),
            "Name": f" \\_ {name}" if table and name == above else name,
            "Image": image if full else familiar(image),
            "Node": names.node(task.get("NodeID", "")),
            "DesiredState": task["DesiredState"].capitalize(),
            "CurrentState": f"{status['State'].capitalize()} {ago(status['Timestamp']).lower()}",
            "Error": f'"{error if full else ellipsis(error, LONGEST_ERROR)}"' if error else "",
            "Ports": ",".join(ports(status)),
        }
        above = name


def ports(status: dict[str, Any]) -> Iterator[str]:
    for port in (status.get("PortStatus") or {}).get("Ports") or ():
        yield f"*:{port['PublishedPort']}->{port['TargetPort']}/{port['Protocol']}"
