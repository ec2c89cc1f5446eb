"""ngx_http_v2_module: HTTP/2, which the emulator does not speak."""

from __future__ import annotations

from emulator.nginx.directives import BadValue, Block, Complaint, Directive
from emulator.nginx.modules.http_core import as_pool_size
from emulator.nginx.rows import HS, HSL, NO_EFFECT, ONE, H, flag, number, row, size
from emulator.nginx.values import as_number, as_size

MODULE = "ngx_http_v2_module"

_LEAST_BUFFER = 32  # twice NGX_HTTP_V2_STATE_BUFFER_SIZE

_REPLACED = {
    "http2_max_requests": "keepalive_requests",
    "http2_max_field_size": "large_client_header_buffers",
    "http2_max_header_size": "large_client_header_buffers",
    "http2_recv_timeout": "client_header_timeout",
    "http2_idle_timeout": "keepalive_timeout",
}


def note_http1(block: Block, on: bool) -> bool:
    """Clients fall back by themselves: HTTP/2 is agreed upon in a TLS handshake."""
    if on:
        block.state.warn('"http2" is accepted, but the emulator speaks HTTP/1.1')
    return on


def warn_obsolete(block: Block, value: str) -> str:
    name = block.state.at.name
    advice = f'use the "{_REPLACED[name]}" directive instead' if name in _REPLACED else "ignored"
    block.state.warn(f'the "{name}" directive is obsolete, {advice}')
    return value


def as_recv_buffer(args: tuple[str, ...]) -> int:
    value: int = as_size(args)
    if value < _LEAST_BUFFER:
        raise Complaint("value is too small")
    return value


def as_power_of_two(args: tuple[str, ...]) -> int:
    value: int = as_number(args)
    if value.bit_count() != 1:
        raise Complaint("must be a power of two")
    return value


def as_chunk_size(args: tuple[str, ...]) -> int:
    value: int = as_size(args)
    if not value:
        raise BadValue("the http2 chunk size cannot be zero")
    return value


_OBSOLETE = {"check": warn_obsolete, "repeat": True}

DIRECTIVES: tuple[Directive, ...] = (
    flag(
        "http2",
        HS,
        "Speak HTTP/2; here HTTP/1.1, with a notice.",
        False,
        NO_EFFECT,
        check=note_http1,
    ),
    row("http2_recv_buffer_size", H, ONE, "A buffer.", 256 * 1024, NO_EFFECT, parse=as_recv_buffer),
    row("http2_pool_size", HS, ONE, "Memory per request.", 4096, NO_EFFECT, parse=as_pool_size),
    number("http2_max_concurrent_streams", HS, "How many requests at once.", 128, NO_EFFECT),
    row("http2_max_concurrent_pushes", HS, ONE, "Obsolete in nginx.", (), NO_EFFECT, **_OBSOLETE),
    row("http2_max_requests", HS, ONE, "Obsolete in nginx.", (), NO_EFFECT, **_OBSOLETE),
    row("http2_max_field_size", HS, ONE, "Obsolete in nginx.", (), NO_EFFECT, **_OBSOLETE),
    row("http2_max_header_size", HS, ONE, "Obsolete in nginx.", (), NO_EFFECT, **_OBSOLETE),
    size("http2_body_preread_size", HS, "A buffer.", 64 * 1024, NO_EFFECT),
    row("http2_streams_index_size", HS, ONE, "A table's size.", 32, NO_EFFECT, parse=as_power_of_two),
    row("http2_recv_timeout", HS, ONE, "Obsolete in nginx.", (), NO_EFFECT, **_OBSOLETE),
    row("http2_idle_timeout", HS, ONE, "Obsolete in nginx.", (), NO_EFFECT, **_OBSOLETE),
    row("http2_chunk_size", HSL, ONE, "The size of a frame.", 8192, NO_EFFECT, parse=as_chunk_size),
    row("http2_push_preload", HSL, ONE, "Obsolete in nginx.", (), NO_EFFECT, **_OBSOLETE),
    row("http2_push", HSL, ONE, "Obsolete in nginx.", (), NO_EFFECT, **_OBSOLETE),
)
