"""ngx_http_access_module: who may ask, by address."""

from __future__ import annotations

import ipaddress
from typing import NamedTuple

from emulator.nginx.directives import BadValue, Block, Directive
from emulator.nginx.rows import HSL, ONE, X, row

MODULE = "ngx_http_access_module"

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


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
        try:
            if not text.partition("/")[2].isdigit() and "/" in text:
                raise ValueError  # nginx takes a length, no mask
            rule = Rule(allow, ipaddress.ip_network(text, strict=False))
        except ValueError:
            raise BadValue(f'invalid parameter "{text}"') from None
        if "/" in text and str(rule.network) != text:
            block.state.warn(f"low address bits of {text} are meaningless")
    block.values["access rules"] = (*block.values.get("access rules", ()), rule)
    return rule


DIRECTIVES: tuple[Directive, ...] = (
    row("allow", HSL | X, ONE, "Addresses that may.", (), check=place_rule, repeat=True),
    row("deny", HSL | X, ONE, "Addresses that may not.", (), check=place_rule, repeat=True),
)
