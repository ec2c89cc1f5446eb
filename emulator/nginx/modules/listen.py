"""ngx_http_core_module's server: where it listens, and by which names it is chosen."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from emulator.nginx import regex
from emulator.nginx.address import Address, BadAddress, parse_address
from emulator.nginx.directives import BadValue, Block, Context, Directive
from emulator.nginx.rows import NONE, H, S, row
from emulator.nginx.tlsvalues import announce
from emulator.nginx.values import milliseconds as as_milliseconds
from emulator.nginx.values import number as as_number
from emulator.nginx.values import size

MODULE = "ngx_http_core_module"


class Listen(NamedTuple):
    """One `listen` as written; `address.port` to `address.last_port` is the range of ports.

    `given` holds the socket options, which may be set once for an address (backlog, rcvbuf, …).
    """

    address: Address
    default_server: bool = False
    ssl: bool = False
    http2: bool = False
    proxy_protocol: bool = False
    backlog: int = 511
    given: tuple[str, ...] = ()

    @property
    def ports(self) -> range:
        return range(self.address.port, (self.address.last_port or self.address.port) + 1)


class ServerName(NamedTuple):
    """One name of a server, lower case, with its wildcard; `pattern` for one that begins with ~."""

    text: str
    pattern: re.Pattern[bytes] | None = None


NAMELESS = ServerName("")  # what a server is called for which nobody has written a name

_OPTIONS = ("bind", "deferred", "reuseport", "multipath")


def place_listen(block: Block, args: tuple[str, ...]) -> Listen:
    """As ngx_http_core_listen: the address, then the options, then what other listens say of the address."""
    try:
        address = parse_address(args[0], default_port=80, listen=True)
    except BadAddress as error:
        raise BadValue(f'{error} in "{args[0]}" of the "listen" directive') from None
    hosts = _hosts(block, address)
    listen = Listen(address)
    if "ssl" in args:
        announce(block, None)
    for option in args[1:]:
        if option.startswith("accept_filter="):
            block.state.warn(
                f'accept filters "{option}" are not supported on this platform, ignored', "emerg"
            )
        if option == "http2":
            block.state.warn(
                'the "listen ... http2" directive is deprecated, use the "http2" directive instead'
            )
            block.state.warn('"http2" is accepted, but the emulator speaks HTTP/1.1')
        listen = _with_option(listen, option)
    for host in hosts:
        for port in listen.ports:
            _claim(block, shown(host, port), listen)
    return listen


def _with_option(listen: Listen, option: str) -> Listen:
    if option in ("default_server", "default"):
        return listen._replace(default_server=True)
    if option == "ssl":
        return listen._replace(ssl=True)
    if option == "proxy_protocol":
        return listen._replace(proxy_protocol=True)
    if option == "http2":
        return listen._replace(http2=True)
    if option == "quic":
        raise BadValue('the "quic" parameter requires ngx_http_v3_module')
    name, equals, value = option.partition("=")
    if option in _OPTIONS or (equals and name in _CHECKED and _CHECKED[name](value)):
        backlog = int(value) if name == "backlog" else listen.backlog
        return listen._replace(backlog=backlog, given=(*listen.given, option))
    if equals and name == "so_keepalive":
        raise BadValue(f'invalid so_keepalive value: "{value}"')
    if equals and name in ("backlog", "rcvbuf", "sndbuf", "fastopen"):
        raise BadValue(f'invalid {name} "{option}"')
    raise BadValue(f'invalid parameter "{option}"')


def _is_keepalive(value: str) -> bool:
    """As the so_keepalive parameter: on, off, or [idle]:[interval]:[count] with at least one of them."""
    if value in ("on", "off"):
        return True
    parts = value.split(":")
    if len(parts) > 3 or not any(parts):
        return False
    times = [as_milliseconds(part) for part in parts[:2] if part]
    return None not in times and all(as_number(part) for part in parts[2:] if part)


_CHECKED: dict[str, Callable[[str], bool]] = {
    "backlog": lambda value: bool(as_number(value)),
    "rcvbuf": lambda value: size(value) is not None,
    "sndbuf": lambda value: size(value) is not None,
    "fastopen": lambda value: as_number(value) is not None,
    "ipv6only": lambda value: value in ("on", "off"),
    "so_keepalive": _is_keepalive,
    "accept_filter": lambda value: True,
}


def _hosts(block: Block, address: Address) -> tuple[str, ...]:
    if address.literal:
        return (
            f"unix:{address.host}" if address.unix else "0.0.0.0" if address.host == "*" else address.host,
        )
    if block.state.resolve is None:
        return (address.host,)
    found = tuple(block.state.resolve(address.host))
    if not found:
        text = block.state.at.args[0]
        raise BadValue(f'host not found in "{text}" of the "listen" directive')
    return tuple(f"[{host}]" if ":" in host else host for host in found)


def shown(host: str, port: int) -> str:
    """An address as nginx prints it."""
    if host.startswith("["):
        import ipaddress

        host = f"[{ipaddress.IPv6Address(host[1:-1]).compressed}]"
    return host if host.startswith("unix:") else f"{host}:{port}"


def _claim(block: Block, address: str, listen: Listen) -> None:
    """As ngx_http_add_addresses and ngx_http_add_server."""
    claims: dict[str, list[tuple[Block, Listen]]] = block.state.listens
    earlier = claims.setdefault(address, [])
    if any(server is block for server, _ in earlier):
        raise BadValue(f"a duplicate listen {address}")
    if listen.given and any(other.given for _, other in earlier):
        raise BadValue(f"duplicate listen options for {address}")
    if listen.default_server and any(other.default_server for _, other in earlier):
        raise BadValue(f"a duplicate default server for {address}")
    earlier.append((block, listen))


def place_server_names(block: Block, args: tuple[str, ...]) -> tuple[ServerName, ...]:
    """As ngx_http_core_server_name; `$hostname` stays as it is for the one who knows it."""
    return tuple(_server_name(block, text) for text in args)


def _server_name(block: Block, text: str) -> ServerName:
    if (text.startswith("*") and (len(text) < 3 or text[1] != ".")) or text == ".":
        raise BadValue(f'server name "{text}" is invalid')
    if "/" in text:
        block.state.warn(f'server name "{text}" has suspicious symbols')
    if text.startswith("~"):
        if text == "~":
            raise BadValue('empty regex in server name "~"')
        # any capital letter in a pattern makes nginx match it without regard to case
        pattern = regex.compiled(text[1:], any("A" <= sign <= "Z" for sign in text))
        define_captures(block, pattern)
        return ServerName(text, pattern)
    return ServerName(text.lower())


def define_captures(block: Block, pattern: re.Pattern[bytes]) -> None:
    """A pattern's named groups become variables."""
    for name in pattern.groupindex:
        define(block, name)


def define(block: Block, name: str) -> None:
    """As ngx_http_add_variable with NGX_HTTP_VAR_CHANGEABLE: nginx's own ones stay its own."""
    from emulator.nginx.variablenames import FIXED

    name = name.lower()
    if name in FIXED:
        raise BadValue(f'the duplicate "{name}" variable')
    block.state.variables.add(name)


def complete_server(server: Block) -> None:
    """A server that says nothing of where it listens is at port 80."""
    if "listen" not in server.values:
        listen = Listen(Address("*", 80, 80, literal=True, wildcard=True))
        server.values["listen"] = (listen,)
        claims = server.state.listens.setdefault("0.0.0.0:80", [])
        claims.append((server, listen))


def warn_of_conflicts(http: Block) -> None:
    """As ngx_http_server_names: of two servers at one address with one name, the first is found."""
    for address, claims in http.state.listens.items():
        if len(claims) < 2:
            continue
        seen: set[str] = set()
        for server, _ in claims:
            for name in _names(server):
                if name.pattern is not None:
                    continue
                keys = [f"*{name.text}", name.text[1:]] if name.text.startswith(".") else [name.text]
                if seen.isdisjoint(keys):
                    seen.update(keys)
                else:
                    http.state.warn_nowhere(f'conflicting server name "{name.text}" on {address}, ignored')


def _names(server: Block) -> list[ServerName]:
    names = [name for names in server.values.get("server_name", ()) for name in names]
    return names or [ServerName("")]


DIRECTIVES: tuple[Directive, ...] = (
    row("server", H, NONE, "A virtual server.", block=Context.SERVER, repeat=True, finish=complete_server),
    row(
        *("listen", S, None, "The address and port on which a server is reached.", ()),
        check=place_listen,
        repeat=True,
    ),
    row(
        *("server_name", S, None, "The names for which a server answers: exact, wildcard or ~regex.", ()),
        check=place_server_names,
        repeat=True,
    ),
)
