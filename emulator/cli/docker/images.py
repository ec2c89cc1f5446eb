"""`images` and `image inspect` (docker/cli, cli/command/image/)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from emulator.cli.docker import tasks
from emulator.cli.docker.formats import Row, Sheet, listed
from emulator.cli.docker.inspect import inspecting
from emulator.cli.docker.pflag import Flag, Words
from emulator.cli.docker.units import decimal_size, ellipsis, short, since
from emulator.cli.docker.verb import FILTER, FORMAT, INSPECT_FORMAT, NO_TRUNC, ONE, QUIET, SOME, Verb, path_of
from emulator.client import Engine

Object = dict[str, Any]

HEADS = {
    "Repository": "REPOSITORY",
    "Tag": "TAG",
    "Digest": "DIGEST",
    "ID": "IMAGE ID",
    "CreatedSince": "CREATED",
    "CreatedAt": "CREATED AT",
    "Size": "SIZE",
    "Containers": "CONTAINERS",
    "VirtualSize": "SIZE",
    "SharedSize": "SHARED SIZE",
    "UniqueSize": "UNIQUE SIZE",
}
COLUMNS = ("Repository", "Tag", "ID", "CreatedSince", "Size")


def list_images(engine: Engine, words: Words) -> int:
    filters = tasks.filters(words)
    for name in words.rest:
        filters["reference"] = {name: True}
    found = engine.get("/images/json", **tasks.asked(filters))
    columns = ("Repository", "Tag", "Digest", *COLUMNS[2:]) if words.get("digests") else COLUMNS
    sheet = Sheet("\t".join(f"{{{{.{name}}}}}" for name in columns), HEADS, "*formatter.imageContext")
    rows = [row for one in found for row in rows_of(one, words.get("no-trunc", False))]
    return listed(sheet, rows, words.get("format"), words.get("quiet", False))


def rows_of(found: Object, full: bool) -> Iterator[Row]:
    """A row for each of the image's names."""
    created = datetime.fromtimestamp(max(found["Created"], 0), UTC)
    for name in found.get("RepoTags") or ["<none>:<none>"]:
        repository, _, tag = name.rpartition(":")
        yield {
            "Repository": repository,
            "Tag": tag,
            "Digest": "<none>",
            "ID": found["Id"] if full else short(found["Id"]),
            "CreatedSince": since(found["Created"]) if found["Created"] > 0 else "N/A",
            "CreatedAt": f"{created:%Y-%m-%d %H:%M:%S} +0000 UTC",
            "Size": decimal_size(found["Size"], 3),
            "Containers": "N/A",
            "VirtualSize": decimal_size(found.get("VirtualSize") or found["Size"]),
            "SharedSize": "N/A",
            "UniqueSize": "N/A",
        }


def history(engine: Engine, words: Words) -> int:
    """The one layer that an image has here."""
    full, human = words.get("no-trunc", False), words.get("human", True)
    rows = []
    for one in engine.get(path_of("image", words.rest[0]) + "/history"):
        made = datetime.fromtimestamp(one["Created"], UTC)
        row = {
            "ID": one["Id"] if full else short(one["Id"]),
            "CreatedSince": since(one["Created"]) if human else f"{made:%Y-%m-%dT%H:%M:%SZ}",
            "CreatedAt": f"{made:%Y-%m-%dT%H:%M:%SZ}",
            "CreatedBy": one["CreatedBy"] if full else ellipsis(one["CreatedBy"], 45),
            "Size": decimal_size(one["Size"], 3) if human else str(one["Size"]),
            "Comment": one["Comment"],
        }
        rows.append(row)
    sheet = Sheet("\t".join(f"{{{{.{name}}}}}" for name in LAYER), LAYERS, "*image.historyContext")
    return listed(sheet, rows, words.get("format"), words.get("quiet", False))


def inspect(engine: Engine, words: Words) -> int:
    return inspecting(words, "image.InspectResponse", lambda name: engine.get(f"/images/{quote(name)}/json"))


LAYERS = {
    "ID": "IMAGE",
    "CreatedSince": "CREATED",
    "CreatedAt": "CREATED AT",
    "CreatedBy": "CREATED BY",
    "Size": "SIZE",
    "Comment": "COMMENT",
}
LAYER = tuple(name for name in LAYERS if name != "CreatedAt")
HUMAN = Flag("human", "H", "bool", "Sizes and times for people")
LIST_FLAGS = (
    Flag("all", "a", "bool", "Also those between two layers"),
    Flag("digests", "", "bool", "With the digests"),
    FILTER,
    FORMAT,
    NO_TRUNC,
    QUIET,
)
VERBS = (
    Verb("history", "IMAGE", "Print the layers of an image", history, ONE, (FORMAT, HUMAN, NO_TRUNC, QUIET)),
    Verb(
        "images",
        "[REPOSITORY[:TAG]]",
        "List the images that config.toml gives a meaning",
        list_images,
        (0, 1),
        LIST_FLAGS,
    ),
    Verb(
        "image inspect",
        "IMAGE [IMAGE...]",
        "Print all that is known of images",
        inspect,
        SOME,
        (INSPECT_FORMAT,),
    ),
)
