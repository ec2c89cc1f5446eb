"""`service logs`: each line after its task and node, in columns (docker/cli, service/logs.go)."""

from __future__ import annotations

import sys
from typing import Any
from urllib.parse import quote

from emulator.cli.docker.pflag import Flag, Words
from emulator.cli.docker.tasks import Names
from emulator.cli.docker.verb import Refused
from emulator.client import Engine, EngineError

CONTAINER_FLAGS = (
    Flag("details", "", "bool", "With the labels that the log driver was told to keep"),
    Flag("follow", "f", "bool", "Go on with what is written from now on"),
    Flag("since", "", "string", "Only what was written after a time, or within the last 42m"),
    Flag("tail", "n", "string", "Only so many lines from the end, or all"),
    Flag("timestamps", "t", "bool", "When each line was written"),
)
FLAGS = (
    *CONTAINER_FLAGS,
    Flag("no-resolve", "", "bool", "Print IDs where names would stand"),
    Flag("no-task-ids", "", "bool", "Leave out the tasks' IDs"),
    Flag("no-trunc", "", "bool", "Print IDs in full"),
    Flag("raw", "", "bool", "Print the lines alone"),
)
LABEL = "com.docker.swarm."


def query(words: Words, details: bool) -> dict[str, str]:
    """What the flags ask of the API."""
    found = {"stdout": "1", "stderr": "1", "tail": words.get("tail", "all")}
    for flag in ("follow", "timestamps"):
        if words.get(flag):
            found[flag] = "1"
    for flag in ("since", "until"):
        if words.get(flag):
            found[flag] = timestamp(words.get(flag))
    return found | ({"details": "1"} if details else {})


def timestamp(text: str) -> str:
    """A time as the API takes it: seconds of the epoch, from a duration before now, a date or as it is."""
    from datetime import UTC, datetime

    from emulator.cli.docker.kinds import duration

    try:
        before = duration(text)
        moment = datetime.now(UTC).timestamp() - before / 1e9
        return f"{moment:.9f}"
    except ValueError:
        pass
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return text
    local = found if found.tzinfo or text.endswith("Z") else found.astimezone()
    return f"{local.timestamp():.9f}"


def logs(engine: Engine, words: Words) -> int:
    name = words.rest[0]
    if words.get("raw") and words.get("details"):
        raise Refused("--raw is incompatible with --details")
    kind, found = _service_or_task(engine, name)
    replicas = (found.get("Spec", {}).get("Mode", {}).get("Replicated") or {}).get("Replicas") or 1
    width = len(str(replicas if kind == "services" else found.get("Slot", 1)))
    try:
        prefixes = Prefixes(engine, words, width)
        asked = query(words, details=not words.get("raw"))
        for stream, line in engine.frames(f"/{kind}/{found['ID']}/logs", **asked):
            out = sys.stdout if stream == 1 else sys.stderr
            out.write(
                line.decode(errors="replace")
                if words.get("raw")
                else prefixes.written(line.decode(errors="replace"))
            )
            out.flush()
    except KeyboardInterrupt:
        return 130
    return 0


def _service_or_task(engine: Engine, name: str) -> tuple[str, dict[str, Any]]:
    for kind in ("services", "tasks"):
        try:
            return kind, engine.get(f"/{kind}/{quote(name)}")
        except EngineError as error:
            if error.status != 404:
                raise
    raise Refused(f"no such task or service: {name}")


class Prefixes:
    """What stands in front of a line: `webapp.1.kb6c8s9bk05a@vm    | `."""

    def __init__(self, engine: Engine, words: Words, width: int) -> None:
        self.engine, self.words, self.width = engine, words, width
        self.names = Names(engine, not words.get("no-resolve"))
        self.slots: dict[str, int] = {}

    def written(self, line: str) -> str:
        """A line of the API, `[timestamp] labels text`, as the client prints it."""
        head, stamp = "", ""
        if self.words.get("timestamps"):
            stamp, _, line = line.partition(" ")
            head = f"{stamp} "
        details, _, text = line.partition(" ")
        labels = dict(part.split("=", 1) for part in details.split(",") if "=" in part)
        node = self.names.node(labels.pop(f"{LABEL}node.id", ""))
        name, padding = self.task(labels)
        rest = ",".join(f"{name}={labels[name]}" for name in sorted(labels))
        said = f"{rest} " if self.words.get("details") else ""
        return f"{head}{name}@{node}{padding}    | {said}{text}"

    def task(self, labels: dict[str, str]) -> tuple[str, str]:
        """A task's name, and the blanks that make up for a short number; its labels are taken out."""
        service, task = labels.pop(f"{LABEL}service.id", ""), labels.pop(f"{LABEL}task.id", "")
        if task not in self.slots:
            found = self.engine.get(f"/tasks/{task}")
            self.slots[task] = found.get("Slot") or 0
        slot = self.slots[task]
        name = f"{self.names.service(service)}.{slot}" if slot else self.names.service(service)
        identity = task if self.words.get("no-trunc") else task[:12]
        whole = name if self.words.get("no-task-ids") else f"{name}.{identity}"
        return whole, " " * (self.width - len(str(slot)))
