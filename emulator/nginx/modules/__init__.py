"""The families of directives, one module each, named after nginx's own and in the order of its modules.

A family has `MODULE`, the name of nginx's module, and its rows in `DIRECTIVES`; one that stands for
several modules has `GROUPS`, pairs of a name and its rows.
"""

from __future__ import annotations

from types import ModuleType

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

# What a first configuration uses.
FAMILIES: tuple[ModuleType, ...] = (
    *(core, http, http_core, listen, location, log, upstream),
    *(index, rewrite, proxy, headers),
)


def rarer_families() -> tuple[ModuleType, ...]:
    """The other families: nobody waits for their import who does not name one of their directives."""
    from emulator.nginx.modules import (
        access,
        auth_basic,
        auth_request,
        autoindex,
        balancers,
        charset,
        gateways,
        geo,
        gzip,
        gzip_static,
        http2,
        limit_conn,
        limit_req,
        map,
        realip,
        referer,
        refused,
        ssl,
        sticky,
        stub_status,
        sub_filter,
        upstream_zone,
    )

    return (
        *(
            http2,
            autoindex,
            auth_request,
            auth_basic,
            access,
            limit_conn,
            limit_req,
            realip,
            geo,
            map,
            referer,
            ssl,
        ),
        *(gzip, gzip_static, charset, sub_filter, stub_status, gateways, refused),
        *(balancers, sticky, upstream_zone),
    )
