"""ngx_http_stub_status_module: a page of counters."""

from __future__ import annotations

from emulator.nginx.directives import Directive
from emulator.nginx.rows import L, S, later

MODULE = "ngx_http_stub_status_module"

DIRECTIVES: tuple[Directive, ...] = (
    later("stub_status", S | L, frozenset((0, 1)), "Answer with nginx's counters."),
)
