"""ngx_http_charset_filter_module: the charset of answers."""

from __future__ import annotations

from emulator.nginx.directives import Directive
from emulator.nginx.rows import HSL, LI, MAP, ONE, TWO, H, content_types, later, text

MODULE = "ngx_http_charset_filter_module"

TYPES = (
    *("text/html", "text/xml", "text/plain", "text/vnd.wap.wml"),
    *("application/javascript", "application/rss+xml"),
)

DIRECTIVES: tuple[Directive, ...] = (
    text("charset", HSL | LI, "The charset named in Content-Type; off names none.", "off"),
    later("source_charset", HSL | LI, ONE, "The charset that answers really have."),
    later("override_charset", HSL | LI, ONE, "Also convert what a server has named."),
    content_types("charset_types", HSL, "Content types that have a charset.", TYPES),
    later("charset_map", H, TWO, "A table from one charset to another.", block=MAP, repeat=True),
)
