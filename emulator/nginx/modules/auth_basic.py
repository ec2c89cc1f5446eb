"""ngx_http_auth_basic_module: who may ask, by name and password."""

from __future__ import annotations

from emulator.nginx.directives import Block, Directive
from emulator.nginx.rows import HSL, ONE, X, row, text, uses_variables

MODULE = "ngx_http_auth_basic_module"


def place_user_file(block: Block, path: str) -> str:
    """As ngx_http_auth_basic_user_file: a relative name is beside the main configuration file."""
    uses_variables(block, path)
    return path if path.startswith(("/", "$")) else f"{block.state.folder}/{path}"


DIRECTIVES: tuple[Directive, ...] = (
    text("auth_basic", HSL | X, "Ask for a name and a password; the text is the realm's, off asks nobody."),
    row(
        *("auth_basic_user_file", HSL | X, ONE, "The names and passwords, in each form that nginx takes."),
        check=place_user_file,
    ),
)
