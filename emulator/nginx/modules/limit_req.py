"""ngx_http_limit_req_module: how often a key may ask."""

from __future__ import annotations

from typing import NamedTuple

from emulator.nginx.directives import BadValue, Block, Complaint, Directive
from emulator.nginx.rows import HSL, ONE, ONE_THREE, THREE, H, bounded, enum, flag, row, uses_variables
from emulator.nginx.values import number
from emulator.nginx.zones import Zone, bind, declare, parse_zone

MODULE = "ngx_http_limit_req_module"

LEVELS = ("info", "notice", "warn", "error")
NO_DELAY = 2**63 // 1000


class Limit(NamedTuple):
    """One limit_req; `burst` and `delay` in thousandths of a request."""

    zone: Zone
    burst: int = 0
    delay: int = 0


def place_zone(block: Block, args: tuple[str, ...]) -> Zone:
    """As ngx_http_limit_req_zone."""
    key, zone_text, rate = args[0], "", 1000
    uses_variables(block, key)
    for arg in args[1:]:
        if arg.startswith("zone="):
            zone_text = arg
            parse_zone(arg)
        elif arg.startswith("rate="):
            rate = _rate(arg)
        else:
            raise BadValue(f'invalid parameter "{arg}"')
    if zone_text.partition(":")[0] in ("", "zone="):
        raise BadValue('"limit_req_zone" must have "zone" parameter')
    zone = bind(block, zone_text, key, "limit_req_zone")
    zone.rate = rate
    return zone


def _rate(text: str) -> int:
    """Thousandths of a request in a second."""
    scale = 60 if text.endswith("r/m") else 1
    value = number(text[5:].removesuffix("r/m") if scale == 60 else text[5:].removesuffix("r/s"))
    if not value:
        raise BadValue(f'invalid rate "{text}"')
    return value * 1000 // scale


def place_limit(block: Block, args: str | tuple[str, ...]) -> Limit:
    """As ngx_http_limit_req."""
    zone, burst, delay = None, 0, 0
    for arg in (args,) if isinstance(args, str) else args:
        name, _, text = arg.partition("=")
        value = number(text) or 0
        if arg.startswith("zone="):
            zone = declare(block, text, 0, "limit_req_zone")
        elif arg.startswith("burst="):
            burst = value
        elif arg.startswith("delay="):
            delay = 1000 * value
        elif arg == "nodelay":
            delay = NO_DELAY
        else:
            raise BadValue(f'invalid parameter "{arg}"')
        if arg.startswith(("burst=", "delay=")) and not value:
            raise BadValue(f'invalid {name} value "{arg}"')
    if zone is None:
        raise BadValue('"limit_req" must have "zone" parameter')
    if any(limit.zone is zone for limit in block.values.get("limit_req", ())):
        raise Complaint("is duplicate")
    return Limit(zone, burst * 1000, delay)


DIRECTIVES: tuple[Directive, ...] = (
    row("limit_req_zone", H, THREE, "A table of keys, and their rate.", (), check=place_zone, repeat=True),
    row("limit_req", HSL, ONE_THREE, "Hold requests to a zone's rate.", (), check=place_limit, repeat=True),
    enum("limit_req_log_level", HSL, LEVELS, "The level at which refusals are logged.", "error"),
    row(*("limit_req_status", HSL, ONE, "The status of refusals."), 503, parse=bounded(400, 599)),
    flag("limit_req_dry_run", HSL, "Count, but refuse nothing.", False),
)
