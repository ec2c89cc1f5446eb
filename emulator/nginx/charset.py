"""charset: its name in Content-Type (ngx_http_charset_filter_module.c); answers are not converted."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from emulator.nginx.conf import ENCODING
from emulator.nginx.variables import compile_template

if TYPE_CHECKING:
    from emulator.nginx.directives import Block
    from emulator.nginx.request import Request


def compile_charset(block: Block, own: frozenset[str]) -> Callable[[Request], None] | None:
    """What adds a charset to the types that have one and name none; None where it is off."""
    text = block.given("charset", "off")
    if text == "off":
        return None
    template = compile_template(text, own)
    types = frozenset(
        kind.lower().encode(*ENCODING) for kind in ("text/html", *block.inherited("charset_types"))
    )
    every = b"*" in types

    def add(r: Request) -> None:
        kind = r.content_type
        if kind is None or b"charset=" in kind.lower():
            return
        if every or kind.partition(b";")[0].rstrip(b" ").lower() in types:
            charset = template(r)
            if charset:
                r.content_type = b"%b; charset=%b" % (kind, charset)

    return add
