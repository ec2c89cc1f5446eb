"""ngx_http_map_module: a variable by another."""

from __future__ import annotations

import re
from typing import NamedTuple

from emulator.nginx import regex
from emulator.nginx.conf import Node
from emulator.nginx.directives import BadValue, Block, Directive
from emulator.nginx.modules.listen import define, define_captures
from emulator.nginx.rows import MAP, NO_EFFECT, TWO, H, number, row, uses_variables

MODULE = "ngx_http_map_module"


class Map(NamedTuple):
    """`map source $name { … }`; `name` without its dollar sign, in lower case."""

    source: str
    name: str


class MapLine(NamedTuple):
    """One line of a map; `key` is None for `default`, and a switch (hostnames, volatile) has no value."""

    key: str | None
    value: str | None
    pattern: re.Pattern[bytes] | None = None


def place_map(block: Block, args: tuple[str, ...]) -> Map:
    """As ngx_http_map_block."""
    source, name = args
    uses_variables(block, source)
    if not name.startswith("$") or len(name) < 2:
        raise BadValue(f'invalid variable name "{name}"')
    define(block, name[1:])
    return Map(source, name[1:].lower())


def read_line(block: Block, node: Node) -> MapLine:
    """As ngx_http_map: one word is a switch, two are a key and its value."""
    if not node.args:
        if node.name in ("hostnames", "volatile"):
            return MapLine(node.name, None)
        raise BadValue("invalid number of the map parameters")
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
    key = key.removeprefix("\\")
    hostnames = any(line.key == "hostnames" and line.value is None for line in block.lines)
    if hostnames and (".." in key or (key.startswith("*") and not key.startswith("*."))):
        raise BadValue(f'invalid hostname or wildcard "{key}"')
    if any(line.key is not None and line.key.lower() == key.lower() and line.value for line in block.lines):
        raise BadValue(f'conflicting parameter "{key}"')
    return MapLine(key, value)


DIRECTIVES: tuple[Directive, ...] = (
    row(
        *("map", H, TWO, "A variable whose value depends on another.", ()),
        block=MAP,
        check=place_map,
        line=read_line,
        repeat=True,
    ),
    number("map_hash_max_size", H, "A table's size.", 2048, NO_EFFECT),
    number("map_hash_bucket_size", H, "A table's size.", 64, NO_EFFECT),
)
