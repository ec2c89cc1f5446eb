"""ngx_http_geo_module: a variable by address."""

from __future__ import annotations

from typing import NamedTuple

from emulator.nginx.address import Network, packed, parse_network
from emulator.nginx.conf import Node
from emulator.nginx.directives import BadValue, Block, Directive
from emulator.nginx.geotable import NOWHERE, Networks, Overlap, Ranges
from emulator.nginx.modules.listen import define
from emulator.nginx.rows import GEO, ONE_TWO, H, row

MODULE = "ngx_http_geo_module"


class Geo(NamedTuple):
    """`geo [$address] $name { … }`: both without their dollar signs; no address is the client's own."""

    address: str | None
    name: str


class GeoTable:
    """What the lines of one block have said so far: networks or ranges, never both."""

    def __init__(self) -> None:
        self.networks: Networks | None = None
        self.ranges: Ranges | None = None
        self.proxies: list[Network] = []
        self.recursive = False
        self.volatile = False


def place_geo(block: Block, args: str | tuple[str, ...]) -> Geo:
    """As ngx_http_geo_block."""
    names = (args,) if isinstance(args, str) else args
    for name in names:
        if not name.startswith("$") or len(name) < 2:
            raise BadValue(f'invalid variable name "{name}"')
        if len(names) > 1 and name is names[0]:
            block.state.used[name[1:]] = None
    define(block, names[-1][1:])
    return Geo(names[0][1:] if len(names) > 1 else None, names[-1][1:].lower())


def read_line(block: Block, node: Node) -> None:
    """As ngx_http_geo."""
    table: GeoTable = block.values.setdefault("table", GeoTable())
    if not node.args and node.name in _SWITCHES:
        _switch(table, node.name)
        return
    if len(node.args) != 1:
        raise BadValue("invalid number of the geo parameters")
    if node.name == "proxy":
        table.proxies.append(_network(block, node.args[0]))
    elif table.ranges is not None:
        _range(block, table.ranges, node.name, node.args[0])
    else:
        table.networks = table.networks or Networks()
        _cidr(block, table.networks, node.name, node.args[0])


_SWITCHES = ("ranges", "proxy_recursive", "volatile")


def _switch(table: GeoTable, name: str) -> None:
    if name == "ranges":
        if table.networks is not None:
            raise BadValue('the "ranges" directive must be the first directive inside "geo" block')
        table.ranges = table.ranges or Ranges()
    elif name == "volatile":
        table.volatile = True
    else:
        table.recursive = True


def _network(block: Block, text: str) -> Network:
    """As ngx_http_geo_cidr_value."""
    if text == "255.255.255.255":
        return Network(NOWHERE, 32)
    found = parse_network(text)
    if found is None:
        raise BadValue(f'invalid network "{text}"')
    if found.low_bits:
        block.state.warn(f"low address bits of {text} are meaningless")
    return found


def _cidr(block: Block, networks: Networks, key: str, value: str) -> None:
    """As ngx_http_geo_cidr."""
    if key == "delete":
        if not networks.delete(_network(block, value)):
            block.state.warn(f'no network "{value}" to delete')
        return
    whole = (Network(bytes(4), 0), Network(bytes(16), 0))
    for network in whole if key == "default" else (_network(block, key),):
        old = networks.add(network, value)
        if old is not None:
            block.state.warn(f'duplicate network "{key}", value: "{value}", old value: "{old}"')


def _range(block: Block, ranges: Ranges, key: str, value: str) -> None:
    """As ngx_http_geo_range."""
    if key == "default":
        if ranges.default is not None:
            block.state.warn(f'duplicate default geo range value: "{value}", old value: "{ranges.default}"')
        ranges.default = value
        return
    text = value if key == "delete" else key
    first, last = _ends(text)
    if key == "delete":
        if not ranges.delete(first, last):
            block.state.warn(f'no address range "{text}" to delete')
        return
    try:
        for old in ranges.add(first, last, value):
            block.state.warn(f'duplicate range "{text}", value: "{value}", old value: "{old}"')
    except Overlap as other:
        raise BadValue(f'range "{text}" overlaps "{other}"') from None


def _ends(text: str) -> tuple[int, int]:
    ends = [packed(part) for part in text.split("-", 1)]
    numbers = [int.from_bytes(end, "big") for end in ends if end is not None and len(end) == 4]
    if len(numbers) != 2 or numbers[0] > numbers[1]:
        raise BadValue(f'invalid range "{text}"')
    return numbers[0], numbers[1]


DIRECTIVES: tuple[Directive, ...] = (
    row(
        *("geo", H, ONE_TWO, "A variable whose value depends on an address.", ()),
        block=GEO,
        check=place_geo,
        line=read_line,
        repeat=True,
    ),
)
