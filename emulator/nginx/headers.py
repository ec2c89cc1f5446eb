"""expires and add_header (ngx_http_headers_filter_module.c)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from emulator.nginx.conf import ENCODING
from emulator.nginx.directives import BadValue
from emulator.nginx.modules.headers import parse_expires
from emulator.nginx.outfields import keep_first, put
from emulator.nginx.output import http_date
from emulator.nginx.request import Request
from emulator.nginx.variables import Template, compile_template

if TYPE_CHECKING:
    from emulator.nginx.directives import Block
    from emulator.nginx.modules.headers import Expires, Header

# without `always` a field is added to these answers only
_STATUSES = frozenset((200, 201, 204, 206, 301, 302, 303, 304, 307, 308))

_HEADERS, _TRAILERS = ("add_header", "add_header_inherit"), ("add_trailer", "add_trailer_inherit")

Field = tuple[bytes, Template, bool]


class AddedName(bytes):
    """The name of a field that add_header adds: nginx itself does not act upon such a one."""


def compile_headers(block: Block, own: frozenset[str]) -> Callable[[Request], None] | None:
    """What adds a location's fields: expires first, then add_header; trailers are allowed for."""
    fields, trailers = _fields(block, _HEADERS, own), _fields(block, _TRAILERS, own)
    expire = _compile_expires(block.inherited("expires"), own)
    if not fields and not trailers and expire is None:
        return None

    def add(r: Request) -> None:
        usual = r.status in _STATUSES
        if usual and expire is not None:
            expire(r)
        for name, template, always in fields:
            if usual or always:
                _SPECIAL.get(name.lower(), _append)(r, name, _one_line(template(r)))
        if trailers and (usual or any(always for _, _, always in trailers)):
            r.trailers_out = r.trailers_out or []

    return add


def compile_trailers(block: Block, own: frozenset[str]) -> Callable[[Request], None] | None:
    """What adds a location's trailers at the end of a body (ngx_http_trailers_filter)."""
    fields = _fields(block, _TRAILERS, own)
    if not fields:
        return None

    def add(r: Request) -> None:
        usual = r.status in _STATUSES
        for name, template, always in fields:
            value = _one_line(template(r)) if usual or always else b""
            if value and r.trailers_out is not None:
                r.trailers_out.append((name, value))

    return add


def _fields(block: Block, kind: tuple[str, str], own: frozenset[str]) -> tuple[Field, ...]:
    return tuple(
        (AddedName(entry.name.encode(*ENCODING)), compile_template(entry.value, own), entry.always)
        for entry in _lines(block, *kind)
    )


def _lines(block: Block, directive: str, inherits: str) -> tuple[Header, ...]:
    """The lines that hold in a block: its own or inherited ones, or both with `merge`."""
    inherit = block.inherited(inherits)
    if inherit == "on":
        found: tuple[Header, ...] = block.inherited(directive)
        return found
    lines: tuple[Header, ...] = block.values.get(directive, ())
    if inherit == "merge" and block.parent is not None:
        return (*lines, *_lines(block.parent, directive, inherits))
    return lines


def _compile_expires(value: Expires, own: frozenset[str]) -> Callable[[Request], None] | None:
    if value.text is not None:
        template = compile_template(value.text, own)
        modified = value.kind == "modified"

        def set_now(r: Request) -> None:
            try:
                _expire(r, parse_expires(template(r).decode(*ENCODING), modified))
            except BadValue:
                return

        return set_now
    return None if value.kind == "off" else lambda r: _expire(r, value)


def _expire(r: Request, value: Expires) -> None:
    """As ngx_http_set_expires; it takes the place of an upstream's Expires and Cache-Control."""
    if value.kind == "off":
        return
    if value.kind == "epoch":
        expires, control = b"Thu, 01 Jan 1970 00:00:01 GMT", b"no-cache"
    elif value.kind == "max":
        expires, control = b"Thu, 31 Dec 2037 23:55:55 GMT", b"max-age=315360000"
    else:
        now = r.worker.time()
        expires_at = _moment(r, value, now) if value.seconds or value.kind == "daily" else now
        expires = http_date(expires_at)
        control = b"max-age=%d" % (expires_at - now) if expires_at >= now else b"no-cache"
        if value.seconds < 0:
            control = b"no-cache"
    put(r, b"Expires", expires)
    put(r, b"Cache-Control", control)
    keep_first(r, b"cache-control")


def _moment(r: Request, value: Expires, now: int) -> int:
    if value.kind == "daily":
        at = r.worker.midnight() + value.seconds
        return at if at > now else at + 24 * 60 * 60
    if value.kind == "modified" and r.last_modified != -1:
        return r.last_modified + value.seconds
    return now + value.seconds


def _append(r: Request, name: bytes, value: bytes) -> None:
    """As ngx_http_add_header and ngx_http_add_multi_header_lines."""
    if value:
        r.headers_out.append((name, value))


def _set_last_modified(r: Request, name: bytes, value: bytes) -> None:
    r.last_modified = -1
    put(r, name, value)


def _set_etag(r: Request, name: bytes, value: bytes) -> None:
    if r.etag is not None:
        r.etag = value or None
    else:
        put(r, name, value)


def _one_line(value: bytes) -> bytes:
    """A value that cannot end its line."""
    if b"\r" in value or b"\n" in value:
        return value.replace(b"\r", b"").replace(b"\n", b"")
    return value


# these replace what is there, and an empty value takes it away (ngx_http_set_response_header)
_SPECIAL = {b"last-modified": _set_last_modified, b"etag": _set_etag}
