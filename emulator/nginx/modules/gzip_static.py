"""ngx_http_gzip_static_module: files compressed beforehand."""

from __future__ import annotations

from emulator.nginx.directives import Directive
from emulator.nginx.rows import HSL, enum

MODULE = "ngx_http_gzip_static_module"

DIRECTIVES: tuple[Directive, ...] = (
    enum("gzip_static", HSL, ("off", "on", "always"), "Serve file.gz for file.", "off"),
)
