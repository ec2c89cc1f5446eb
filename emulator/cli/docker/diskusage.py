"""`system df`: what images, containers and volumes take (docker/cli, formatter/disk_usage.go)."""

from __future__ import annotations

from typing import Any

from emulator.cli.docker import containers, images
from emulator.cli.docker.formats import Row, Sheet, listed
from emulator.cli.docker.pflag import Flag, Words
from emulator.cli.docker.units import decimal_size
from emulator.cli.docker.verb import FORMAT, NONE, Refused, Verb
from emulator.client import Engine

Object = dict[str, Any]

HEADS = {
    "Type": "TYPE",
    "TotalCount": "TOTAL",
    "Active": "ACTIVE",
    "Size": "SIZE",
    "Reclaimable": "RECLAIMABLE",
}
SHEET = Sheet("\t".join(f"{{{{.{name}}}}}" for name in HEADS), HEADS, "*formatter.diskUsageContext", "Type")
LIVE = ("running", "paused", "restarting")
IMAGES = ("Repository", "Tag", "ID", "CreatedSince", "Size", "SharedSize", "UniqueSize", "Containers")
CONTAINERS = ("ID", "Image", "Command", "LocalVolumes", "Size", "RunningFor", "Status", "Names")
VOLUMES = ("Name", "Links", "Size")
CACHE = "CACHE ID   CACHE TYPE   SIZE      CREATED   LAST USED   USAGE     SHARED"


def disk_usage(engine: Engine, words: Words) -> int:
    found = engine.get("/system/df")
    if not words.get("verbose"):
        return listed(SHEET, list(_rows(found)), words.get("format"))
    if words.get("format"):
        raise Refused("the verbose and the format options conflict")
    _verbose(found)
    return 0


def _rows(found: Object) -> tuple[Row, ...]:
    pictures, made, kept = found["Images"] or [], found["Containers"] or [], found["Volumes"] or []
    in_use = sum(one["Size"] - max(one["SharedSize"], 0) for one in pictures if one["Containers"] > 0)
    layers = found.get("LayersSize", 0)
    running = [one for one in made if one["State"] in LIVE]
    bound = [one for one in kept if one["UsageData"]["RefCount"] > 0]
    return (
        _row(
            "Images", len(pictures), sum(one["Containers"] > 0 for one in pictures), layers, layers - in_use
        ),
        _row("Containers", len(made), len(running), *_sizes(made, running, lambda one: one.get("SizeRw", 0))),
        _row(
            "Local Volumes", len(kept), len(bound), *_sizes(kept, bound, lambda one: one["UsageData"]["Size"])
        ),
        _row("Build Cache", 0, 0, 0, 0),
    )


def _sizes(found: list[Object], used: list[Object], size: Any) -> tuple[int, int]:
    whole = sum(max(size(one), 0) for one in found)
    return whole, whole - sum(max(size(one), 0) for one in used)


def _row(kind: str, total: int, active: int, size: int, free: int) -> Row:
    share = f" ({free * 100 // size}%)" if size > 0 and kind != "Build Cache" else ""
    return {
        "Type": kind,
        "TotalCount": str(total),
        "Active": str(active),
        "Size": decimal_size(size),
        "Reclaimable": decimal_size(free) + share,
    }


def _verbose(found: Object) -> None:
    print("Images space usage:\n")
    heads = images.HEADS | {"SharedSize": "SHARED SIZE", "UniqueSize": "UNIQUE SIZE"}
    pictures = [row | _shares(one) for one in found["Images"] or () for row in images.rows_of(one, False)]
    listed(_sheet(IMAGES, heads), pictures)
    print("\nContainers space usage:\n")
    listed(
        _sheet(CONTAINERS, containers.HEADS),
        [containers.row(one, False) for one in found["Containers"] or ()],
    )
    print("\nLocal Volumes space usage:\n")
    listed(
        _sheet(VOLUMES, {"Name": "VOLUME NAME", "Links": "LINKS", "Size": "SIZE"}),
        [*map(_kept, found["Volumes"] or ())],
    )
    print(f"\nBuild cache usage: 0B\n\n{CACHE}")


def _shares(found: Object) -> Row:
    shared = max(found["SharedSize"], 0)
    return {
        "SharedSize": decimal_size(shared),
        "UniqueSize": decimal_size(found["Size"] - shared),
        "Containers": str(found["Containers"]),
    }


def _kept(found: Object) -> Row:
    usage = found["UsageData"]
    return {"Name": found["Name"], "Links": str(usage["RefCount"]), "Size": decimal_size(usage["Size"])}


def _sheet(fields: tuple[str, ...], heads: Any) -> Sheet:
    return Sheet("\t".join(f"{{{{.{name}}}}}" for name in fields), heads, "*formatter.diskUsageContext")


VERBS = (
    Verb(
        "system df",
        "",
        "Show how much disk is used",
        disk_usage,
        NONE,
        (FORMAT, Flag("verbose", "v", "bool", "Each image, container and volume")),
    ),
)
