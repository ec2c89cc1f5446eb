"""ngx_http_referer_module: where a request comes from."""

from __future__ import annotations

from emulator.nginx.directives import Directive
from emulator.nginx.rows import NO_EFFECT, L, S, later, number

MODULE = "ngx_http_referer_module"

DIRECTIVES: tuple[Directive, ...] = (
    later("valid_referers", S | L, None, "Referers that leave $invalid_referer empty.", repeat=True),
    number("referer_hash_max_size", S | L, "A table's size.", 2048, NO_EFFECT),
    number("referer_hash_bucket_size", S | L, "A table's size.", 64, NO_EFFECT),
)
