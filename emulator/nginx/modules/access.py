"""ngx_http_access_module: who may ask, by address."""

from __future__ import annotations

from emulator.nginx.directives import Directive
from emulator.nginx.rows import HSL, ONE, X, later

MODULE = "ngx_http_access_module"

DIRECTIVES: tuple[Directive, ...] = (
    later("allow", HSL | X, ONE, "Addresses that may.", repeat=True),
    later("deny", HSL | X, ONE, "Addresses that may not.", repeat=True),
)
