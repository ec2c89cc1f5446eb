"""ngx_http_sub_module: other words in answers."""

from __future__ import annotations

from emulator.nginx.directives import Directive
from emulator.nginx.rows import HSL, ONE, TWO, later

MODULE = "ngx_http_sub_module"

DIRECTIVES: tuple[Directive, ...] = (
    later("sub_filter", HSL, TWO, "A text to replace, and by what.", repeat=True),
    later("sub_filter_types", HSL, None, "Content types to look into."),
    later("sub_filter_once", HSL, ONE, "Replace the first one only."),
    later("sub_filter_last_modified", HSL, ONE, "Keep Last-Modified."),
)
