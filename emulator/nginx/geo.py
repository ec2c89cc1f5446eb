"""Variables whose value depends on an address (ngx_http_geo_module.c)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from emulator.nginx.address import client_octets
from emulator.nginx.conf import ENCODING
from emulator.nginx.fieldgetters import Getter
from emulator.nginx.forwarded import Proxies, forwarded
from emulator.nginx.geotable import NOWHERE
from emulator.nginx.map import Computed
from emulator.nginx.variables import compile_getter

if TYPE_CHECKING:
    from emulator.nginx.directives import Block
    from emulator.nginx.modules.geo import GeoTable
    from emulator.nginx.request import Request

AddressOf = Callable[["Request"], "bytes | None"]


def compile_geos(http: Block) -> dict[str, Computed]:
    """The geo blocks by the name of the variable that each defines."""
    own = frozenset(http.state.variables)
    return {block.value.name: _compile_geo(block, own) for block in http.blocks("geo")}


def _compile_geo(block: Block, own: frozenset[str]) -> Computed:
    from emulator.nginx.modules.geo import GeoTable

    table: GeoTable = block.values.get("table") or GeoTable()
    source = block.value.address
    address_of = _client if source is None else _named(compile_getter(source, own))
    if table.proxies:
        address_of = _behind(address_of, Proxies(tuple(table.proxies)), table.recursive)
    find = _by_range(table) if table.ranges is not None else _by_network(table)
    return Computed(lambda r: find(address_of(r)), table.volatile)


def _client(r: Request) -> bytes | None:
    return client_octets(r.connection.address)


def _named(getter: Getter) -> AddressOf:
    def address_of(r: Request) -> bytes | None:
        text = getter(r)
        return client_octets(text.decode(*ENCODING)) if text is not None else None

    return address_of


def _behind(address_of: AddressOf, proxies: Proxies, recursive: bool) -> AddressOf:
    """The address that a proxy of ours speaks for."""

    def behind(r: Request) -> bytes | None:
        client = address_of(r)
        fields = [value for _, value, lower in r.headers if lower == b"x-forwarded-for"]
        if client is None or not fields:
            return client
        hop = forwarded(client, fields, proxies, recursive)
        return client if hop is None else hop.address

    return behind


def _by_network(table: GeoTable) -> Callable[[bytes | None], bytes]:
    networks = table.networks

    def find(address: bytes | None) -> bytes:
        found = networks.find(address or NOWHERE) if networks is not None else None
        return (found or "").encode(*ENCODING)

    return find


def _by_range(table: GeoTable) -> Callable[[bytes | None], bytes]:
    ranges = table.ranges
    assert ranges is not None

    def find(address: bytes | None) -> bytes:
        octets = address if address is not None and len(address) == 4 else NOWHERE
        return (ranges.find(int.from_bytes(octets, "big")) or "").encode(*ENCODING)

    return find
