"""ngx_http_gzip_filter_module: answers in fewer bytes."""

from __future__ import annotations

import re
from typing import NamedTuple

from emulator.nginx import regex
from emulator.nginx.directives import Block, Complaint, Directive
from emulator.nginx.rows import (
    HSL,
    LI,
    NO_EFFECT,
    ONE,
    bounded,
    buffers,
    content_types,
    enum,
    flag,
    mask,
    row,
    size,
)
from emulator.nginx.values import as_size

MODULE = "ngx_http_gzip_filter_module"

PROXIED = (
    *("off", "expired", "no-cache", "no-store", "private"),
    *("no_last_modified", "no_etag", "auth", "any"),
)
_WINDOWS = tuple(1 << bits for bits in range(9, 16))
_HASHES = tuple(1 << bits for bits in range(9, 18))


class Disabled(NamedTuple):
    """Browsers that get no gzip; `msie6` names the old ones that nginx knows by itself."""

    patterns: tuple[re.Pattern[bytes], ...] = ()
    msie6: bool = False


def place_disabled(block: Block, args: tuple[str, ...]) -> Disabled:
    """As ngx_http_gzip_disable; lines add up."""
    known: Disabled = block.values.get("gzip_disable", Disabled())
    for arg in args:
        if arg == "msie6":
            known = known._replace(msie6=True)
        elif arg != "degradation":
            known = known._replace(patterns=(*known.patterns, regex.compiled(arg, True)))
    return known


def place_window(block: Block, value: int) -> int:
    if value not in _WINDOWS:
        raise Complaint("must be 512, 1k, 2k, 4k, 8k, 16k, or 32k")
    return value


def place_hash(block: Block, value: int) -> int:
    if value not in _HASHES:
        raise Complaint("must be 512, 1k, 2k, 4k, 8k, 16k, 32k, 64k, or 128k")
    return value


DIRECTIVES: tuple[Directive, ...] = (
    flag("gzip", HSL | LI, "Compress answers.", False),
    buffers("gzip_buffers", HSL, "Buffers for compressed answers.", (32, 4096), NO_EFFECT),
    content_types("gzip_types", HSL, "Content types to compress; text/html always is."),
    row("gzip_comp_level", HSL, ONE, "How hard to compress.", 1, parse=bounded(1, 9)),
    row("gzip_window", HSL, ONE, "How far zlib looks back.", 1 << 15, parse=as_size, check=place_window),
    row("gzip_hash", HSL, ONE, "How much memory zlib takes.", 1 << 16, parse=as_size, check=place_hash),
    size("postpone_gzipping", HSL, "Wait for this much before compressing.", 0, NO_EFFECT),
    flag("gzip_no_buffer", HSL, "Compress without buffers.", False, NO_EFFECT),
    size("gzip_min_length", HSL, "The shortest answer to compress.", 20),
    flag("gzip_vary", HSL, "Send Vary: Accept-Encoding.", False),
    enum("gzip_http_version", HSL, ("1.0", "1.1"), "The oldest protocol to compress for.", "1.1"),
    mask("gzip_proxied", HSL, PROXIED, "For which requests through proxies.", frozenset(("off",))),
    row(
        *("gzip_disable", HSL, None, "Browsers not to compress for.", Disabled()),
        check=place_disabled,
        once=False,
    ),
)
