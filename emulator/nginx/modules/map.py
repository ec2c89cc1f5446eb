"""ngx_http_map_module: a variable by another."""

from __future__ import annotations

from emulator.nginx.directives import Directive
from emulator.nginx.rows import MAP, NO_EFFECT, TWO, H, later, number

MODULE = "ngx_http_map_module"

DIRECTIVES: tuple[Directive, ...] = (
    later("map", H, TWO, "A variable whose value depends on another.", block=MAP, repeat=True),
    number("map_hash_max_size", H, "A table's size.", 2048, NO_EFFECT),
    number("map_hash_bucket_size", H, "A table's size.", 64, NO_EFFECT),
)
