"""expires and add_header (ngx_http_headers_filter_module.c)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from emulator.nginx.conditions import parse_date
from emulator.nginx.conf import ENCODING
from emulator.nginx.directives import BadValue
from emulator.nginx.modules.headers import parse_expires
from emulator.nginx.output import http_date
from emulator.nginx.request import Request
from emulator.nginx.variables import Template, compile_template

if TYPE_CHECKING:
    from emulator.nginx.directives import Block
    from emulator.nginx.modules.headers import Expires

# without `always` a field is added to these answers only
_STATUSES = frozenset((200, 201, 204, 206, 301, 302, 303, 304, 307, 308))

Field = tuple[bytes, Template, bool]


def compile_headers(block: Block, own: frozenset[str]) -> Callable[[Request], None] | None:
    """What adds a location's fields to a response: expires first, then add_header; None where is neither."""
    fields: tuple[Field, ...] = tuple(
        (entry.name.encode(*ENCODING), compile_template(entry.value, own), entry.always)
        for entry in block.inherited("add_header")
    )
    expire = _compile_expires(block.inherited("expires"), own)
    if not fields and expire is None:
        return None

    def add(r: Request) -> None:
        usual = r.status in _STATUSES
        if usual and expire is not None:
            expire(r)
        for name, template, always in fields:
            if usual or always:
                value = template(r)
                if value:
                    _set(r, name, value)

    return add


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
    """As ngx_http_set_expires; an Expires or Cache-Control of the upstream's gives way."""
    if value.kind == "off":
        return
    given = (b"expires", b"cache-control")
    r.headers_out = [field for field in r.headers_out if field[0].lower() not in given]
    if value.kind == "epoch":
        expires, control = b"Thu, 01 Jan 1970 00:00:01 GMT", b"no-cache"
    elif value.kind == "max":
        expires, control = b"Thu, 31 Dec 2037 23:55:55 GMT", b"max-age=315360000"
    else:
        now = r.worker.time()
        expires_at = _moment(r, value, now)
        expires = http_date(expires_at)
        control = b"max-age=%d" % (expires_at - now) if expires_at >= now else b"no-cache"
        if value.seconds < 0:
            control = b"no-cache"
    r.headers_out.append((b"Expires", expires))
    r.headers_out.append((b"Cache-Control", control))


def _moment(r: Request, value: Expires, now: int) -> int:
    if value.kind == "daily":
        at = r.worker.midnight() + value.seconds
        return at if at > now else at + 24 * 60 * 60
    if value.kind == "modified" and r.last_modified != -1:
        return r.last_modified + value.seconds
    return now + value.seconds


def _set(r: Request, name: bytes, value: bytes) -> None:
    """Last-Modified and ETag replace nginx's own; all others stand beside what is there."""
    if b"\r" in value or b"\n" in value:
        value = value.replace(b"\r", b"").replace(b"\n", b"")
    lower = name.lower()
    if lower == b"last-modified":
        r.last_modified = -1
        r.headers_out = [field for field in r.headers_out if field[0].lower() != lower]
        parsed = parse_date(value)
        if parsed is not None:
            r.last_modified = parsed
            return
    elif lower == b"etag":
        r.etag = None
        r.headers_out = [field for field in r.headers_out if field[0].lower() != lower]
    r.headers_out.append((name, value))
