"""A request ends with a status: its error_page, or nginx's own page (ngx_http_special_response.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.nginx import respond

if TYPE_CHECKING:
    from emulator.nginx.location import ErrorPage
    from emulator.nginx.request import Request

_NO_KEEPALIVE = frozenset((400, 413, 414, 495, 496, 497, 500, 501))
_REDIRECTS = frozenset((301, 302, 303, 307, 308))


def send(r: Request, status: int) -> None:
    """Answer with a status of which nothing has been sent yet."""
    r.err_status = status
    if r.keepalive and status in _NO_KEEPALIVE:
        r.keepalive = False
    r.content_type = None
    location = r.location
    if not r.error_page and location.error_pages and r.uri_changes > 0:
        found = location.error_pages.get(status)
        if found is not None:
            if not location.recursive_error_pages:
                r.error_page = True
            _send_error_page(r, found)
            return
    r.expect_tested = True
    r.discard_body()
    _send_page(r, status)


def _send_error_page(r: Request, page: ErrorPage) -> None:
    if page.overwrite not in (0, 200):
        r.expect_tested = True
    if page.overwrite >= 0:
        r.err_status = page.overwrite
    uri = page.uri(r)
    if uri.startswith(b"/"):
        path, _, args = uri.partition(b"?")
        if r.method != b"HEAD":
            r.method = b"GET"
        r.redirect(path, args)
        return
    if uri.startswith(b"@"):
        r.redirect_named(uri)
        return
    r.expect_tested = True
    r.discard_body()
    if r.err_status not in _REDIRECTS:
        r.err_status = 302
    r.location_out = None
    r.headers_out.append((b"Location", uri))
    _send_page(r, r.err_status)


def _send_page(r: Request, status: int) -> None:
    """nginx's own page for `status`, with `err_status` as the answer's status."""
    body = respond.page(status, r.location.server_tokens, _wants_padding(r))
    r.status = respond.ON_THE_WIRE.get(r.err_status, r.err_status)
    r.status_line = None
    r.last_modified = -1
    r.etag = None
    r.allow_ranges = False
    r.disable_not_modified = True
    if body is None:
        r.content_length = 0 if r.status != 204 else -1
        if r.status != 204 and r.err_status >= 200:
            r.content_type = None
        r.send_bytes(b"")
        return
    r.content_type = b"text/html"
    r.content_length = len(body)
    r.send_bytes(body)


def _wants_padding(r: Request) -> bool:
    """Old browsers show a page of their own unless the server's is long enough (msie_padding)."""
    agent = r.index.get(b"user-agent", b"")
    if b"MSIE " in agent and b"Opera" not in agent:
        return True
    return b"Chrome/" in agent and r.location.msie_padding_for_chrome
