"""ngx_http_upstream_zone_module: a group's state that all workers share."""

from __future__ import annotations

from emulator.nginx.directives import BadValue, Block, Directive
from emulator.nginx.rows import ONE_TWO, U, row
from emulator.nginx.values import size as as_size
from emulator.nginx.zones import SMALLEST, Zone, declare

MODULE = "ngx_http_upstream_zone_module"


def place_zone(block: Block, args: tuple[str, ...]) -> Zone:
    """As ngx_http_upstream_zone; a size said once is enough for all groups of a zone."""
    name = args[0]
    if not name:
        raise BadValue('invalid zone name ""')
    size = 0
    if len(args) == 2:
        found = as_size(args[1])
        if found is None:
            raise BadValue(f'invalid zone size "{args[1]}"')
        if found < SMALLEST:
            raise BadValue(f'zone "{name}" is too small')
        size = found
    return declare(block, name, size, "upstream")


DIRECTIVES: tuple[Directive, ...] = (
    row(
        *("zone", U, ONE_TWO, "Share the group's state among workers."),
        check=place_zone,
        once=False,
    ),
)
