"""Variables that come in families, one for each field of a message: `$http_…`, `$arg_…`, `$sent_http_…`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emulator.nginx.request import Request

Getter = Callable[["Request"], "bytes | None"]


def _connection_type(r: Request) -> bytes:
    if r.status == 101:
        return b"upgrade"
    return b"keep-alive" if r.keepalive else b"close"


_SENT: dict[bytes, Getter] = {
    b"content-type": lambda r: r.content_type,
    b"content-length": lambda r: b"%d" % r.content_length if r.content_length >= 0 else None,
    b"location": lambda r: r.location_out,
    b"last-modified": lambda r: _last_modified(r),
    b"connection": _connection_type,
    b"etag": lambda r: r.etag,
    b"transfer-encoding": lambda r: b"chunked" if r.chunked else None,
}


def _last_modified(r: Request) -> bytes | None:
    from emulator.nginx.output import http_date

    return http_date(r.last_modified) if r.last_modified >= 0 else None


def header(rest: str) -> Getter:
    name = rest.replace("_", "-").lower().encode()
    separator = b"; " if name == b"cookie" else b", "

    def get(r: Request) -> bytes | None:
        value = r.index.get(name)
        if not r.server.header_rules.underscores and len(r.index) == len(r.headers):
            return value
        found = [v for _, v, lower in r.headers if lower.replace(b"_", b"-") == name]
        return separator.join(found) if found else None

    return get


def _sent_header(rest: str) -> Getter:
    name = rest.replace("_", "-").lower().encode()
    special = _SENT.get(name)

    def get(r: Request) -> bytes | None:
        if special is not None:
            value = special(r)
            if value is not None:
                return value
        values = [value for sent, value in r.headers_out if sent.lower() == name]
        return b", ".join(values) if values else None

    return get


def _upstream_header(rest: str) -> Getter:
    name = rest.replace("_", "-").lower().encode()

    def get(r: Request) -> bytes | None:
        head = r.upstream.head if r.upstream is not None else None
        if head is None:
            return None
        values = [value for _, value, lower in head.headers if lower == name]
        return b", ".join(values) if values else None

    return get


def _upstream_cookie(rest: str) -> Getter:
    """As ngx_http_parse_set_cookie_lines: the first Set-Cookie of this name, whatever its case."""
    setting = re.compile(re.escape(rest.encode()) + rb" *= *([^;]*)", re.IGNORECASE)

    def get(r: Request) -> bytes | None:
        head = r.upstream.head if r.upstream is not None else None
        for _, value, lower in head.headers if head is not None else ():
            if lower == b"set-cookie" and (found := setting.match(value)):
                return found[1]
        return None

    return get


def _upstream_trailer(rest: str) -> Getter:
    name = rest.replace("_", "-").lower().encode()

    def get(r: Request) -> bytes | None:
        trailers = r.upstream.trailers if r.upstream is not None else None
        values = [value for _, value, lower in trailers or () if lower == name]
        return b", ".join(values) if values else None

    return get


def _sent_trailer(rest: str) -> Getter:
    name = rest.replace("_", "-").lower().encode()

    def get(r: Request) -> bytes | None:
        values = [value for sent, value in r.trailers_out or () if sent.lower() == name]
        return b", ".join(values) if values else None

    return get


def not_found(r: Request) -> None:
    """What has no value here: no PROXY protocol is spoken, nothing is cached, no trailer is kept."""


def proxied(name: str) -> Getter:
    """What the PROXY protocol says of the connection."""

    def getter(r: Request) -> bytes | None:
        found = r.worker.proxied.get(r.main.connection)
        return None if found is None else getattr(found, name)

    return getter


def _tlv(rest: str) -> Getter:
    def getter(r: Request) -> bytes | None:
        found = r.worker.proxied.get(r.main.connection)
        try:
            return None if found is None else found.tlv(rest)
        except KeyError:
            r.log_error("error", f'unknown PROXY protocol TLV "{rest}"')
            return None

    return getter


def _argument(rest: str) -> Getter:
    wanted = rest.lower().encode() + b"="

    def get(r: Request) -> bytes | None:
        for pair in r.args.split(b"&"):
            if pair[: len(wanted)].lower() == wanted:
                return pair[len(wanted) :]
        return None

    return get


def _cookie(rest: str) -> Getter:
    wanted = rest.encode()

    def get(r: Request) -> bytes | None:
        for _, value, lower in r.headers:
            if lower == b"cookie":
                for pair in value.split(b";"):
                    name, equals, text = pair.strip(b" ").partition(b"=")
                    if equals and name.lower() == wanted.lower():
                        return text
        return None

    return get


PREFIXES: dict[str, Callable[[str], Getter]] = {
    "http_": header,
    "sent_http_": _sent_header,
    "upstream_http_": _upstream_header,
    "arg_": _argument,
    "cookie_": _cookie,
    "sent_trailer_": _sent_trailer,
    "upstream_cookie_": _upstream_cookie,
    "upstream_trailer_": _upstream_trailer,
    "proxy_protocol_tlv_": _tlv,
}
