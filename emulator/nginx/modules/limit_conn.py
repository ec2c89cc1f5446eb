"""ngx_http_limit_conn_module: how many connections a key may have."""

from __future__ import annotations

from emulator.nginx.directives import Directive
from emulator.nginx.rows import HSL, ONE, TWO, H, later

MODULE = "ngx_http_limit_conn_module"

DIRECTIVES: tuple[Directive, ...] = (
    later("limit_conn_zone", H, TWO, "A table of keys.", repeat=True),
    later("limit_conn", HSL, TWO, "How many connections a key may have.", repeat=True),
    later("limit_conn_log_level", HSL, ONE, "The level at which refusals are logged."),
    later("limit_conn_status", HSL, ONE, "The status of refusals."),
    later("limit_conn_dry_run", HSL, ONE, "Count, but refuse nothing."),
)
