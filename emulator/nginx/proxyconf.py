"""proxy_pass and its family -> a compiled Proxy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.http1.lines import join
from emulator.nginx.address import BadAddress, parse_address
from emulator.nginx.conf import ENCODING
from emulator.nginx.proxy import HIDDEN, READ_SIZE, SPECIAL, Proxy, Target, dropped_names
from emulator.nginx.proxyredirect import compile_redirects
from emulator.nginx.request import Request
from emulator.nginx.upstream import Group, Peer
from emulator.nginx.upstreamconf import implicit_group
from emulator.nginx.variables import Template, compile_template, constant_of

if TYPE_CHECKING:
    from emulator.nginx.address import Address
    from emulator.nginx.compile import HttpConf
    from emulator.nginx.directives import Block
    from emulator.nginx.modules.location import Location as Match
    from emulator.nginx.proxyvalues import ProxyPass
    from emulator.nginx.resolver import Lookup
    from emulator.nginx.tlsupstream import TlsClient


def compile_proxy(
    passing: Block, block: Block, groups: dict[str, Group], conf: HttpConf, what: Match | None
) -> Proxy | None:
    """The proxy of a block; `passing` is the one that holds its proxy_pass, if any does."""
    value = passing.values.get("proxy_pass")
    if value is None:
        return None
    own = frozenset(block.state.variables)
    proxy = Proxy()
    _target(proxy, value, passing, groups, conf, what)
    _settings(proxy, block)
    proxy.tls = passing.values.get("tls")
    _headers(proxy, block, own)
    proxy.redirects = compile_redirects(proxy, block, what, own)
    _cookies(proxy, block, own)
    proxy.steady = proxy.fixed_headers is not None and proxy.method is None and proxy.dynamic is None
    proxy.usual = not (proxy.dynamic or proxy.tls or proxy.bind or proxy.set_body)
    return proxy


def _target(
    proxy: Proxy, to: ProxyPass, block: Block, groups: dict[str, Group], conf: HttpConf, what: Match | None
) -> None:
    proxy.location_name = None if what is None or what.modifier == "@" else what.name.encode(*ENCODING)
    if to.has_variables:
        _dynamic_target(proxy, to, frozenset(block.state.variables), groups, conf, block)
        return
    scheme = to.scheme
    default_port = 443 if scheme == "https" else 80
    proxy.scheme = scheme.encode()
    proxy.dynamic = None
    address = to.address
    assert address is not None
    if address.unix:
        shown, port = "localhost", default_port
    else:
        port = address.port or default_port
        shown = address.host if address.no_port else f"{address.host}:{port}"
    group = groups.get(address.host.lower()) if address.no_port and not address.unix else None
    proxy.group = group or implicit_group(address, shown, port, block, conf.namespace, conf.implicit)
    shown_bytes, port_bytes = shown.encode(*ENCODING), str(port).encode()
    proxy.host = lambda r: shown_bytes
    proxy.port = lambda r: port_bytes
    proxy.uri = to.uri.encode(*ENCODING) if to.uri else None


_CHARSET = b"x-accel-charset"
_MOST_KNOWN = 1000  # addresses, which clients may have chosen


def _dynamic_target(
    proxy: Proxy, to: ProxyPass, own: frozenset[str], groups: dict[str, Group], conf: HttpConf, block: Block
) -> None:
    """A proxy_pass with variables, read anew for each request (ngx_http_proxy_eval)."""
    template = compile_template(to.url, own)
    resolver = block.inherited("resolver")
    timeout = block.inherited("resolver_timeout") / 1000
    known: dict[tuple[str, int], Group] = {}
    implicit = conf.implicit

    def target(r: Request) -> Target | int:
        read = _read_url(r, template(r).decode(*ENCODING))
        if isinstance(read, int):
            return read
        scheme, address, port = read
        shown = address.host if address.no_port else f"{address.host}:{port}"
        key = (address.host.lower(), port)
        group: Group | Lookup | None
        group = (groups.get(key[0]) if address.no_port else None) or implicit.get(key) or known.get(key)
        if group is None:
            found = _found_now(address, port, shown)
            if found is not None:
                if len(known) >= _MOST_KNOWN:
                    known.clear()
                known[key] = group = found
            elif resolver is None:
                r.log_error("error", f"no resolver defined to resolve {address.host}")
                return 502
            else:
                from emulator.nginx.resolver import Lookup

                group = Lookup(address.host, port, resolver, timeout)
        uri = "/" + address.uri if address.uri.startswith("?") else address.uri
        tls = _tls(proxy, block) if scheme == "https" else None
        host, number, path = shown.encode(*ENCODING), b"%d" % port, uri.encode(*ENCODING) or None
        where = Target(group, scheme.encode(), host, number, path, tls)
        r.ctx = {**(r.ctx or {}), "proxy": where}
        return where

    proxy.dynamic = target
    proxy.scheme = b"http"
    proxy.uri = None
    proxy.group = Group("", [])
    proxy.host = lambda r: r.ctx["proxy"].host if r.ctx else b""
    proxy.port = lambda r: r.ctx["proxy"].port if r.ctx else b""


def _read_url(r: Request, url: str) -> tuple[str, Address, int] | int:
    """Scheme, address and port of a URL that variables have made; or the status for what is none."""
    scheme, mark, rest = url.partition("://")
    scheme = scheme.lower()
    if not mark or scheme not in ("http", "https") or not rest:
        r.log_error("error", f'invalid URL prefix in "{url}"')
        return 500
    usual = 443 if scheme == "https" else 80
    try:
        address = parse_address(rest, default_port=usual, uri=True)
    except BadAddress as error:
        r.log_error("error", f'{error} in upstream "{rest}"')
        return 500
    return scheme, address, address.port or usual


def _tls(proxy: Proxy, block: Block) -> TlsClient:
    """How a location speaks to https upstreams, made once."""
    if proxy.tls is None:
        from emulator.nginx.tlsclientconf import compile_client

        proxy.tls = compile_client(block)
    return proxy.tls


def _found_now(address: Address, port: int, shown: str) -> Group | None:
    """The group of an address that needs no look-up."""
    if address.unix:
        return Group(f"unix:{address.host}", [Peer(f"unix:{address.host}", 0)])
    return Group(shown, [Peer(address.host.strip("[]"), port)]) if address.literal else None


def _settings(proxy: Proxy, block: Block) -> None:
    get = block.inherited
    proxy.http_version = {"1.0": 10, "1.1": 11}.get(get("proxy_http_version"), 11)
    proxy.protocol = b" HTTP/1.1\r\n" if proxy.http_version == 11 else b" HTTP/1.0\r\n"
    proxy.buffering = get("proxy_buffering")
    proxy.request_buffering = get("proxy_request_buffering")
    proxy.buffer_size = get("proxy_buffer_size")
    count, size = get("proxy_buffers")
    proxy.memory_limit = count * size
    proxy.buffer_unit = size
    proxy.max_temp_file_size = get("proxy_max_temp_file_size")
    proxy.connect_timeout = get("proxy_connect_timeout") / 1000
    proxy.send_timeout = get("proxy_send_timeout") / 1000
    proxy.read_timeout = get("proxy_read_timeout") / 1000
    proxy.next_upstream = frozenset(get("proxy_next_upstream"))
    proxy.next_tries = get("proxy_next_upstream_tries")
    proxy.next_timeout = get("proxy_next_upstream_timeout") / 1000
    proxy.intercept_errors = get("proxy_intercept_errors")
    proxy.ignore_client_abort = get("proxy_ignore_client_abort")
    own = frozenset(block.state.variables)
    _rate(proxy, block, own)
    hints = [text for line in get("early_hints") for text in line]
    proxy.early_hints = tuple(compile_template(text, own) for text in hints) if hints else None
    proxy.pass_trailers = get("proxy_pass_trailers")
    proxy.force_ranges = get("proxy_force_ranges")
    proxy.plain = proxy.buffering and not (proxy.limit_rate or proxy.force_ranges or proxy.pass_trailers)
    proxy.bind = None
    if get("proxy_bind") not in (None, ("off",)):
        from emulator.nginx.bind import Bind

        proxy.bind = Bind(get("proxy_bind"), own)
    method, body = get("proxy_method"), get("proxy_set_body")
    proxy.method = compile_template(method, own) if method is not None else None
    proxy.set_body = compile_template(body, own) if body is not None else None
    proxy.pass_headers = get("proxy_pass_request_headers")
    proxy.pass_body = get("proxy_pass_request_body")
    proxy.socket_keepalive = get("proxy_socket_keepalive")
    hidden = {name.lower().encode(*ENCODING) for name in get("proxy_hide_header")}
    passed = {name.lower().encode(*ENCODING) for name in get("proxy_pass_header")}
    proxy.ignored = frozenset(name.lower().encode() for name in get("proxy_ignore_headers") or ())
    proxy.passes_first_lines = frozenset(passed) & {b"server", b"date"}
    proxy.hidden = frozenset(
        (HIDDEN | hidden) - passed | {b"connection", b"keep-alive", b"transfer-encoding"}
    )


def _rate(proxy: Proxy, block: Block, own: frozenset[str]) -> None:
    proxy.limit_rate, proxy.read_size = None, READ_SIZE
    if proxy.buffering and block.given("proxy_limit_rate", "0") != "0":
        from emulator.nginx.pace import compile_size

        proxy.limit_rate = compile_size(block.given("proxy_limit_rate"), own)
        proxy.read_size = proxy.buffer_size  # what comes with the head is not counted


def _cookies(proxy: Proxy, block: Block, own: frozenset[str]) -> None:
    proxy.cookies = None
    names = ("proxy_cookie_domain", "proxy_cookie_path", "proxy_cookie_flags")
    if any(block.given(name) for name in names):
        from emulator.nginx.proxycookie import compile_cookies

        domains, paths, flags = (block.inherited(name) for name in names)
        proxy.cookies = compile_cookies(domains, paths, flags, own)
    proxy.special = SPECIAL if proxy.cookies is None else SPECIAL | {b"set-cookie"}
    if block.given("charset names") is None:
        _complain_of_charsets(proxy)


def _complain_of_charsets(proxy: Proxy) -> None:
    """Where no charset has a name, only the complaint about that is left of X-Accel-Charset."""
    if _CHARSET in proxy.hidden and _CHARSET not in proxy.ignored:
        proxy.hidden, proxy.special = proxy.hidden - {_CHARSET}, proxy.special | {_CHARSET}


def _headers(proxy: Proxy, block: Block, own: frozenset[str]) -> None:
    """Fields in nginx's order: the configuration's own first, then the defaults that it does not name."""
    fields: list[tuple[bytes, Template]] = []
    named: set[bytes] = set()
    for name, value in block.inherited("proxy_set_header"):
        key = name.encode(*ENCODING)
        named.add(key.lower())
        if constant_of(value) != b"":
            fields.append((key, compile_template(value, own)))
    if b"host" not in named:
        fields.append((b"Host", proxy.host))
    proxy.headers = tuple(fields)
    proxy.fixed_headers = _fixed(proxy, block, b"host" in named)
    proxy.own_framing = bool(named & {b"content-length", b"transfer-encoding"})
    proxy.dropped = dropped_names(frozenset(named))


def _fixed(proxy: Proxy, block: Block, names_host: bool) -> bytes | None:
    """The lines of all fields that are set, where no variable is in any."""
    values = [value for _, value in block.inherited("proxy_set_header")]
    if any(constant_of(value) is None for value in values) or (not names_host and proxy.dynamic is not None):
        return None
    lines = [b"%b: %b\r\n" % (name, template(None)) for name, template in proxy.headers]  # type: ignore[arg-type]
    return join(b"", lines)
