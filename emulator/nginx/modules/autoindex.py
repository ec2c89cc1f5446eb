"""ngx_http_autoindex_module: lists of what is in a folder."""

from __future__ import annotations

from emulator.nginx.directives import Directive
from emulator.nginx.rows import HSL, enum, flag

MODULE = "ngx_http_autoindex_module"

DIRECTIVES: tuple[Directive, ...] = (
    flag("autoindex", HSL, "List folders that have no index file.", False),
    enum(
        *(
            "autoindex_format",
            HSL,
            ("html", "json", "jsonp", "xml"),
            "The list's form; jsonp reads ?callback=.",
        ),
        "html",
    ),
    flag("autoindex_localtime", HSL, "Show local times in the html list.", False),
    flag("autoindex_exact_size", HSL, "Show exact sizes in the html list.", True),
)
