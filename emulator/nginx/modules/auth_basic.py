"""ngx_http_auth_basic_module: who may ask, by name and password."""

from __future__ import annotations

from emulator.nginx.directives import Directive
from emulator.nginx.rows import HSL, ONE, X, later

MODULE = "ngx_http_auth_basic_module"

DIRECTIVES: tuple[Directive, ...] = (
    later("auth_basic", HSL | X, ONE, "Ask for a name and a password."),
    later("auth_basic_user_file", HSL | X, ONE, "The names and passwords."),
)
