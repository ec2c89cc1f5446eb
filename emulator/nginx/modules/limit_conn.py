"""ngx_http_limit_conn_module: how many connections a key may have."""

from __future__ import annotations

from typing import NamedTuple

from emulator.nginx.directives import BadValue, Block, Complaint, Directive
from emulator.nginx.modules.limit_req import LEVELS
from emulator.nginx.rows import HSL, ONE, TWO, H, bounded, enum, flag, row, uses_variables
from emulator.nginx.values import number
from emulator.nginx.zones import Zone, bind, declare

MODULE = "ngx_http_limit_conn_module"


class Limit(NamedTuple):
    """One limit_conn."""

    zone: Zone
    most: int


def place_zone(block: Block, args: tuple[str, ...]) -> Zone:
    """As ngx_http_limit_conn_zone."""
    key, zone_text = args
    uses_variables(block, key)
    if not zone_text.startswith("zone="):
        raise BadValue(f'invalid parameter "{zone_text}"')
    if zone_text.startswith("zone=:"):
        raise BadValue('"limit_conn_zone" must have "zone" parameter')
    return bind(block, zone_text, key, "limit_conn_zone")


def place_limit(block: Block, args: tuple[str, ...]) -> Limit:
    """As ngx_http_limit_conn."""
    zone = declare(block, args[0], 0, "limit_conn_zone")
    if any(limit.zone is zone for limit in block.values.get("limit_conn", ())):
        raise Complaint("is duplicate")
    most = number(args[1])
    if not most:
        raise BadValue(f'invalid number of connections "{args[1]}"')
    if most > 65535:
        raise BadValue("connection limit must be less 65536")
    return Limit(zone, most)


DIRECTIVES: tuple[Directive, ...] = (
    row("limit_conn_zone", H, TWO, "A table of keys.", (), check=place_zone, repeat=True),
    row("limit_conn", HSL, TWO, "How many connections a key may have.", (), check=place_limit, repeat=True),
    enum("limit_conn_log_level", HSL, LEVELS, "The level at which refusals are logged.", "error"),
    row(*("limit_conn_status", HSL, ONE, "The status of refusals."), 503, parse=bounded(400, 599)),
    flag("limit_conn_dry_run", HSL, "Count, but refuse nothing.", False),
)
