"""ngx_http_realip_module: the client behind another proxy."""

from __future__ import annotations

from emulator.nginx.address import Network, packed, parse_network
from emulator.nginx.directives import BadValue, Block, Directive
from emulator.nginx.forwarded import Proxies
from emulator.nginx.rows import HSL, ONE, flag, row

MODULE = "ngx_http_realip_module"


def place_proxies(block: Block, text: str) -> Proxies:
    """As ngx_http_realip_from: a network, `unix:`, or a name and all its addresses."""
    if text == "unix:":
        return Proxies(unix=True)
    network = parse_network(text)
    if network is not None:
        if network.low_bits:
            block.state.warn(f"low address bits of {text} are meaningless")
        return Proxies((network,))
    found = block.state.resolve(text) if text and block.state.resolve is not None else ()
    addresses = [address for address in map(packed, found) if address is not None]
    if not addresses and block.state.resolve is not None:
        raise BadValue(f'host not found in set_real_ip_from "{text}"')
    return Proxies(tuple(Network(address, 8 * len(address)) for address in addresses))


DIRECTIVES: tuple[Directive, ...] = (
    row("set_real_ip_from", HSL, ONE, "Proxies to believe.", (), check=place_proxies, repeat=True),
    row("real_ip_header", HSL, ONE, "The field that names the client.", "X-Real-IP"),
    flag("real_ip_recursive", HSL, "Skip all proxies that are believed.", False),
)
