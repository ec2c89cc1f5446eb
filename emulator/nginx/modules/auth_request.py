"""ngx_http_auth_request_module: who may ask, by the answer to a subrequest."""

from __future__ import annotations

from emulator.nginx.directives import Directive
from emulator.nginx.rows import HSL, ONE, TWO, later

MODULE = "ngx_http_auth_request_module"

DIRECTIVES: tuple[Directive, ...] = (
    later("auth_request", HSL, ONE, "Where to ask."),
    later("auth_request_set", HSL, TWO, "Give a variable a value from its answer.", repeat=True),
)
