"""add_header (ngx_http_headers_filter_module.c)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from emulator.nginx.conditions import parse_date
from emulator.nginx.conf import ENCODING
from emulator.nginx.request import Request
from emulator.nginx.variables import Template, compile_template

if TYPE_CHECKING:
    from emulator.nginx.directives import Block

# without `always` a field is added to these answers only
_STATUSES = frozenset((200, 201, 204, 206, 301, 302, 303, 304, 307, 308))

Field = tuple[bytes, Template, bool]


def compile_add_headers(block: Block, own: frozenset[str]) -> Callable[[Request], None] | None:
    """What adds a location's fields to a response; None where there are none."""
    fields: tuple[Field, ...] = tuple(
        (entry.name.encode(*ENCODING), compile_template(entry.value, own), entry.always)
        for entry in block.inherited("add_header")
    )
    if not fields:
        return None

    def add(r: Request) -> None:
        usual = r.status in _STATUSES
        for name, template, always in fields:
            if usual or always:
                value = template(r)
                if value:
                    _set(r, name, value)

    return add


def _set(r: Request, name: bytes, value: bytes) -> None:
    """Last-Modified and ETag replace nginx's own; all others stand beside what is there."""
    if b"\r" in value or b"\n" in value:
        value = value.replace(b"\r", b"").replace(b"\n", b"")
    lower = name.lower()
    if lower == b"last-modified":
        r.last_modified = -1
        r.headers_out = [field for field in r.headers_out if field[0].lower() != lower]
        parsed = parse_date(value)
        if parsed is not None:
            r.last_modified = parsed
            return
    elif lower == b"etag":
        r.etag = None
        r.headers_out = [field for field in r.headers_out if field[0].lower() != lower]
    r.headers_out.append((name, value))
