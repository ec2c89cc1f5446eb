"""ngx_http_limit_req_module: how often a key may ask."""

from __future__ import annotations

from emulator.nginx.directives import Directive
from emulator.nginx.rows import HSL, ONE, ONE_THREE, THREE, H, later

MODULE = "ngx_http_limit_req_module"

DIRECTIVES: tuple[Directive, ...] = (
    later("limit_req_zone", H, THREE, "A table of keys, and their rate.", repeat=True),
    later("limit_req", HSL, ONE_THREE, "Hold requests to a zone's rate.", repeat=True),
    later("limit_req_log_level", HSL, ONE, "The level at which refusals are logged."),
    later("limit_req_status", HSL, ONE, "The status of refusals."),
    later("limit_req_dry_run", HSL, ONE, "Count, but refuse nothing."),
)
