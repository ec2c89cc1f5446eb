"""What filters do to a response's fields, wherever they came from: nginx's own attributes or an upstream."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from emulator.nginx.conf import ENCODING

if TYPE_CHECKING:
    from emulator.nginx.request import Request


_WITH_CHARSET = re.compile(rb"(.*?); *charset=\"?(.*?)\"?\Z", re.IGNORECASE | re.DOTALL)


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


def type_of(r: Request) -> tuple[bytes, bytes]:
    """The content type and its charset; they are told apart only where an upstream said both
    (ngx_http_upstream_copy_content_type) or a filter has named the charset."""
    text = r.content_type
    if text is None:
        return b"", b""
    if r.charset is not None:
        return text, r.charset
    head = r.upstream.head if r.upstream is not None else None
    if head is not None and head.index.get(b"content-type") is text:
        found = _WITH_CHARSET.match(text)
        if found:
            return found[1], found[2]
    return text, b""


def type_test(kinds: Iterable[str]) -> Callable[[Request], bool]:
    """Whether a response is of one of these types, as ngx_http_test_content_type; `*` is all, and none."""
    types = frozenset(kind.lower().encode(*ENCODING) for kind in kinds)
    if b"*" in types:
        return lambda r: True
    return lambda r: r.content_type is not None and type_of(r)[0].lower() in types
