"""ngx_http_geo_module: a variable by address."""

from __future__ import annotations

from emulator.nginx.directives import Directive
from emulator.nginx.rows import GEO, ONE_TWO, H, later

MODULE = "ngx_http_geo_module"

DIRECTIVES: tuple[Directive, ...] = (
    later("geo", H, ONE_TWO, "A variable whose value depends on an address.", block=GEO, repeat=True),
)
