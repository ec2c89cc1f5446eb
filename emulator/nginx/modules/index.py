"""ngx_http_index_module: which file is served for a folder."""

from __future__ import annotations

from emulator.nginx.directives import BadValue, Block, Directive
from emulator.nginx.rows import HSL, row, uses_variables

MODULE = "ngx_http_index_module"


def place_index(block: Block, names: tuple[str, ...]) -> tuple[str, ...]:
    """As ngx_http_index_set_index."""
    for place, name in enumerate(names, 1):
        if name.startswith("/") and place != len(names):
            block.state.warn('only the last index in "index" directive should be absolute')
        if not name:
            raise BadValue(f'index "{name}" in "index" directive is invalid')
        uses_variables(block, name)
    return names


DIRECTIVES: tuple[Directive, ...] = (
    row(
        *("index", HSL, None, "The files that stand for a folder; several lines add up.", (("index.html",),)),
        check=place_index,
        repeat=True,
    ),
)
