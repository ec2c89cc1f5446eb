"""ngx_http_auth_request_module: who may ask, by the answer to a subrequest."""

from __future__ import annotations

from emulator.nginx.directives import BadValue, Block, Directive, not_yet
from emulator.nginx.modules.listen import define
from emulator.nginx.modules.rewrite import Set
from emulator.nginx.rows import HSL, ONE, TWO, row, uses_variables
from emulator.nginx.variablenames import CHANGEABLE

MODULE = "ngx_http_auth_request_module"


def place_set(block: Block, args: tuple[str, ...]) -> Set:
    """As ngx_http_auth_request_set."""
    name, value = args
    if not name.startswith("$") or len(name) < 2:
        raise BadValue(f'invalid variable name "{name}"')
    name = name[1:].lower()
    define(block, name)
    if name in CHANGEABLE:
        raise not_yet(f'setting the "{name}" variable by "auth_request_set"')
    uses_variables(block, value)
    return Set(name, value)


DIRECTIVES: tuple[Directive, ...] = (
    row("auth_request", HSL, ONE, "Where to ask by a subrequest; off asks nobody."),
    row(
        *("auth_request_set", HSL, TWO, "Give a variable a value from its answer.", ()),
        check=place_set,
        repeat=True,
    ),
)
