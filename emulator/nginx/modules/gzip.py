"""ngx_http_gzip_filter_module: answers in fewer bytes."""

from __future__ import annotations

from emulator.nginx.directives import Directive
from emulator.nginx.rows import HSL, LI, NO_EFFECT, ONE, buffers, later

MODULE = "ngx_http_gzip_filter_module"

DIRECTIVES: tuple[Directive, ...] = (
    later("gzip", HSL | LI, ONE, "Compress answers."),
    buffers("gzip_buffers", HSL, "Buffers for compressed answers.", (32, 4096), NO_EFFECT),
    later("gzip_types", HSL, None, "Content types to compress."),
    later("gzip_comp_level", HSL, ONE, "How hard to compress."),
    later("gzip_window", HSL, ONE, "A size inside zlib."),
    later("gzip_hash", HSL, ONE, "A size inside zlib."),
    later("postpone_gzipping", HSL, ONE, "Wait for this much before compressing."),
    later("gzip_no_buffer", HSL, ONE, "Compress without buffers."),
    later("gzip_min_length", HSL, ONE, "The shortest answer to compress."),
    later("gzip_vary", HSL, ONE, "Send Vary: Accept-Encoding."),
    later("gzip_http_version", HSL, ONE, "The oldest protocol to compress for."),
    later("gzip_proxied", HSL, None, "Which requests through proxies to compress for."),
    later("gzip_disable", HSL, None, "Browsers not to compress for.", repeat=True),
)
