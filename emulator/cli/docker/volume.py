"""`volume`: create, inspect, ls, prune, rm (docker/cli, cli/command/volume/)."""

from __future__ import annotations

from typing import Any

from emulator.cli.docker import tasks
from emulator.cli.docker.formats import Row, Sheet, listed
from emulator.cli.docker.inspect import inspecting
from emulator.cli.docker.network import FORCE, confirmed
from emulator.cli.docker.pflag import Flag, Words
from emulator.cli.docker.servicespec import pairs
from emulator.cli.docker.units import decimal_size, labels, natural
from emulator.cli.docker.verb import (
    FILTER,
    FORMAT,
    INSPECT_FORMAT,
    NONE,
    QUIET,
    SOME,
    Refused,
    Verb,
    each,
    path_of,
)
from emulator.client import Engine

Object = dict[str, Any]

HEADS = {
    "Driver": "DRIVER",
    "Name": "VOLUME NAME",
    "Labels": "LABELS",
    "Links": "LINKS",
    "Mountpoint": "MOUNTPOINT",
    "Scope": "SCOPE",
    "Size": "SIZE",
    "Availability": "AVAILABILITY",
    "Group": "GROUP",
    "Status": "STATUS",
}
SHEET = Sheet("{{.Driver}}\t{{.Name}}", HEADS, "*formatter.volumeContext", "Name")
PRUNED = "WARNING! This will remove all local volumes not used by at least one container.\n"
ALL_IS_YOUNGER = '"--all" requires API version 1.42, but the Docker daemon API version is 1.41'


def create(engine: Engine, words: Words) -> int:
    wanted: Object = {"Driver": words.get("driver", "local")}
    name = words.rest[0] if words.rest else ""
    options, said = dict(words.get("opt", [])), pairs(words.get("label", []))
    wanted |= {"DriverOpts": options} if options else {}
    wanted |= {"Labels": said} if said else {}
    wanted |= {"Name": name} if name else {}
    print(engine.post("/volumes/create", wanted)["Name"])
    return 0


def list_volumes(engine: Engine, words: Words) -> int:
    found = engine.get("/volumes", **tasks.asked(tasks.filters(words)))["Volumes"] or []
    found.sort(key=lambda one: natural(one["Name"]))
    return listed(SHEET, [_row(one) for one in found], words.get("format"), words.get("quiet", False))


def _row(found: Object) -> Row:
    usage = found.get("UsageData")
    return {
        "Driver": found["Driver"],
        "Name": found["Name"],
        "Labels": labels(found.get("Labels")),
        "Links": str(usage["RefCount"]) if usage else "N/A",
        "Mountpoint": found["Mountpoint"],
        "Scope": found["Scope"],
        "Size": decimal_size(usage["Size"]) if usage else "N/A",
        "Availability": "N/A",
        "Group": "N/A",
        "Status": "N/A",
    }


def inspect(engine: Engine, words: Words) -> int:
    return inspecting(words, "volume.Volume", lambda name: engine.get(path_of("volume", name)))


def remove(engine: Engine, words: Words) -> int:
    query = {"force": "1"} if words.get("force") else {}
    return each(words.rest, lambda name: engine.delete(path_of("volume", name), **query))


def prune(engine: Engine, words: Words) -> int:
    """Up to version 1.41 of the API all that nothing uses, named or not."""
    if words.get("all"):
        raise Refused(ALL_IS_YOUNGER)
    if not words.get("force") and not confirmed(PRUNED):
        return 0
    answer = engine.post("/volumes/prune", None, **tasks.asked(tasks.filters(words)))
    if answer.get("VolumesDeleted"):
        print("Deleted Volumes:", *answer["VolumesDeleted"], "", sep="\n")
    print(f"Total reclaimed space: {decimal_size(answer.get('SpaceReclaimed', 0))}")
    return 0


MANY = "VOLUME [VOLUME...]"
CREATE = (
    Flag("driver", "d", "string", "Who keeps the volume"),
    Flag("label", "", "list", "A label of the volume"),
    Flag("opt", "o", "map", "An option of the driver"),
)
ALL = Flag("all", "a", "bool", "Also those that have a name")
VERBS = (
    Verb("volume create", "[VOLUME]", "Make a volume", create, (0, 1), CREATE),
    Verb("volume inspect", MANY, "Print all that is known of volumes", inspect, SOME, (INSPECT_FORMAT,)),
    Verb("volume ls", "", "List the volumes", list_volumes, NONE, (FILTER, FORMAT, QUIET)),
    Verb(
        "volume prune",
        "",
        "Remove the volumes that nothing uses",
        prune,
        NONE,
        (ALL, FILTER._replace(short=""), FORCE),
    ),
    Verb("volume rm", MANY, "Remove volumes", remove, SOME, (FORCE,)),
)
