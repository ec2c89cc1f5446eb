"""What of an upstream's answer goes to the client, and what nginx acts on (ngx_http_upstream.c)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from emulator.http1.message import BadMessage, Header, ResponseHead
from emulator.nginx.uri import normalize

if TYPE_CHECKING:
    from emulator.nginx.proxy import Proxy
    from emulator.nginx.request import Request

Warn = Callable[[str], None]

_TAKEN = frozenset((b"content-type", b"content-length"))  # the response's own attributes
_UNIQUE = frozenset((b"content-length", b"transfer-encoding"))
# of these a second one is dropped, with a word about it
_ONCE = frozenset(
    (
        b"content-type",
        b"date",
        b"server",
        b"location",
        b"refresh",
        b"last-modified",
        b"etag",
        b"x-accel-redirect",
        b"x-accel-limit-rate",
        b"x-accel-expires",
        b"expires",
    )
)
# what an answer that redirects inside nginx takes along
_ALONG = frozenset((b"set-cookie", b"content-disposition", b"cache-control", b"expires", b"accept-ranges"))
_DIGITS = re.compile(rb"[0-9]{1,18}\Z")


def take_head(proxy: Proxy, r: Request, head: ResponseHead, warn: Warn) -> None:
    """Put an upstream's head into the response; BadMessage(502) for framing that could be read two ways."""
    hidden, special, out = proxy.hidden, proxy.special, r.headers_out
    index = head.index
    repeated = len(index) != len(head.headers)
    check(head)
    r.status = head.status
    reason = head.reason
    r.status_line = b"%03d" % head.status if reason is None else b"%03d %b" % (head.status, reason)
    if (kind := index.get(b"content-type")) is not None:  # else that of an answer which led here stays
        r.content_type = kind or None
    length = index.get(b"content-length")
    measured = length is not None and b"transfer-encoding" not in index and head.status != 204
    r.content_length = int(length) if measured else -1  # type: ignore[arg-type]
    r.disable_not_modified = True
    if proxy.force_ranges:
        r.allow_ranges = r.single_range = True
        hidden = hidden | {b"accept-ranges"}
    if proxy.pass_trailers and b"transfer-encoding" in index:
        r.trailers_out = []
    if proxy.passes_first_lines:
        r.ctx = {**(r.ctx or {}), "first_lines": proxy.passes_first_lines}
    if repeated:
        head.headers = _without_seconds(head, warn)
    for name, value, lower in head.headers:
        if lower in hidden or lower in _TAKEN:
            continue
        if lower in special:
            _rewrite(proxy, r, name, value, lower)
        else:
            out.append((name, value))


def _rewrite(proxy: Proxy, r: Request, name: bytes, value: bytes, lower: bytes) -> None:
    if lower == b"location":
        changed = _redirected(proxy, r, value)
        if changed is not value and changed[:1] == b"/":
            r.location_out = changed
        else:
            r.headers_out.append((name, changed))
    elif lower == b"refresh":
        at = value.lower().find(b"url=")
        changed = value if at < 0 else value[: at + 4] + _redirected(proxy, r, value[at + 4 :])
        r.headers_out.append((name, changed))
    elif lower == b"set-cookie":
        r.headers_out.append((name, _cookie(proxy, r, value)))
    elif lower == b"x-accel-charset" and value and r.content_type is not None:
        r.log_error("error", f'unknown charset "{_text(value)}" to override')


def _cookie(proxy: Proxy, r: Request, value: bytes) -> bytes:
    changed = proxy.cookies(r, value) if proxy.cookies is not None else None
    return value if changed is None else changed


def _redirected(proxy: Proxy, r: Request, value: bytes) -> bytes:
    for redirect in proxy.redirects:
        changed = redirect(r, value)
        if changed is not None:
            return changed
    return value


def _without_seconds(head: ResponseHead, warn: Warn) -> list[Header]:
    kept: list[Header] = []
    seen: dict[bytes, tuple[bytes, bytes]] = {}
    for field in head.headers:
        if field[2] in _ONCE:
            if field[2] in seen:
                text = b'"%b: %b", previous value: "%b: %b"' % (*field[:2], *seen[field[2]])
                warn(f"upstream sent duplicate header line: {_text(text)}, ignored")
                continue
            seen[field[2]] = (field[0], field[1])
        kept.append(field)
    return kept


def accel_redirect(proxy: Proxy, head: ResponseHead) -> bytes | None:
    """The URI inside nginx that an answer leads to, if it does and nobody said to ignore that."""
    target = head.index.get(b"x-accel-redirect")
    return None if target is None or b"x-accel-redirect" in proxy.ignored else target


def buffers(proxy: Proxy, head: ResponseHead) -> bool:
    """Whether the answer is buffered: an upstream may change what the configuration says."""
    if b"x-accel-buffering" not in head.index or b"x-accel-buffering" in proxy.ignored:
        return proxy.buffering
    found = proxy.buffering
    for _, value, lower in head.headers:
        if lower == b"x-accel-buffering":
            found = {b"no": False, b"yes": True}.get(value.lower(), found)
    return found


def follow(proxy: Proxy, r: Request, head: ResponseHead, target: bytes) -> None:
    """Answer with another URI's content, and what belongs to the answer that named it."""
    before = r.headers_out  # what was there when the upstream was chosen, such as its cookie
    r.clear_response()
    r.content_type = head.index.get(b"content-type") or None
    r.headers_out = before + [
        (name, _cookie(proxy, r, value) if lower == b"set-cookie" else value)
        for name, value, lower in head.headers
        if lower in _ALONG
    ]
    if target.startswith(b"@"):
        r.redirect_named(target)
        return
    try:
        path, args = normalize(target, True)
    except BadMessage:
        r.log_error("error", f'unsafe URI "{_text(target)}" was detected')
        r.finalize(404)
        return
    if r.method != b"HEAD":
        r.method = b"GET"
    r.redirect(path, args)


def check(head: ResponseHead) -> None:
    """Framing that two parsers could read differently is a bad gateway."""
    if len(head.index) != len(head.headers):
        seen: dict[bytes, tuple[bytes, bytes]] = {}
        for name, value, lower in head.headers:
            if lower in _UNIQUE:
                if lower in seen:
                    text = b'"%b: %b", previous value: "%b: %b"' % (name, value, *seen[lower])
                    raise BadMessage(
                        502, f"upstream sent duplicate header line: {text.decode('utf-8', 'surrogateescape')}"
                    )
                seen[lower] = (name, value)
    length = head.index.get(b"content-length")
    coding = head.index.get(b"transfer-encoding")
    if length is not None and not _DIGITS.match(length):
        raise BadMessage(
            502, f'upstream sent invalid "Content-Length" header: "{_line(head, b"content-length")}"'
        )
    if coding is not None and coding.lower() != b"chunked":
        raise BadMessage(
            502, f'upstream sent unknown "Transfer-Encoding": "{coding.decode("utf-8", "surrogateescape")}"'
        )
    if coding is not None and length is not None:
        raise BadMessage(
            502, 'upstream sent "Content-Length" and "Transfer-Encoding" headers at the same time'
        )


def _line(head: ResponseHead, lower: bytes) -> str:
    name, value = next((name, value) for name, value, other in head.headers if other == lower)
    return f"{name.decode('ascii')}: {value.decode('utf-8', 'surrogateescape')}"


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
