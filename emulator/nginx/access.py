"""allow and deny: the first rule that fits decides (ngx_http_access_module.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.nginx.address import client_octets
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
    client = client_octets(address)
    for rule in rules:
        if rule.network is None:
            if not rule.unix or client is None:
                return rule.allow
        elif client is not None and rule.network.holds(client):
            return rule.allow
    return None
