"""The rewrite phase: `return` (ngx_http_rewrite_module.c, ngx_http_send_response)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.nginx import output
from emulator.nginx.request import AGAIN, Handler, Request
from emulator.nginx.variables import compile_template

if TYPE_CHECKING:
    from emulator.nginx.modules.rewrite import Return

_REDIRECTS = frozenset((301, 302, 303, 307, 308))


def compile_return(value: Return, own: frozenset[str]) -> Handler:
    """A redirect, a body, or a bare status, which gets its error page."""
    code, text = value.status, value.text
    if text is None and code >= 400:
        return lambda r: code
    template = compile_template(text or "", own)

    def handler(r: Request) -> int:
        if rejected := r.discard_body():
            return rejected
        r.status = code
        value = template(r)
        if code in _REDIRECTS:
            r.location_out = value
            return code
        r.content_length = len(value)
        r.content_type = r.location.content_type(r.path)
        if not output.send_header(r):
            return AGAIN
        output.send_body(r, value)
        r.finalize_output()
        return AGAIN

    return handler
