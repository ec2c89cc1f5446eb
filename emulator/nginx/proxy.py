"""The proxy module: what goes to the upstream, and what of its answer goes to the client (ngx_http_proxy_module.c).

Compiled per location: the request's head is a few joins over templates; names to drop are sets.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from emulator.http1.message import BadMessage, ResponseHead
from emulator.nginx.exchange import Exchange
from emulator.nginx.request import AGAIN, Request
from emulator.nginx.uri import escape_uri

if TYPE_CHECKING:
    from emulator.nginx.upstream import Group
    from emulator.nginx.variables import Template

# never passed on from the client by themselves (the defaults of ngx_http_proxy_headers, plus our own framing)
_DEFAULT_DROPPED = frozenset(
    (
        b"host",
        b"connection",
        b"proxy-connection",
        b"content-length",
        b"transfer-encoding",
        b"te",
        b"keep-alive",
        b"expect",
        b"upgrade",
    )
)
# never passed back (ngx_http_proxy_hide_headers), plus framing, which is made anew
HIDDEN = frozenset(
    (
        b"date",
        b"server",
        b"x-pad",
        b"x-accel-expires",
        b"x-accel-redirect",
        b"x-accel-limit-rate",
        b"x-accel-buffering",
        b"x-accel-charset",
    )
)
_SPECIAL = frozenset(
    (
        b"content-type",
        b"content-length",
        b"connection",
        b"keep-alive",
        b"transfer-encoding",
        b"location",
        b"refresh",
        b"date",
        b"server",
        b"trailer",
    )
)
_UNIQUE = frozenset((b"content-length", b"transfer-encoding"))
_CHARSET = re.compile(rb"([^;]*); *charset=\"?([^;\"]*)\"?\Z", re.IGNORECASE)
_DIGITS = re.compile(rb"[0-9]{1,18}\Z")


class Target(NamedTuple):
    """Where a proxy_pass with variables leads for one request; `uri` None: as without a URI part."""

    group: Group
    scheme: bytes
    host: bytes
    port: bytes
    uri: bytes | None


Redirect = Callable[[Request, bytes], "bytes | None"]


class Proxy:
    """One location's proxy_pass and its settings, compiled; `handler` is the location's content handler."""

    __slots__ = (
        "buffer_size",
        "buffer_unit",
        "buffering",
        "connect_timeout",
        "dropped",
        "dynamic",
        "group",
        "headers",
        "hidden",
        "host",
        "http_version",
        "ignore_client_abort",
        "intercept_errors",
        "location_name",
        "max_temp_file_size",
        "memory_limit",
        "method",
        "next_timeout",
        "next_tries",
        "next_upstream",
        "own_framing",
        "pass_body",
        "pass_headers",
        "port",
        "read_timeout",
        "redirects",
        "request_buffering",
        "scheme",
        "send_timeout",
        "socket_keepalive",
        "target",
        "uri",
        "set_body",
    )

    group: Group
    dynamic: Callable[[Request], Target | int] | None  # proxy_pass with variables
    target: None
    host: Template
    port: Template
    scheme: bytes
    uri: bytes | None
    method: Template | None
    pass_body: bool
    pass_headers: bool
    set_body: Template | None
    location_name: bytes | None
    headers: tuple[tuple[bytes, Template], ...]
    dropped: frozenset[bytes]
    hidden: frozenset[bytes]
    own_framing: bool  # proxy_set_header names Content-Length or Transfer-Encoding itself
    http_version: int
    redirects: tuple[Redirect, ...]
    buffering: bool
    request_buffering: bool
    buffer_size: int
    buffer_unit: int  # of proxy_buffers, each
    memory_limit: int
    max_temp_file_size: int
    connect_timeout: float
    send_timeout: float
    read_timeout: float
    next_upstream: frozenset[str]
    next_tries: int
    next_timeout: float
    intercept_errors: bool
    ignore_client_abort: bool
    socket_keepalive: bool

    def handler(self, r: Request) -> int:
        exchange = Exchange(r, self)
        if self.dynamic is not None:
            found = self.dynamic(r)
            if isinstance(found, int):
                return found
            exchange.group = found.group
        r.upstream = exchange
        exchange.start()
        return AGAIN

    def request_uri(self, r: Request) -> bytes:
        """The target of the request line: the client's own bytes, or the location's part replaced (ngx_http_proxy_create_request)."""
        uri = self.uri
        if self.dynamic is not None:
            target: Target = r.ctx["proxy"]  # type: ignore[index]
            if target.uri is not None:
                return target.uri
            uri = None
        if uri is None and r.unparsed_uri:
            return r.raw_uri
        path = r.path
        if uri is not None and r.valid_location and self.location_name is not None:
            path = path[len(self.location_name) :]
        if r.quoted or r.internal:
            path = escape_uri(path)
        if uri is not None and r.valid_location:
            path = uri + path
        return path + b"?" + r.args if r.args else path

    def request_head(self, r: Request, length: int | None, body_framing: bool) -> bytes:
        """The head to send; `length` is the body's, None for a chunked one; `body_framing` False sends neither."""
        dropped = self.dropped
        version = b"1.1" if self.http_version == 11 else b"1.0"
        uri = self.request_uri(r)
        method = r.method if self.method is None else self.method(r)
        parts = [b"%b %b HTTP/%b\r\n" % (method, uri, version)]
        for name, template in self.headers:
            value = template(r)
            if value:
                parts.append(b"%b: %b\r\n" % (name, value))
        if body_framing and not self.own_framing:
            parts.append(
                b"Transfer-Encoding: chunked\r\n" if length is None else b"Content-Length: %d\r\n" % length
            )
        if self.pass_headers:
            for name, value, lower in r.headers:
                if lower not in dropped:
                    parts.append(b"%b: %b\r\n" % (name, value))
        parts.append(b"\r\n")
        return b"".join(parts)

    def take_head(self, r: Request, head: ResponseHead) -> None:
        """Put an upstream's head into the response (ngx_http_upstream_process_headers); raises BadMessage(502)."""
        index = head.index
        _check(head)
        r.status = head.status
        reason = head.reason
        r.status_line = b"%03d %b" % (head.status, reason) if reason else b"%03d" % head.status
        r.content_type = _content_type(index.get(b"content-type"))
        length = index.get(b"content-length")
        r.content_length = int(length) if length is not None and b"transfer-encoding" not in index else -1
        r.disable_not_modified = True
        hidden = self.hidden
        out = r.headers_out
        for name, value, lower in head.headers:
            if lower in hidden:
                continue
            if lower in _SPECIAL:
                self._special(r, name, value, lower)
            else:
                out.append((name, value))

    def _special(self, r: Request, name: bytes, value: bytes, lower: bytes) -> None:
        if lower == b"location":
            changed = self._rewrite(r, value)
            if changed is not value and changed[:1] == b"/":
                r.location_out = changed
            else:
                r.headers_out.append((name, changed))
        elif lower == b"refresh":
            r.headers_out.append((name, self._rewrite_refresh(r, value)))
        elif lower in (b"date", b"server"):
            ctx = r.ctx = {**(r.ctx or {})}
            ctx["server_and_date"] = {**ctx.get("server_and_date", {}), lower: value}
        elif lower == b"trailer":
            r.headers_out.append((name, value))

    def _rewrite(self, r: Request, value: bytes) -> bytes:
        for redirect in self.redirects:
            changed = redirect(r, value)
            if changed is not None:
                return changed
        return value

    def _rewrite_refresh(self, r: Request, value: bytes) -> bytes:
        at = value.lower().find(b"url=")
        return value if at < 0 else value[: at + 4] + self._rewrite(r, value[at + 4 :])


def dropped_names(set_headers: frozenset[bytes]) -> frozenset[bytes]:
    """The client's fields that are not passed on: nginx's own list and what proxy_set_header sets."""
    return _DEFAULT_DROPPED | set_headers


def _content_type(value: bytes | None) -> bytes | None:
    """As ngx_http_upstream_copy_content_type: a charset is taken off and put back in nginx's spelling."""
    if value is None or b";" not in value:
        return value
    found = _CHARSET.match(value)
    return b"%b; charset=%b" % (found[1], found[2]) if found else value


def _check(head: ResponseHead) -> None:
    """Framing that two parsers could read differently is a bad gateway."""
    if len(head.index) != len(head.headers):
        seen: dict[bytes, tuple[bytes, bytes]] = {}
        for name, value, lower in head.headers:
            if lower in _UNIQUE:
                if lower in seen:
                    text = b'"%b: %b", previous value: "%b: %b"' % (name, value, *seen[lower])
                    raise BadMessage(
                        502, f"upstream sent duplicate header line: {text.decode('utf-8', 'surrogateescape')}"
                    )
                seen[lower] = (name, value)
    length = head.index.get(b"content-length")
    coding = head.index.get(b"transfer-encoding")
    if length is not None and not _DIGITS.match(length):
        raise BadMessage(
            502, f'upstream sent invalid "Content-Length" header: "{_line(head, b"content-length")}"'
        )
    if coding is not None and coding.lower() != b"chunked":
        raise BadMessage(
            502, f'upstream sent unknown "Transfer-Encoding": "{coding.decode("utf-8", "surrogateescape")}"'
        )
    if coding is not None and length is not None:
        raise BadMessage(
            502, 'upstream sent "Content-Length" and "Transfer-Encoding" headers at the same time'
        )


def _line(head: ResponseHead, lower: bytes) -> str:
    name, value = next((name, value) for name, value, other in head.headers if other == lower)
    return f"{name.decode('ascii')}: {value.decode('utf-8', 'surrogateescape')}"
