"""ngx_http_stub_status_module: a page of counters."""

from __future__ import annotations

from typing import Any

from emulator.nginx.directives import Block, Directive
from emulator.nginx.rows import L, S, row

MODULE = "ngx_http_stub_status_module"


def place_status(block: Block, value: Any) -> Any:
    """What is counted in shared memory is counted only where somebody asks."""
    block.state.zones["counters"] = True
    return value


DIRECTIVES: tuple[Directive, ...] = (
    row(
        *("stub_status", S | L, frozenset((0, 1)), "Answer with nginx's counters."),
        check=place_status,
        once=False,
    ),
)
