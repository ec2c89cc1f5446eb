"""ngx_http_gzip_static_module: files compressed beforehand."""

from __future__ import annotations

from emulator.nginx.directives import Directive
from emulator.nginx.rows import HSL, ONE, later

MODULE = "ngx_http_gzip_static_module"

DIRECTIVES: tuple[Directive, ...] = (later("gzip_static", HSL, ONE, "Serve file.gz for file."),)
