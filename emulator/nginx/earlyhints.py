"""103 on its way through (ngx_http_upstream_process_early_hints, ngx_http_early_hints_filter)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.http1.lines import join
from emulator.nginx.proxy import FRAMING

if TYPE_CHECKING:
    from emulator.http1.message import ResponseHead
    from emulator.nginx.proxy import Proxy
    from emulator.nginx.request import Request


def pass_hints(proxy: Proxy, r: Request, head: ResponseHead) -> None:
    """Let the client have the fields of a 103 at once, where the location says so and it understands them."""
    if proxy.early_hints is None or r.subrequest or r.version < 11:
        return
    hidden = proxy.hidden - FRAMING
    fields = [b"%b: %b\r\n" % (name, value) for name, value, lower in head.headers if lower not in hidden]
    if fields and any(template(r) not in (b"", b"0") for template in proxy.early_hints):
        r.connection.queue(join(b"HTTP/1.1 103 Early Hints\r\n", [*fields, b"\r\n"]))
        r.connection.flush()
