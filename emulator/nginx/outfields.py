"""What filters do to a response's fields, wherever they came from: nginx's own attributes or an upstream."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emulator.nginx.request import Request


def value_of(r: Request, lower: bytes) -> bytes | None:
    """The first field of this name that an upstream or a handler has set."""
    return next((value for name, value in r.headers_out if name.lower() == lower), None)


def drop(r: Request, lower: bytes) -> None:
    r.headers_out = [field for field in r.headers_out if field[0].lower() != lower]


def put(r: Request, name: bytes, value: bytes) -> None:
    """Give the first field of this name a value; one that is not there is added, an empty one goes."""
    lower = name.lower()
    for place, field in enumerate(r.headers_out):
        if field[0].lower() == lower:
            r.headers_out[place : place + 1] = [(name, value)] if value else []
            return
    if value:
        r.headers_out.append((name, value))


def keep_first(r: Request, lower: bytes) -> None:
    """Drop all fields of this name but the first."""
    first = next((field for field in r.headers_out if field[0].lower() == lower), None)
    r.headers_out = [field for field in r.headers_out if field is first or field[0].lower() != lower]


def forget_ranges(r: Request) -> None:
    """As ngx_http_clear_accept_ranges."""
    r.allow_ranges = False
    drop(r, b"accept-ranges")


def forget_last_modified(r: Request) -> None:
    r.last_modified = -1
    drop(r, b"last-modified")


def forget_etag(r: Request) -> None:
    r.etag = None
    drop(r, b"etag")


def weaken_etag(r: Request) -> None:
    """As ngx_http_weak_etag: what is no quoted tag goes."""
    if r.etag is not None:
        r.etag = _weak(r.etag)
    elif value_of(r, b"etag") is not None:
        fields = ((name, _weak(value) if name.lower() == b"etag" else value) for name, value in r.headers_out)
        r.headers_out = [(name, value) for name, value in fields if value is not None]


def _weak(tag: bytes) -> bytes | None:
    if len(tag) > 2 and tag.startswith(b"W/"):
        return tag
    return b"W/" + tag if tag.startswith(b'"') else None
