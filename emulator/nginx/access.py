"""allow and deny: the first rule that fits decides (ngx_http_access_module.c)."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from emulator.nginx.request import DECLINED, OK, Handler, Request

if TYPE_CHECKING:
    from emulator.nginx.directives import Block
    from emulator.nginx.modules.access import Rule


def access_phase(handlers: list[Handler], satisfy: str) -> tuple[Handler, ...]:
    """The access phase: with `all` each handler may refuse, with `any` one that allows is enough.

    As ngx_http_core_access_phase and ngx_http_core_post_access_phase.
    """
    if satisfy == "all" or len(handlers) < 2:
        return tuple(_must(handler) for handler in handlers)

    def any_of(r: Request) -> int:
        refused = DECLINED
        for handler in handlers:
            result = handler(r)
            if result == OK:
                r.headers_out = [field for field in r.headers_out if field[0] != b"WWW-Authenticate"]
                return DECLINED
            if result in (401, 403):
                refused = result
            elif result != DECLINED:
                return result
        return refused

    return (any_of,)


def _must(handler: Handler) -> Handler:
    def check(r: Request) -> int:
        result = handler(r)
        return DECLINED if result == OK else result

    return check


def compile_access(block: Block) -> Handler | None:
    """The handler of the rules that hold in a block: OK, 403, or DECLINED where none fits."""
    rules = next(
        (around.values["access rules"] for around in block.around() if "access rules" in around.values), ()
    )
    if not rules:
        return None

    def handler(r: Request) -> int:
        allowed = _decide(rules, r.connection.address)
        if allowed is None:
            return DECLINED
        if allowed:
            return OK
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
