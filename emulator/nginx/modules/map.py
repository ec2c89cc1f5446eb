"""ngx_http_map_module: a variable by another."""

from __future__ import annotations

import re
from typing import NamedTuple

from emulator.nginx import regex
from emulator.nginx.conf import Node
from emulator.nginx.directives import BadValue, Block, Complaint, Directive
from emulator.nginx.hosttable import HostTable
from emulator.nginx.modules.listen import define, define_captures
from emulator.nginx.rows import MAP, NO_EFFECT, TWO, H, number, row, uses_variables

MODULE = "ngx_http_map_module"


class Map(NamedTuple):
    """`map source $name { … }`; `name` without its dollar sign, in lower case."""

    source: str
    name: str


class MapLine(NamedTuple):
    """One line of a map; `key` is None for `default`, and a switch (hostnames, volatile) has no value.

    `hostname`: the key may be a name with a wildcard.
    """

    key: str | None
    value: str | None
    pattern: re.Pattern[bytes] | None = None
    hostname: bool = False


def place_map(block: Block, args: tuple[str, ...]) -> Map:
    """As ngx_http_map_block."""
    source, name = args
    uses_variables(block, source)
    if not name.startswith("$") or len(name) < 2:
        raise BadValue(f'invalid variable name "{name}"')
    define(block, name[1:])
    return Map(source, name[1:].lower())


def read_line(block: Block, node: Node) -> MapLine:
    """As ngx_http_map: one word is a switch, two are a key and its value; a switch holds for what follows."""
    if not node.args and node.name in ("hostnames", "volatile"):
        return MapLine(node.name, None)
    if len(node.args) != 1:
        raise BadValue("invalid number of the map parameters")
    key, value = node.name, node.args[0]
    uses_variables(block, value)
    if key == "default":
        if any(line.key is None for line in block.lines):
            raise BadValue("duplicate default map parameter")
        return MapLine(None, value)
    if key.startswith("~"):
        caseless = key.startswith("~*")
        pattern = regex.compiled(key[2:] if caseless else key[1:], caseless)
        define_captures(block, pattern)
        return MapLine(key, value, pattern)
    hostnames = any(line.key == "hostnames" and line.value is None for line in block.lines)
    line = MapLine(key.removeprefix("\\"), value, None, hostnames)
    known: HostTable[str] = block.values.setdefault("keys", HostTable())
    known.add(line.key or "", value, hostnames)
    return line


def refuse_late_size(block: Block, value: int) -> int:
    """The first map takes the sizes as they are, and what comes later is said twice."""
    if any(True for _ in block.blocks("map")):
        raise Complaint("is duplicate")
    return value


DIRECTIVES: tuple[Directive, ...] = (
    row(
        *("map", H, TWO, "A variable whose value depends on another.", ()),
        block=MAP,
        check=place_map,
        line=read_line,
        repeat=True,
    ),
    number("map_hash_max_size", H, "A table's size.", 2048, NO_EFFECT, check=refuse_late_size),
    number("map_hash_bucket_size", H, "A table's size.", 64, NO_EFFECT, check=refuse_late_size),
)
