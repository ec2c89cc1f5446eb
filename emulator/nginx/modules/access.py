"""ngx_http_access_module: who may ask, by address."""

from __future__ import annotations

from typing import NamedTuple

from emulator.nginx.address import Network, parse_network
from emulator.nginx.directives import BadValue, Block, Directive
from emulator.nginx.rows import HSL, ONE, X, row

MODULE = "ngx_http_access_module"


class Rule(NamedTuple):
    """One line; `network` None is everybody, `unix` everybody who comes through a unix socket."""

    allow: bool
    network: Network | None = None
    unix: bool = False


def place_rule(block: Block, text: str) -> Rule:
    """As ngx_http_access_rule; allow and deny are kept in one list, in the order written."""
    allow = block.state.at.name == "allow"
    if text == "all":
        rule = Rule(allow)
    elif text == "unix:":
        rule = Rule(allow, None, True)
    else:
        network = parse_network(text)
        if network is None:
            raise BadValue(f'invalid parameter "{text}"')
        if network.low_bits:
            block.state.warn(f"low address bits of {text} are meaningless")
        rule = Rule(allow, network)
    block.values["access rules"] = (*block.values.get("access rules", ()), rule)
    return rule


DIRECTIVES: tuple[Directive, ...] = (
    row("allow", HSL | X, ONE, "Addresses that may.", (), check=place_rule, repeat=True),
    row("deny", HSL | X, ONE, "Addresses that may not.", (), check=place_rule, repeat=True),
)
