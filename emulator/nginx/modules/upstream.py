"""ngx_http_upstream_module and its balancers: groups of servers."""

from __future__ import annotations

from typing import NamedTuple

from emulator.nginx.address import Address, BadAddress, parse_address
from emulator.nginx.conf import ENCODING, ConfError, Node
from emulator.nginx.directives import BadValue, Block, Context, Directive
from emulator.nginx.modules.http_core import place_resolver
from emulator.nginx.rows import (
    ONE,
    ONE_TWO,
    H,
    U,
    milliseconds,
    number,
    row,
)
from emulator.nginx.values import number as as_number
from emulator.nginx.values import seconds

MODULE = "ngx_http_upstream_module"


class Server(NamedTuple):
    """One `server` of a group; `fail_timeout` in seconds, `max_conns` 0 means no limit."""

    name: str
    address: Address
    weight: int = 1
    max_conns: int = 0
    max_fails: int = 1
    fail_timeout: int = 10
    backup: bool = False
    down: bool = False
    drain: bool = False
    route: str = ""
    resolve: bool = False  # at run time
    service: str = ""


class Use(NamedTuple):
    """A host that something passes requests to: a group, or a name that must resolve."""

    host: str
    port: int
    no_port: bool
    node: Node
    group: Block | None = None
    literal: bool = False


_COUNTS = ("weight", "max_conns", "max_fails")
_FLAGS = ("backup", "down", "drain", "resolve")
_LONGEST_ROUTE = 32
METHOD = "balancing method"  # what was chosen before `server` counts for its parameters


def place_server(block: Block, args: tuple[str, ...]) -> Server:
    """As ngx_http_upstream_server."""
    fields: dict[str, int | bool | str] = {}
    for option in args[1:]:
        name, value = _parameter(block, option)
        fields[name] = value
    if fields.get("service") and not fields.get("resolve"):
        raise BadValue(f'service upstream "{args[0]}" requires "resolve" parameter')
    try:
        address = parse_address(args[0], default_port=80)
    except BadAddress as error:
        raise BadValue(f'{error} in upstream "{args[0]}"') from None
    if fields.get("service"):
        if not address.no_port or address.unix:
            raise BadValue(f'service upstream "{args[0]}" may not have port')
        if address.literal:
            raise BadValue(f'service upstream "{args[0]}" requires domain name')
    fields["resolve"] = bool(fields.get("resolve")) and not address.literal and not address.unix
    resolve = block.state.resolve
    if not fields["resolve"] and resolve is not None and not address.literal and not resolve(address.host):
        raise BadValue(f'host not found in upstream "{args[0]}"')
    return Server(args[0], address, **fields)  # type: ignore[arg-type]


def _parameter(block: Block, option: str) -> tuple[str, int | bool | str]:
    """One parameter of a server: its name and its value."""
    name, equals, text = option.partition("=")
    value: int | bool | str | None = None
    if equals and name in _COUNTS:
        value = as_number(text)
    elif equals and name == "fail_timeout":
        value = seconds(text)
    elif equals and name in ("route", "service"):
        if not text:
            raise BadValue(f"{name} is empty")
        if name == "route" and len(text.encode(*ENCODING)) > _LONGEST_ROUTE:
            raise BadValue(f"route is longer than {_LONGEST_ROUTE}")
        value = text
    elif option in _FLAGS:
        value = True
    if value is None or (name == "weight" and not value):
        raise BadValue(f'invalid parameter "{option}"')
    if name == "backup" and METHOD in block.values and not block.values[METHOD].backup:
        raise BadValue(f'balancing method does not support parameter "{option}"')
    return name, value


def place_upstream(block: Block, name: str) -> str:
    """As ngx_http_upstream_add: one group of a name, and no port where it is passed to."""
    for use in block.state.upstreams:
        if use.host.lower() != name.lower():
            continue
        if use.group is not None:
            raise BadValue(f'duplicate upstream "{name}"')
        if not use.no_port:
            where = f"{use.node.file}:{use.node.line}"
            raise ConfError(f'upstream "{name}" may not have port {use.port} in {where}')
    block.state.upstreams.append(Use(name, 0, True, block.state.at, block))
    return name


def _same_port(use: Use, address: Address) -> bool:
    return not (use.port and address.port and use.port != address.port)


def complete_upstream(block: Block) -> None:
    if "server" not in block.values:
        raise BadValue("no servers are inside upstream")


def use_host(block: Block, address: Address) -> None:
    """As ngx_http_upstream_add for a host that is passed to; whether it is a group is seen at the end."""
    node = block.state.at
    for use in block.state.upstreams:
        if use.host.lower() != address.host.lower() or not _same_port(use, address):
            continue
        if use.group is not None and not address.no_port:
            raise BadValue(f'upstream "{use.host}" may not have port {address.port}')
        return
    block.state.upstreams.append(
        Use(address.host, address.port, address.no_port, node, literal=address.literal)
    )


def resolve(http: Block) -> None:
    """As ngx_http_upstream_init_main_conf: every group has a server, every other host has an address."""
    groups = {str(block.value).lower(): block for block in http.blocks("upstream")}
    for use in http.state.upstreams:
        group = groups.get(use.host.lower())
        if group is not None:
            _check_group(http, group)
        elif not use.literal and http.state.resolve is not None and not http.state.resolve(use.host):
            raise ConfError(f'host not found in upstream "{use.host}"', use.node.file, use.node.line)


def _check_group(http: Block, group: Block) -> None:
    """What ngx_http_upstream_init_round_robin refuses."""
    servers, at = group.values["server"], (group.node.file, group.node.line)
    if any(server.resolve for server in servers):
        text = f'resolving names at run time requires upstream "{group.value}"'
        if "zone" not in group.values:
            raise ConfError(f"{text} in {at[0]}:{at[1]} to be in shared memory")
        if "resolver" not in group.values and "resolver" not in http.values:
            text = f'no resolver defined to resolve names at run time in upstream "{group.value}"'
            raise ConfError(text, *at)
    if all(server.backup for server in servers):
        raise ConfError(f'no servers in upstream "{group.value}"', *at)


def as_keepalive(args: tuple[str, ...]) -> int:
    """How many idle connections a worker keeps; `local` (not shared by other locations) is taken as it is."""
    count = as_number(args[0])
    if count is None:
        raise BadValue(f'invalid value "{args[0]}" in "keepalive" directive')
    if len(args) > 1 and args[1] != "local":
        raise BadValue(f'invalid parameter "{args[1]}"')
    return count


DIRECTIVES: tuple[Directive, ...] = (
    row(
        *("upstream", H, ONE, "A group of servers to which requests are passed."),
        block=Context.UPSTREAM,
        check=place_upstream,
        finish=complete_upstream,
        repeat=True,
    ),
    row(
        *("server", U, None, "A server of the group."),
        (),
        check=place_server,
        repeat=True,
    ),
    row("resolver", U, None, "Name servers of the group.", check=place_resolver),
    milliseconds("resolver_timeout", U, "How long resolving may take."),
    row("keepalive", U, ONE_TWO, "How many idle connections a worker keeps.", 32, parse=as_keepalive),
    milliseconds("keepalive_time", U, "How long a connection may be used at all.", 3600000),
    milliseconds("keepalive_timeout", U, "How long an idle connection is kept.", 60000),
    number("keepalive_requests", U, "How many requests one connection may carry.", 1000),
)
