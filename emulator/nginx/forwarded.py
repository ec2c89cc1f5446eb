"""Which client a chain of proxies speaks for (ngx_http_get_forwarded_addr, ngx_parse_addr_port)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from emulator.nginx.address import Network, packed
from emulator.nginx.conf import ENCODING
from emulator.nginx.values import number


class Proxies(NamedTuple):
    """Who is believed: networks, and whoever comes through a unix socket."""

    networks: tuple[Network, ...] = ()
    unix: bool = False

    def trust(self, client: bytes | None) -> bool:
        """Whether a client is believed; `None` came through a unix socket."""
        if client is None:
            return self.unix
        return any(network.holds(client) for network in self.networks)


class Hop(NamedTuple):
    """An address that a proxy named; port 0 where it named none."""

    address: bytes
    port: int = 0


def forwarded(client: bytes | None, fields: Sequence[bytes], proxies: Proxies, recursive: bool) -> Hop | None:
    """Who is behind a client by what its field says: the last address, or with `recursive` the last that is
    no proxy of ours; None if the client is not believed or names nobody."""
    found: Hop | None = None
    for field in reversed(fields):
        hop, whole = _through(client, field, proxies, recursive)
        if hop is not None:
            found, client = hop, _comparable(hop.address)
        if not recursive or not whole:
            break
    return found


def _through(
    client: bytes | None, field: bytes, proxies: Proxies, recursive: bool
) -> tuple[Hop | None, bool]:
    """The furthest address of one field, and whether all of the field was believed."""
    found: Hop | None = None
    rest = field
    while True:
        if not proxies.trust(client):
            return found, False
        last, before = _last_word(rest)
        hop = parse_hop(last.decode(*ENCODING))
        if hop is None:
            return found, False
        found, client, rest = hop, _comparable(hop.address), before
        if not recursive or not rest:
            return found, True


def _last_word(text: bytes) -> tuple[bytes, bytes]:
    """The last of several words between blanks and commas, and what stands before its separator."""
    text = text[:1] + text[1:].rstrip(b" ,")
    at = max(text.rfind(b" ", 1), text.rfind(b",", 1))
    if at < 0:
        return text, b""
    return text[at + 1 :], text[:at]


def _comparable(address: bytes) -> bytes:
    mapped = address[:12] == b"\0" * 10 + b"\xff\xff"
    return address[12:] if mapped else address


def parse_hop(text: str) -> Hop | None:
    """An address, alone or with a port: `1.2.3.4:80`, `[::1]`, `[::1]:80`."""
    address = packed(text)
    if address is not None:
        return Hop(address)
    if not text.startswith("["):
        host, colon, rest = text.partition(":")
    else:
        host, _, rest = text[1:].partition("]")
        colon, rest = (rest[:1], rest[1:]) if rest else (":", "0")
    port = number(rest) if colon == ":" else None
    address = packed(host)
    if address is None or port is None or not (1 <= port <= 65535 or text.endswith("]")):
        return None
    return Hop(address, port)
