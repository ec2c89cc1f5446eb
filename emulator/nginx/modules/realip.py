"""ngx_http_realip_module: the client behind another proxy."""

from __future__ import annotations

from emulator.nginx.directives import Directive
from emulator.nginx.rows import HSL, ONE, later

MODULE = "ngx_http_realip_module"

DIRECTIVES: tuple[Directive, ...] = (
    later("set_real_ip_from", HSL, ONE, "Proxies to believe.", repeat=True),
    later("real_ip_header", HSL, ONE, "The field that names the client."),
    later("real_ip_recursive", HSL, ONE, "Skip all proxies that are believed."),
)
