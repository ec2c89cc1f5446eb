"""proxy_pass and its family -> a compiled Proxy; upstream blocks -> groups of peers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from emulator.nginx.address import parse_address
from emulator.nginx.conf import ENCODING, ConfError
from emulator.nginx.proxy import HIDDEN, Proxy, Redirect, dropped_names
from emulator.nginx.request import Request
from emulator.nginx.upstream import Group, Peer
from emulator.nginx.variables import Template, compile_template, constant_of

if TYPE_CHECKING:
    from emulator.namespace import Namespace
    from emulator.nginx.compile import HttpConf
    from emulator.nginx.directives import Block
    from emulator.nginx.modules.location import Location as Match


def compile_groups(http: Block, namespace: Namespace) -> dict[str, Group]:
    """The upstream blocks by name, each address of each server a peer; raises ConfError for a host not found."""
    groups: dict[str, Group] = {}
    for block in http.blocks("upstream"):
        name = block.value
        peers: list[Peer] = []
        for entry in block.entries:
            if entry.node.name == "server":
                peers.extend(_peers(entry.value, namespace, entry.node.file, entry.node.line))
        keepalive = block.values.get("keepalive")
        group = Group(name, peers, keepalive=_keepalive(keepalive))
        group.keepalive_requests = block.inherited("keepalive_requests")
        group.keepalive_time = block.inherited("keepalive_time") / 1000
        group.keepalive_timeout = block.inherited("keepalive_timeout") / 1000
        groups[name.lower()] = group
    return groups


def _keepalive(value: Any) -> int:
    """How many idle connections: 32 where nothing is said (since 1.29.7)."""
    if value is None:
        return 32
    return value if isinstance(value, int) else int(value.connections)


def _peers(server: Any, namespace: Namespace, file: str, line: int) -> list[Peer]:
    address = server.address
    if address.unix:
        hosts: tuple[str, ...] = (f"unix:{address.host}",)
    else:
        hosts = _resolve(address.host, namespace)
    if not hosts:
        raise ConfError(f'host not found in upstream "{server.text}"', file, line)
    return [
        Peer(
            host,
            address.port or 80,
            weight=server.weight,
            max_fails=server.max_fails,
            fail_timeout=server.fail_timeout,
            max_connections=server.max_conns,
            backup=server.backup,
            down=server.down,
        )
        for host in hosts
    ]


def _resolve(host: str, namespace: Namespace) -> tuple[str, ...]:
    if host.startswith("["):
        return (host[1:-1],)
    if re.fullmatch(r"[0-9.]+", host):
        return (host,)
    return namespace.resolve(host)


def compile_proxy(block: Block, groups: dict[str, Group], conf: HttpConf, what: Match | None) -> Proxy | None:
    """The proxy of a location that has a proxy_pass of its own."""
    value = block.values.get("proxy_pass")
    if value is None:
        return None
    own = frozenset(block.state.variables)
    proxy = Proxy()
    _target(proxy, value, block, groups, conf, what)
    _settings(proxy, block)
    _headers(proxy, block, own)
    proxy.redirects = _redirects(proxy, block, what, own)
    return proxy


def _target(
    proxy: Proxy, text: str, block: Block, groups: dict[str, Group], conf: HttpConf, what: Match | None
) -> None:
    scheme, _, rest = text.partition("://")
    proxy.scheme = scheme.lower().encode()
    proxy.target = None
    proxy.vars_uri = False
    host_port, slash, path = rest.partition("/")
    uri = slash + path if slash else None
    if host_port.startswith("unix:"):
        socket_path, colon, path = rest[5:].partition(":")
        host_port, uri = f"unix:{socket_path}", path if colon and path else None
    default_port = 443 if scheme == "https" else 80
    group = groups.get(host_port.lower())
    shown = host_port
    if group is None:
        group = _implicit(host_port, default_port, block, conf.namespace)
        if host_port.startswith("unix:"):
            shown = "localhost"
    proxy.group = group
    shown_bytes = shown.encode(*ENCODING)
    proxy.host = lambda r: shown_bytes
    port = str(parse_address(host_port, default_port=default_port).port or default_port).encode()
    proxy.port = lambda r: port
    proxy.uri = uri.encode(*ENCODING) if uri is not None else None
    proxy.location_name = None if what is None or what.modifier == "@" else what.name.encode(*ENCODING)


def _implicit(host_port: str, default_port: int, block: Block, namespace: Namespace) -> Group:
    node = next(entry.node for entry in block.entries if entry.node.name == "proxy_pass")
    address = parse_address(host_port, default_port=default_port)
    if address.unix:
        return Group(host_port, [Peer(f"unix:{address.host}", 0)])
    hosts = _resolve(address.host, namespace)
    if not hosts:
        raise ConfError(f'host not found in upstream "{address.host}"', node.file, node.line)
    return Group(host_port, [Peer(host, address.port or default_port) for host in hosts])


def _settings(proxy: Proxy, block: Block) -> None:
    get = block.inherited
    proxy.http_version = {"1.0": 10, "1.1": 11}.get(get("proxy_http_version"), 11)
    proxy.buffering = get("proxy_buffering")
    proxy.request_buffering = get("proxy_request_buffering")
    proxy.buffer_size = get("proxy_buffer_size")
    count, size = get("proxy_buffers")
    proxy.memory_limit = count * size
    proxy.max_temp_file_size = get("proxy_max_temp_file_size")
    proxy.connect_timeout = get("proxy_connect_timeout") / 1000
    proxy.send_timeout = get("proxy_send_timeout") / 1000
    proxy.read_timeout = get("proxy_read_timeout") / 1000
    proxy.next_upstream = frozenset(get("proxy_next_upstream"))
    proxy.next_tries = get("proxy_next_upstream_tries")
    proxy.next_timeout = get("proxy_next_upstream_timeout") / 1000
    proxy.intercept_errors = get("proxy_intercept_errors")
    proxy.ignore_client_abort = get("proxy_ignore_client_abort")
    proxy.socket_keepalive = get("proxy_socket_keepalive")
    hidden = {name.lower().encode(*ENCODING) for name in get("proxy_hide_header")}
    passed = {name.lower().encode(*ENCODING) for name in get("proxy_pass_header")}
    proxy.hidden = frozenset((HIDDEN | hidden) - passed | {b"connection", b"keep-alive", b"transfer-encoding"})


def _headers(proxy: Proxy, block: Block, own: frozenset[str]) -> None:
    """Fields in nginx's order: the configuration's own first, then the defaults that it does not name."""
    fields: list[tuple[bytes, Template]] = []
    named: set[bytes] = set()
    for name, value in ((entry.name, entry.value) for entry in block.inherited("proxy_set_header")):
        key = name.encode(*ENCODING)
        named.add(key.lower())
        if constant_of(value) != b"":
            fields.append((key, compile_template(value, own)))
    if b"host" not in named:
        fields.append((b"Host", proxy.host))
    if b"connection" not in named and proxy.http_version == 10:
        fields.append((b"Connection", lambda r: b"close"))
    proxy.headers = tuple(fields)
    proxy.own_framing = bool(named & {b"content-length", b"transfer-encoding"})
    proxy.dropped = dropped_names(frozenset(named))


def _redirects(proxy: Proxy, block: Block, what: Match | None, own: frozenset[str]) -> tuple[Redirect, ...]:
    """proxy_redirect, where the default puts the location's own name in place of proxy_pass's URL."""
    written = block.inherited("proxy_redirect")
    found: list[Redirect] = []
    for entry in written or (None,):
        if entry == "off" or (entry is not None and getattr(entry, "off", False)):
            return ()
        if entry is None or getattr(entry, "default", False):
            default = _default_redirect(proxy, what)
            if default is not None:
                found.append(default)
        else:
            found.append(_written_redirect(entry, own))
    return tuple(found)


def _default_redirect(proxy: Proxy, what: Match | None) -> Redirect | None:
    if what is None or what.pattern is not None or what.modifier == "@":
        return None
    url = b"%b://%b%b" % (proxy.scheme, proxy.host(None), proxy.uri or b"")  # type: ignore[arg-type]
    target = what.name.encode(*ENCODING) if proxy.uri is not None else b"/"
    prefix = url if proxy.uri is not None else url + b"/"

    def rewrite(r: Request, value: bytes) -> bytes | None:
        return target + value[len(prefix) :] if value.startswith(prefix) else None

    return rewrite


def _written_redirect(entry: Any, own: frozenset[str]) -> Redirect:
    replacement = compile_template(entry.replacement, own)
    pattern: re.Pattern[bytes] | None = getattr(entry, "pattern", None)
    if pattern is not None:

        def by_pattern(r: Request, value: bytes) -> bytes | None:
            match = pattern.search(value)
            if match is None:
                return None
            saved, r.captures = r.captures, tuple(group or b"" for group in match.groups())
            changed = replacement(r)
            r.captures = saved
            return value[: match.start()] + changed + value[match.end() :] if False else changed

        return by_pattern
    source = compile_template(entry.redirect, own)

    def by_prefix(r: Request, value: bytes) -> bytes | None:
        prefix = source(r)
        return replacement(r) + value[len(prefix) :] if value.startswith(prefix) else None

    return by_prefix
