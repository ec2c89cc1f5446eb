"""ngx_http_headers_filter_module: fields added to answers."""

from __future__ import annotations

from typing import NamedTuple

from emulator.nginx.directives import BadValue, Block, Complaint, Directive
from emulator.nginx.rows import HSL, LI, ONE_TWO, enum, row, uses_variables
from emulator.nginx.values import seconds

MODULE = "ngx_http_headers_filter_module"

_INHERIT = ("off", "on", "merge")
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


class Expires(NamedTuple):
    """`kind` is off, epoch, max, access, modified or daily (then `seconds` are those since midnight).

    With variables, `text` is what is read anew for each answer, and `kind` says only whether it counts
    from the file's time.
    """

    kind: str
    seconds: int = 0
    text: str | None = None


def place_expires(block: Block, args: tuple[str, ...]) -> Expires:
    """As ngx_http_headers_expires."""
    modified = len(args) > 1
    if modified and args[0] != "modified":
        raise Complaint("invalid value")
    text = args[-1]
    if "$" in text:
        uses_variables(block, text)
        return Expires("modified" if modified else "access", 0, text)
    return parse_expires(text, modified)


def parse_expires(text: str, modified: bool = False) -> Expires:
    """As ngx_http_parse_expires; raises BadValue."""
    if not modified and text in ("off", "epoch", "max"):
        return Expires(text)
    kind = "modified" if modified else "access"
    if text.startswith("@"):
        found = seconds(text[1:])
        if modified:
            raise Complaint('daily time cannot be used with "modified" parameter')
        if found is None or found > 24 * 60 * 60:
            raise Complaint("daily time value must be less than 24 hours" if found else "invalid value")
        return Expires("daily", found)
    sign = -1 if text.startswith("-") else 1
    found = seconds(text[1:] if text[:1] in ("+", "-") else text)
    if found is None:
        raise Complaint("invalid value")
    return Expires(kind, sign * found)


DIRECTIVES: tuple[Directive, ...] = (
    row("expires", HSL | LI, ONE_TWO, "Set Expires and Cache-Control.", Expires("off"), check=place_expires),
    row(
        *("add_header", HSL | LI, _TWO_THREE, "Add a field to answers.", ()),
        check=place_header,
        repeat=True,
    ),
    row(
        *("add_trailer", HSL | LI, _TWO_THREE, "Add a field after a chunked answer.", ()),
        check=place_header,
        repeat=True,
    ),
    enum("add_header_inherit", HSL | LI, _INHERIT, "Whether fields added outside hold inside as well.", "on"),
    enum("add_trailer_inherit", HSL | LI, _INHERIT, "The same for trailers.", "on"),
)
