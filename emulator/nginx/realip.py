"""The client that a believed proxy speaks for takes its place (ngx_http_realip_module.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.nginx.address import client_octets, shown_octets
from emulator.nginx.conf import ENCODING
from emulator.nginx.forwarded import Proxies, forwarded
from emulator.nginx.request import DECLINED, Handler, Request

if TYPE_CHECKING:
    from emulator.nginx.connection import Connection
    from emulator.nginx.directives import Block


class Original:
    """Who really is at the other end; called when the request is over, it puts that back."""

    __slots__ = ("_connection", "address", "port")

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.address, self.port = connection.address, connection.port

    def __call__(self) -> None:
        self._connection.address, self._connection.port = self.address, self.port


def original(r: Request) -> tuple[str, int]:
    """The address and port of who is connected."""
    found = next((each for each in r.cleanups or () if isinstance(each, Original)), None)
    return (r.connection.address, r.connection.port) if found is None else (found.address, found.port)


def compile_realip(block: Block) -> Handler:
    """What replaces the client's address, once in a request; for where set_real_ip_from holds."""
    written: tuple[Proxies, ...] = block.inherited("set_real_ip_from")
    proxies = Proxies(
        tuple(network for each in written for network in each.networks), any(each.unix for each in written)
    )
    header: str = block.inherited("real_ip_header")
    name = header.lower().encode(*ENCODING)
    every = header == "X-Forwarded-For"  # of another field, the first counts
    recursive: bool = block.inherited("real_ip_recursive")
    if header == "proxy_protocol":
        return _by_protocol(proxies)

    def handler(r: Request) -> int:
        fields = [value for _, value, lower in r.headers if lower == name]
        if not fields or any(isinstance(each, Original) for each in r.cleanups or ()):
            return DECLINED
        connection = r.connection
        client = client_octets(connection.address)
        hop = forwarded(client, fields if every else fields[:1], proxies, recursive)
        if hop is not None:
            r.at_end(Original(connection))
            connection.address, connection.port = shown_octets(hop.address), hop.port
        return DECLINED

    return handler


def _by_protocol(proxies: Proxies) -> Handler:
    """`real_ip_header proxy_protocol`."""

    def handler(r: Request) -> int:
        connection = r.connection
        proxied = r.worker.proxied.get(connection)
        if proxied is None or any(isinstance(each, Original) for each in r.cleanups or ()):
            return DECLINED
        hop = forwarded(client_octets(connection.address), [proxied.source], proxies, False)
        if hop is not None:
            r.at_end(Original(connection))
            connection.address, connection.port = shown_octets(hop.address), int(proxied.source_port or 0)
        return DECLINED

    return handler
