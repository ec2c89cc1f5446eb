"""ngx_http_sub_module: other words in answers."""

from __future__ import annotations

from emulator.nginx.directives import BadValue, Block, Directive
from emulator.nginx.rows import HSL, TWO, content_types, flag, row, uses_variables

MODULE = "ngx_http_sub_module"


def place_words(block: Block, args: tuple[str, str]) -> tuple[str, str]:
    """As ngx_http_sub_filter."""
    if not args[0]:
        raise BadValue("empty search pattern")
    uses_variables(block, args)
    return args


DIRECTIVES: tuple[Directive, ...] = (
    row(
        *("sub_filter", HSL, TWO, "A text to replace, and by what.", ()),
        check=place_words,
        repeat=True,
    ),
    content_types("sub_filter_types", HSL, "Content types to look into; text/html always is."),
    flag("sub_filter_once", HSL, "Replace the first one only.", True),
    flag("sub_filter_last_modified", HSL, "Keep Last-Modified.", False),
)
