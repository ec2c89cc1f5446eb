"""proxy_bind: the address from which connections to an upstream are made (ngx_http_upstream_set_local)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from emulator.nginx.address import BadAddress, parse_address
from emulator.nginx.conf import ENCODING
from emulator.nginx.variables import compile_template

if TYPE_CHECKING:
    from emulator.nginx.request import Request


class Local(NamedTuple):
    """An address of ours; `text` is as it was written."""

    host: str
    port: int
    text: str
    transparent: bool


class Bind:
    """One proxy_bind, compiled."""

    __slots__ = ("_template", "_transparent")

    def __init__(self, args: tuple[str, ...], own: frozenset[str]) -> None:
        self._template = compile_template(args[0], own)
        self._transparent = len(args) > 1

    def local(self, r: Request) -> Local | None:
        """The address for this request; None leaves the choice to the system."""
        text = self._template(r).decode(*ENCODING)
        if not text:
            return None
        found = parse_local(text)
        if found is None:
            r.log_error("error", f'invalid local address "{text}"')
            return None
        return Local(found[0], found[1], text, self._transparent)

    def __repr__(self) -> str:
        return f"<Bind{' transparent' * self._transparent}>"


def parse_local(text: str) -> tuple[str, int] | None:
    """An address with or without a port, as ngx_parse_addr_port; None for what is none."""
    try:
        address = parse_address(f"[{text}]" if text.count(":") > 1 and text[:1] != "[" else text)
    except BadAddress:
        return None
    if not address.literal or address.unix or not (address.no_port or address.port):
        return None
    return address.host.strip("[]"), 0 if address.no_port else address.port
