"""ngx_http_charset_filter_module: the charset of answers."""

from __future__ import annotations

from emulator.nginx.directives import Directive
from emulator.nginx.rows import HSL, LI, MAP, ONE, TWO, H, later

MODULE = "ngx_http_charset_filter_module"

DIRECTIVES: tuple[Directive, ...] = (
    later("charset", HSL | LI, ONE, "The charset named in Content-Type."),
    later("source_charset", HSL | LI, ONE, "The charset that answers really have."),
    later("override_charset", HSL | LI, ONE, "Also convert what a server has named."),
    later("charset_types", HSL, None, "Content types that have a charset."),
    later("charset_map", H, TWO, "A table from one charset to another.", block=MAP, repeat=True),
)
