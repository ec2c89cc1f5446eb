"""ngx_http_headers_filter_module: fields added to answers."""

from __future__ import annotations

from typing import NamedTuple

from emulator.nginx.directives import BadValue, Block, Directive
from emulator.nginx.rows import HSL, LI, ONE, ONE_TWO, later, row, uses_variables

MODULE = "ngx_http_headers_filter_module"

_TWO_THREE = frozenset((2, 3))


class Header(NamedTuple):
    """A field to add; `always`: whatever the status is."""

    name: str
    value: str
    always: bool = False


def place_header(block: Block, args: tuple[str, ...]) -> Header:
    """As ngx_http_headers_add."""
    uses_variables(block, args[1])
    if len(args) > 2 and args[2] != "always":
        raise BadValue(f'invalid parameter "{args[2]}"')
    return Header(args[0], args[1], len(args) > 2)


DIRECTIVES: tuple[Directive, ...] = (
    later("expires", HSL | LI, ONE_TWO, "Set Expires and Cache-Control."),
    row(
        *("add_header", HSL | LI, _TWO_THREE, "Add a field to answers.", ()),
        check=place_header,
        repeat=True,
    ),
    later("add_trailer", HSL | LI, _TWO_THREE, "Add a field after chunked answers.", repeat=True),
    later("add_header_inherit", HSL | LI, ONE, "Whether fields added outside hold inside as well."),
    later("add_trailer_inherit", HSL | LI, ONE, "The same for trailers."),
)
