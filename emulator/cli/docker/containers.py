"""`ps`, `logs`, `stop` and the other verbs for the containers of tasks (cli/command/container/)."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime
from typing import Any

from emulator.cli.docker import servicelogs, stats, tasks
from emulator.cli.docker.formats import Row, Sheet, listed
from emulator.cli.docker.pflag import Flag, Words
from emulator.cli.docker.units import decimal_size, ellipsis, labels, short, since
from emulator.cli.docker.verb import (
    ANY,
    FILTER,
    FORMAT,
    NO_TRUNC,
    NONE,
    ONE,
    QUIET,
    SOME,
    Verb,
    each,
    path_of,
)
from emulator.client import Engine

Object = dict[str, Any]

HEADS = {
    "ID": "CONTAINER ID",
    "Image": "IMAGE",
    "Command": "COMMAND",
    "RunningFor": "CREATED",
    "Status": "STATUS",
    "Ports": "PORTS",
    "Names": "NAMES",
    "State": "STATE",
    "CreatedAt": "CREATED AT",
    "Size": "SIZE",
    "Labels": "LABELS",
    "Mounts": "MOUNTS",
    "LocalVolumes": "LOCAL VOLUMES",
    "Networks": "NETWORKS",
    "Platform": "PLATFORM",
}
COLUMNS = ("ID", "Image", "Command", "RunningFor", "Status", "Ports", "Names")
SIGNAL = Flag("signal", "s", "string", "The signal instead of the container's own")
GRACE = Flag("timeout", "t", "int", "Seconds until it is killed")
OLD_GRACE = Flag("time", "", "int", "The former name of --timeout")


def list_containers(engine: Engine, words: Words) -> int:
    filters = tasks.filters(words)
    last = 1 if words.get("latest") else words.get("last", -1)
    query = tasks.asked(filters)
    query |= {"all": "1"} if words.get("all") or last > 0 else {}
    query |= {"limit": str(last)} if last > 0 else {}
    size = words.get("size", False) or "{{.Size}}" in words.get("format", "")
    query |= {"size": "1"} if size else {}
    found = engine.get("/containers/json", **query)
    full = words.get("no-trunc", False)
    columns = (*COLUMNS, "Size") if words.get("size") else COLUMNS
    sheet = Sheet("\t".join(f"{{{{.{name}}}}}" for name in columns), HEADS, "*formatter.ContainerContext")
    rows = [row(one, full) for one in found]
    return listed(sheet, rows, words.get("format"), words.get("quiet", False))


def row(found: Object, full: bool) -> Row:
    command = found["Command"] if full else ellipsis(found["Command"], 20)
    mounts = [mount.get("Name") or mount.get("Source", "") for mount in found.get("Mounts") or ()]
    local = [mount for mount in found.get("Mounts") or () if mount.get("Driver") == "local"]
    created = datetime.fromtimestamp(found["Created"], UTC)
    return {
        "ID": found["Id"] if full else short(found["Id"]),
        "Image": (found["Image"] if full else found["Image"].partition("@")[0]) or "<no image>",
        "Command": '"' + command.replace("\\", "\\\\").replace('"', '\\"') + '"',
        "RunningFor": since(found["Created"]),
        "Status": found["Status"],
        "Ports": ports(found.get("Ports") or []),
        "Names": ",".join(name.removeprefix("/") for name in found["Names"]),
        "State": found["State"],
        "CreatedAt": f"{created:%Y-%m-%d %H:%M:%S} +0000 UTC",
        "Size": _size(found),
        "Labels": labels(found.get("Labels")),
        "Mounts": ",".join(mounts if full else (ellipsis(mount, 15) for mount in mounts)),
        "LocalVolumes": str(len(local)),
        "Networks": ",".join(sorted((found.get("NetworkSettings") or {}).get("Networks") or {})),
        "Platform": None,
    }


def _size(found: Object) -> str:
    written, whole = found.get("SizeRw", 0), found.get("SizeRootFs", 0)
    said = decimal_size(written, 3)
    return f"{said} (virtual {decimal_size(whole, 3)})" if whole else said


def ports(found: list[Object]) -> str:
    """As formatter.DisplayablePorts, each by itself."""
    ordered = sorted(
        found, key=lambda port: (port["PrivatePort"], port.get("Type", "tcp"), port.get("IP", ""))
    )
    shown = []
    for port in ordered:
        end = f"{port['PrivatePort']}/{port.get('Type', 'tcp')}"
        address = port.get("IP", "")
        address = f"[{address}]" if ":" in address else address
        shown.append(f"{address}:{port['PublicPort']}->{end}" if port.get("PublicPort") else end)
    return ", ".join(shown)


def logs(engine: Engine, words: Words) -> int:
    found = engine.get(path_of("container", words.rest[0]) + "/json")
    asked = servicelogs.query(words, words.get("details", False))
    outputs = {1: sys.stdout.buffer, 2: sys.stderr.buffer}
    try:
        for stream, piece in engine.frames(f"/containers/{found['Id']}/logs", **asked):
            outputs[stream].write(piece)
            outputs[stream].flush()
    except KeyboardInterrupt:
        return 130
    return 0


def _order(verb: str) -> Any:
    """A verb that is one request for each container."""

    def run(engine: Engine, words: Words) -> int:
        query = {}
        if "time" in words:
            print("Flag --time has been deprecated, use --timeout instead", file=sys.stderr)
            query["t"] = str(words.get("time"))
        if "timeout" in words:
            query["t"] = str(words.get("timeout"))
        if "signal" in words:
            query["signal"] = words.get("signal")
        elif verb == "kill":
            query["signal"] = "KILL"
        return each(
            words.rest, lambda name: engine.post(path_of("container", name) + f"/{verb}", None, **query)
        )

    return run


def remove(engine: Engine, words: Words) -> int:
    query = {"force": "1"} if words.get("force") else {}
    return each(words.rest, lambda name: engine.delete(path_of("container", name), **query))


def wait(engine: Engine, words: Words) -> int:
    """Print each one's exit code when it has ended."""

    def ended(name: str) -> None:
        print(engine.post(path_of("container", name) + "/wait")["StatusCode"], flush=True)

    engine.timeout = None
    return each(words.rest, ended, show=False)


def top(engine: Engine, words: Words) -> int:
    name, *options = words.rest
    query = {"ps_args": " ".join(options)} if options else {}
    found = engine.get(path_of("container", name) + "/top", **query)
    lines = [found["Titles"], *(found["Processes"] or [])]
    widths = [
        max(20, *(len(line[column]) + 3 for line in lines)) for column in range(len(found["Titles"]) - 1)
    ]
    for line in lines:
        print("".join([*(cell.ljust(width) for cell, width in zip(line, widths, strict=False)), line[-1]]))
    return 0


def port(engine: Engine, words: Words) -> int:
    found = engine.get(path_of("container", words.rest[0]) + "/json")
    published = (found.get("NetworkSettings") or {}).get("Ports") or {}
    wanted = words.rest[1] if len(words.rest) > 1 else None
    for target in sorted(published, key=lambda text: int(re.sub(r"\D.*", "", text) or 0)):
        for binding in published[target] or ():
            address = f"[{binding['HostIp']}]" if ":" in binding["HostIp"] else binding["HostIp"]
            line = f"{address}:{binding['HostPort']}"
            if wanted is None:
                print(f"{target} -> {line}")
            elif target == (wanted if "/" in wanted else f"{wanted}/tcp"):
                print(line)
    return 0


MANY = "CONTAINER [CONTAINER...]"
LIST_FLAGS = (
    Flag("all", "a", "bool", "Also those that have ended"),
    FILTER,
    FORMAT,
    Flag("last", "n", "int", "Only so many, the newest, in whatever state"),
    Flag("latest", "l", "bool", "Only the newest, in whatever state"),
    NO_TRUNC,
    QUIET,
    Flag("size", "s", "bool", "How much each has written"),
)
LOG_FLAGS = (*servicelogs.CONTAINER_FLAGS, Flag("until", "", "string", "Only what was written before a time"))
VERBS = (
    Verb("ps", "", "List containers", list_containers, NONE, LIST_FLAGS),
    Verb("logs", "CONTAINER", "Print what a container has written", logs, ONE, LOG_FLAGS),
    Verb(
        "stop",
        MANY,
        "Ask containers to stop, and kill those that do not",
        _order("stop"),
        SOME,
        (SIGNAL, GRACE, OLD_GRACE),
    ),
    Verb("kill", MANY, "Kill containers, or send them a signal", _order("kill"), SOME, (SIGNAL,)),
    Verb(
        "restart",
        MANY,
        "Stop containers and start them again",
        _order("restart"),
        SOME,
        (SIGNAL, GRACE, OLD_GRACE),
    ),
    Verb("pause", MANY, "Freeze the processes of containers", _order("pause"), SOME),
    Verb("unpause", MANY, "Let frozen processes go on", _order("unpause"), SOME),
    Verb("rm", MANY, "Remove containers", remove, SOME, (Flag("force", "f", "bool", "Kill them first"),)),
    Verb("top", "CONTAINER [ps OPTIONS]", "List the processes of a container", top, SOME, (), False),
    Verb(
        "port", "CONTAINER [PRIVATE_PORT[/PROTO]]", "List the ports that a container publishes", port, (1, 2)
    ),
    Verb("wait", MANY, "Wait until containers end, and print their exit codes", wait, SOME),
    Verb("stats", "[CONTAINER...]", "Show what containers use", stats.stats, ANY, stats.FLAGS),
)
