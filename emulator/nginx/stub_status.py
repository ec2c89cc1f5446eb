"""stub_status: the page of counters (ngx_http_stub_status_module.c)."""

from __future__ import annotations

from emulator.nginx.counters import total
from emulator.nginx.request import Request

_METHODS = frozenset((b"GET", b"HEAD"))
_PAGE = (
    b"Active connections: %d \n"
    b"server accepts handled requests\n %d %d %d \n"
    b"Reading: %d Writing: %d Waiting: %d \n"
)


def stub_status(r: Request) -> int:
    """Its content handler."""
    if r.method not in _METHODS:
        return 405
    if rejected := r.discard_body():
        return rejected
    now = total(r.worker)
    figures = (
        *(now.active, now.accepted, now.accepted, now.requests),
        *(now.reading, now.writing, now.waiting),
    )
    return r.respond(200, b"text/plain", _PAGE % figures)
