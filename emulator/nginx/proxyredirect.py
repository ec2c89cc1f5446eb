"""proxy_redirect: what becomes of Location and Refresh of an answer (ngx_http_proxy_rewrite_redirect)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from emulator.nginx.conf import ENCODING
from emulator.nginx.proxy import Proxy, Redirect
from emulator.nginx.request import Request
from emulator.nginx.variables import Template, compile_template

if TYPE_CHECKING:
    from emulator.nginx.directives import Block
    from emulator.nginx.modules.location import Location as Match
    from emulator.nginx.proxyvalues import Redirect as ProxyRedirect


def compile_redirects(
    proxy: Proxy, block: Block, what: Match | None, own: frozenset[str]
) -> tuple[Redirect, ...]:
    """proxy_redirect, where the default puts the location's own name in place of proxy_pass's URL."""
    found: list[Redirect] = []
    for entry in block.inherited("proxy_redirect"):
        if entry.kind == "off":
            return ()
        if entry.kind == "default":
            default = _default_redirect(proxy, what)
            if default is not None:
                found.append(default)
        else:
            found.append(_written_redirect(entry, own))
    return tuple(found)


def _default_redirect(proxy: Proxy, what: Match | None) -> Redirect | None:
    """`proxy_pass`'s URL -> the location's name, or "/" where it has no URI; none where it has variables."""
    if proxy.dynamic is not None or (what is None and proxy.uri is not None):
        return None
    url = b"%b://%b%b" % (proxy.scheme, proxy.host(None), proxy.uri or b"")  # type: ignore[arg-type]
    target = what.name.encode(*ENCODING) if what is not None and proxy.uri is not None else b"/"
    prefix = url if proxy.uri is not None else url + b"/"

    def rewrite(r: Request, value: bytes) -> bytes | None:
        return target + value[len(prefix) :] if value.startswith(prefix) else None

    return rewrite


def _written_redirect(entry: ProxyRedirect, own: frozenset[str]) -> Redirect:
    replacement = compile_template(entry.replacement, own)
    if entry.compiled is not None:
        return by_pattern(entry.compiled, replacement)
    return by_prefix(compile_template(entry.pattern, own), replacement)


def by_pattern(pattern: re.Pattern[bytes], replacement: Template) -> Redirect:
    """What matches is replaced as a whole; the replacement may hold its captures."""

    def rewrite(r: Request, value: bytes) -> bytes | None:
        match = pattern.search(value)
        if match is None:
            return None
        r.take_captures(match)
        return replacement(r)

    return rewrite


def by_prefix(source: Template, replacement: Template) -> Redirect:
    """What it begins with is replaced, and the rest stays."""

    def rewrite(r: Request, value: bytes) -> bytes | None:
        prefix = source(r)
        return replacement(r) + value[len(prefix) :] if value.startswith(prefix) else None

    return rewrite
