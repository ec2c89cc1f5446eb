"""ngx_http_autoindex_module: lists of what is in a folder."""

from __future__ import annotations

from emulator.nginx.directives import Directive
from emulator.nginx.rows import HSL, ONE, later

MODULE = "ngx_http_autoindex_module"

DIRECTIVES: tuple[Directive, ...] = (
    later("autoindex", HSL, ONE, "List folders."),
    later("autoindex_format", HSL, ONE, "List them as html, xml, json or jsonp."),
    later("autoindex_localtime", HSL, ONE, "Show local times."),
    later("autoindex_exact_size", HSL, ONE, "Show exact sizes."),
)
