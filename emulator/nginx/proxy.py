"""The proxy module: what goes to the upstream, and on which terms (ngx_http_proxy_module.c).

Compiled per location: the request's head is a few joins over templates; names to drop are sets.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from emulator.http1.lines import join
from emulator.nginx.exchange import Exchange
from emulator.nginx.knownanswers import KnownAnswers
from emulator.nginx.request import AGAIN, Request
from emulator.nginx.shortcut import Shortcut
from emulator.nginx.uri import escape_uri

if TYPE_CHECKING:
    from emulator.nginx.bind import Bind
    from emulator.nginx.resolver import Lookup
    from emulator.nginx.tlsupstream import TlsClient
    from emulator.nginx.upstream import Group
    from emulator.nginx.variables import Template

READ_SIZE = 65536
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


# fields of one connection
FRAMING = frozenset((b"connection", b"keep-alive", b"transfer-encoding"))


class Target(NamedTuple):
    """Where a proxy_pass with variables leads for one request; `uri` None: as without a URI part.

    `group` may still have to be found, by asking a name server.
    """

    group: Group | Lookup
    scheme: bytes
    host: bytes
    port: bytes
    uri: bytes | None
    tls: TlsClient | None = None


Redirect = Callable[[Request, bytes], "bytes | None"]  # None: not meant
# fields of an answer that are not passed on as they are
SPECIAL = frozenset((b"location", b"refresh", b"connection", b"keep-alive", b"transfer-encoding"))


class Proxy:
    """One location's proxy_pass and its settings, compiled; `handler` is the location's content handler."""

    group: Group
    dynamic: Callable[[Request], Target | int] | None  # proxy_pass with variables
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
    fixed_headers: bytes | None  # all of these where none has a variable
    dropped: frozenset[bytes]
    hidden: frozenset[bytes]
    ignored: frozenset[bytes]  # proxy_ignore_headers
    passes_first_lines: frozenset[bytes]  # of Server and Date, those that the upstream is to say itself
    own_framing: bool  # proxy_set_header names Content-Length or Transfer-Encoding itself
    http_version: int
    protocol: bytes  # the end of the request line
    redirects: tuple[Redirect, ...]
    early_hints: tuple[Template, ...] | None  # whether a 103 goes on
    pass_trailers: bool
    force_ranges: bool
    bind: Bind | None
    cookies: Redirect | None  # proxy_cookie_domain and its kin
    special: frozenset[bytes]  # SPECIAL, and Set-Cookie where something is to become of it
    buffering: bool
    request_buffering: bool
    buffer_size: int
    buffer_unit: int  # of proxy_buffers, each
    memory_limit: int
    max_temp_file_size: int
    connect_timeout: float
    send_timeout: float
    read_timeout: float
    read_size: int  # of what has come, how much is taken at once
    limit_rate: Callable[[Request], int] | None  # proxy_limit_rate
    next_upstream: frozenset[str]
    next_tries: int
    next_timeout: float
    intercept_errors: bool
    ignore_client_abort: bool
    socket_keepalive: bool
    steady: bool  # the same head from a client makes the same head for the upstream
    usual: bool  # nothing about its connections but their peer depends on the request
    plain: bool  # answers go on as they come: buffered, at their own pace, not cut
    tls: TlsClient | None

    def __init__(self) -> None:
        self.answers = KnownAnswers()

    def handler(self, r: Request) -> int:
        usual = self.usual and r.known is not None and r.method == b"GET" and r.location.body_files is None
        exchange = Shortcut(r, self) if usual else Exchange(r, self)
        if self.dynamic is not None:
            found = self.dynamic(r)
            if isinstance(found, int):
                return found
            exchange.to(found.group)
            exchange.tls = found.tls
        if r.upstream is not None:
            exchange.before = (*r.upstream.tries(), None)
        r.upstream = exchange
        exchange.start()
        return AGAIN

    def request_uri(self, r: Request) -> bytes:
        """The client's own bytes, or the location's part replaced (ngx_http_proxy_create_request)."""
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
        """The head to send; `length` is the body's, None for a chunked one; `body_framing` False: neither."""
        method = r.method if self.method is None else self.method(r)
        parts = [b"%b %b%b" % (method, self.request_uri(r), self.protocol)]
        rest = self.fixed_headers
        if rest is None:
            rest = b""
            for name, template in self.headers:
                value = template(r)
                if value:
                    parts.append(b"%b: %b\r\n" % (name, value))
        if body_framing and not self.own_framing:
            coded = b"Transfer-Encoding: chunked\r\n"
            rest += coded if length is None else b"Content-Length: %d\r\n" % length
        if self.pass_headers:
            rest += self._passed(r)
        return join(b"", parts) + rest + b"\r\n"

    def bodiless_head(self, r: Request) -> bytes:
        """The head of a request without a body; with a head that came before its own one is kept, too."""
        known = r.known
        if known is None or not self.steady or r.path is not known.path or r.args is not known.args:
            return self.request_head(r, 0, b"content-length" in r.index)
        if r.internal or not (r.unparsed_uri and r.valid_location):
            return self.request_head(r, 0, b"content-length" in r.index)
        head = known.head.texts.get(self)
        if head is None:
            head = self.request_head(r, 0, b"content-length" in r.index)
            known.head.texts[self] = head
        return head

    def _passed(self, r: Request) -> bytes:
        """The client's own fields, which are known to be lines; a head that comes again remembers them."""
        head, dropped = r.head, self.dropped
        passed = head.passed if head is not None and head.headers is r.headers else None
        if passed is not None and passed[0] is dropped:
            return passed[1]
        lines = b"".join([b"%b: %b\r\n" % field[:2] for field in r.headers if field[2] not in dropped])
        if head is not None and head.headers is r.headers:
            head.passed = (dropped, lines)
        return lines


def dropped_names(set_headers: frozenset[bytes]) -> frozenset[bytes]:
    """The client's fields that are not passed on: nginx's own list and what proxy_set_header sets."""
    return _DEFAULT_DROPPED | set_headers
