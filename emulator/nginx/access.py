"""allow and deny: the first rule that fits decides (ngx_http_access_module.c)."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from emulator.nginx.request import DECLINED, OK, Handler, Request

if TYPE_CHECKING:
    from emulator.nginx.directives import Block
    from emulator.nginx.modules.access import Rule


def compile_access(block: Block) -> Handler | None:
    """The handler of the rules that hold in a block: OK, 403, or DECLINED where none fits.

    With `satisfy any` the refusal is logged only when nothing else agrees.
    """
    rules: tuple[Rule, ...] = block.given("access rules", ())
    if not rules:
        return None
    logged = block.inherited("satisfy") == "all"

    def handler(r: Request) -> int:
        allowed = _decide(rules, r.connection.address)
        if allowed is None:
            return DECLINED
        if allowed:
            return OK
        if logged:
            r.log_error("error", "access forbidden by rule")
        return 403

    return handler


def _decide(rules: tuple[Rule, ...], address: str) -> bool | None:
    if address == "unix:":
        return next((rule.allow for rule in rules if rule.network is None), None)
    client = ipaddress.ip_address(address)
    mapped = getattr(client, "ipv4_mapped", None)
    client = mapped or client
    for rule in rules:
        if rule.unix:
            continue
        if rule.network is None or (rule.network.version == client.version and client in rule.network):
            return rule.allow
    return None
