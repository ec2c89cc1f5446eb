"""upstream blocks -> groups of peers; a method of balancing is imported where a group has it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from emulator.nginx.conf import ConfError
from emulator.nginx.upstream import Group, Peer
from emulator.nginx.variables import compile_template

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from emulator.namespace import Namespace
    from emulator.nginx.address import Address as WrittenAddress
    from emulator.nginx.directives import Block
    from emulator.nginx.modules.upstream import Server
    from emulator.nginx.request import Request
    from emulator.nginx.upstream import Choosing
    from emulator.nginx.upstream_names import Names
    from emulator.nginx.upstream_zone import Address

    Implicit = dict[tuple[str, int], Group]  # by host and port


def compile_groups(http: Block, namespace: Namespace) -> dict[str, Group]:
    """The upstream blocks by name, each address of each server a peer; ConfError for a host not found."""
    return {block.value.lower(): _group(block, namespace) for block in http.blocks("upstream")}


def names_of(groups: Iterable[Group]) -> list[Names]:
    """What is to be looked up while serving."""
    return [group.names for group in groups if group.names is not None]


def _group(block: Block, namespace: Namespace) -> Group:
    peers: list[Peer] = []
    for place, entry in enumerate(entry for entry in block.entries if entry.node.name == "server"):
        if not entry.value.resolve:
            peers.extend(_peers(entry.value, place, namespace, entry.node.file, entry.node.line))
    group = Group(block.value, peers, keepalive=block.inherited("keepalive"))
    written = next(
        (entry.node.args for entry in block.entries if entry.node.name == "keepalive"), ("32", "local")
    )
    group.keepalive_local = "local" in written[1:]
    group.keepalive_requests = block.inherited("keepalive_requests")
    group.keepalive_time = block.inherited("keepalive_time") / 1000
    group.keepalive_timeout = block.inherited("keepalive_timeout") / 1000
    if "balancing method" in block.values:
        group.begin = _balanced(group, block)
    if block.values.get("sticky in use") is not None:
        from emulator.nginx.upstream_sticky import compile_sticky

        compile_sticky(group, block)
    if "zone" in block.values:
        _share(group, block)
    return group


def _share(group: Group, block: Block) -> None:
    """Put a group's state where all workers see it, and have its names looked up."""
    from emulator.nginx.upstream_zone import SharedGroup

    servers: tuple[Server, ...] = block.values["server"]
    is_sticky = block.values.get("sticky in use") is not None

    def make(place: int, where: Address) -> Peer:
        peer = make_peer(servers[place], where.host, where.port)
        peer.origin = place
        if where.weight:
            peer.weight = peer.effective_weight = where.weight
        peer.backup = where.backup
        peer.server = where.server or peer.server
        if is_sticky:
            from emulator.nginx.upstream_sticky import name_peer

            name_peer(peer)
        return peer

    share = group.state = SharedGroup(group, block.values["zone"], make)
    if group.begin is None:
        group.begin = group.turn
    wanted = tuple((place, server) for place, server in enumerate(servers) if server.resolve)
    if wanted:
        from emulator.nginx.upstream_names import Names

        http = block.parent
        assert http is not None
        written = block.values.get("resolver") or http.values["resolver"]
        timeout = block.values.get("resolver_timeout") or http.given("resolver_timeout", 30000)
        group.names = Names(group.name, share, wanted, written, timeout / 1000)


def _balanced(group: Group, block: Block) -> Callable[[Request], Choosing] | None:
    """What makes a request's turn by the method of a group; a group of one has nothing to choose."""
    method = block.values["balancing method"]
    if group.single and "zone" not in block.values:
        return group.begin
    if method.kind == "least_conn":
        from emulator.nginx.upstream_least_conn import compile_least_conn

        return compile_least_conn(group)
    if method.kind == "least_time":
        from emulator.nginx.upstream_least_time import compile_least_time

        return compile_least_time(group, method.words)
    if method.kind == "ip_hash":
        from emulator.nginx.upstream_ip_hash import compile_ip_hash

        return compile_ip_hash(group)
    if method.kind == "hash":
        from emulator.nginx.upstream_hash import compile_hash

        key = compile_template(method.key, frozenset(block.state.variables))
        return compile_hash(group, key, bool(method.words))
    if method.kind == "random":
        from emulator.nginx.upstream_random import compile_random

        return compile_random(group, bool(method.words))
    raise AssertionError(method.kind)


def _peers(server: Server, place: int, namespace: Namespace, file: str, line: int) -> list[Peer]:
    address = server.address
    if address.unix:
        hosts: tuple[str, ...] = (f"unix:{address.host}",)
    else:
        hosts = addresses_of(address.host, namespace)
    if not hosts:
        raise ConfError(f'host not found in upstream "{server.name}"', file, line)
    peers = [make_peer(server, host, address.port or 80) for host in hosts]
    for peer in peers:
        peer.origin = place
    return peers


def make_peer(server: Server, host: str, port: int) -> Peer:
    """The peer that one address of a server is."""
    return Peer(
        host,
        port,
        weight=server.weight,
        max_fails=server.max_fails,
        fail_timeout=server.fail_timeout,
        max_connections=server.max_conns,
        backup=server.backup,
        down=server.down,
        draining=server.drain,
        server=server.name,
        route=server.route,
    )


def addresses_of(host: str, namespace: Namespace) -> tuple[str, ...]:
    """A host's addresses, in the container's terms; a literal one is its own."""
    if host.startswith("["):
        return (host[1:-1],)
    if re.fullmatch(r"[0-9.]+", host):
        return (host,)
    return namespace.resolve(host)


def implicit_group(
    address: WrittenAddress, shown: str, port: int, block: Block, namespace: Namespace, known: Implicit
) -> Group:
    """The group of one that a proxy_pass makes of its host: it keeps no connections.

    All locations that name it have the same one, and those with variables find it, too.
    """
    key = (f"unix:{address.host}", 0) if address.unix else (address.host.lower(), port)
    group = known.get(key)
    if group is None:
        group = known[key] = _implicit_group(address, shown, port, block, namespace)
    return group


def _implicit_group(
    address: WrittenAddress, shown: str, port: int, block: Block, namespace: Namespace
) -> Group:
    if address.unix:
        return Group(f"unix:{address.host}", [Peer(f"unix:{address.host}", 0)])
    hosts = addresses_of(address.host, namespace)
    if not hosts:
        node = next(entry.node for entry in block.entries if entry.node.name == "proxy_pass")
        raise ConfError(f'host not found in upstream "{address.host}"', node.file, node.line)
    return Group(shown, [Peer(host, port) for host in hosts])
