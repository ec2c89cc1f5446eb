"""The families of directives, one module each, named after nginx's own and in the order of its modules.

A family has `MODULE`, the name of nginx's module, and its rows in `DIRECTIVES`.
"""

from __future__ import annotations

from emulator.nginx.modules import (
    core,
    headers,
    http,
    http_core,
    index,
    listen,
    location,
    log,
    proxy,
    rewrite,
    upstream,
)

FAMILIES = (core, http, http_core, listen, location, log, upstream, index, rewrite, proxy, headers)
