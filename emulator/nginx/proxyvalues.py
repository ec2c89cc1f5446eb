"""What the proxy module's directives say, checked in their place (ngx_http_proxy_module.c)."""

from __future__ import annotations

import re
from typing import NamedTuple

from emulator.nginx import regex
from emulator.nginx.address import Address, BadAddress, parse_address
from emulator.nginx.bind import parse_local
from emulator.nginx.directives import BadValue, Block, Complaint, Context
from emulator.nginx.modules.listen import define_captures
from emulator.nginx.modules.location import Location
from emulator.nginx.modules.upstream import use_host
from emulator.nginx.rows import uses_variables
from emulator.nginx.tlsvalues import announce_client

_NO_URI = (
    '"proxy_pass" cannot have URI part in location given by regular expression, or inside named location, '
    'or inside "if" statement, or inside "limit_except" block'
)


class ProxyPass(NamedTuple):
    """Where a location passes to: with variables only `url` is known; `uri` is "" where none was given."""

    url: str
    scheme: str = "http"
    address: Address | None = None
    uri: str = ""

    @property
    def has_variables(self) -> bool:
        return self.address is None


class Redirect(NamedTuple):
    """One `proxy_redirect`: `kind` is off, default, text or regex; what to replace, and by what."""

    kind: str
    pattern: str = ""
    replacement: str = ""
    compiled: re.Pattern[bytes] | None = None


def place_proxy_pass(block: Block, url: str) -> ProxyPass:
    """As ngx_http_proxy_pass."""
    if "$" in url:
        uses_variables(block, url)
        if url.lower().startswith("https:"):
            announce_client(block)
        return ProxyPass(url)
    scheme = next((name for name in ("http", "https") if url.lower().startswith(f"{name}://")), None)
    if scheme is None:
        raise BadValue("invalid URL prefix")
    rest = url[len(scheme) + 3 :]
    try:
        address = parse_address(rest, default_port=443 if scheme == "https" else 80, uri=True)
    except BadAddress as error:
        raise BadValue(f'{error} in upstream "{rest}"') from None
    use_host(block, address)
    if scheme == "https":
        announce_client(block)
    if address.uri and not _may_have_uri(block):
        raise BadValue(_NO_URI)
    return ProxyPass(url, scheme, address, address.uri)


def _may_have_uri(block: Block) -> bool:
    location = block.value
    if block.context is not Context.LOCATION or not isinstance(location, Location):
        return False
    return location.modifier not in ("@", "~", "~*")


def place_redirect(block: Block, args: tuple[str, ...]) -> Redirect:
    """As ngx_http_proxy_redirect."""
    earlier: tuple[Redirect, ...] = block.values.get("proxy_redirect", ())
    if any(other.kind == "off" for other in earlier):
        raise Complaint("is duplicate")
    if len(args) == 1:
        return _plain_redirect(block, args[0], bool(earlier))
    pattern, replacement = args
    uses_variables(block, replacement)
    if pattern.startswith("~"):
        caseless = pattern.startswith("~*")
        compiled = _captured(block, pattern[2:] if caseless else pattern[1:], caseless)
        return Redirect("regex", pattern, replacement, compiled)
    uses_variables(block, pattern)
    return Redirect("text", pattern, replacement)


def _plain_redirect(block: Block, word: str, is_second: bool) -> Redirect:
    if word == "off":
        if is_second:
            raise Complaint("is duplicate")
        return Redirect("off")
    if word != "default":
        raise BadValue(f'invalid parameter "{word}"')
    to: ProxyPass | None = block.values.get("proxy_pass")
    if to is None:
        raise BadValue('"proxy_redirect default" should be placed after the "proxy_pass" directive')
    if to.has_variables:
        raise BadValue('"proxy_redirect default" cannot be used with "proxy_pass" directive with variables')
    return Redirect("default")


def place_bind(block: Block, args: tuple[str, ...]) -> tuple[str, ...]:
    """As ngx_http_upstream_bind_set_slot."""
    uses_variables(block, args[0])
    if args == ("off",):
        return args
    if "$" not in args[0] and parse_local(args[0]) is None:
        raise BadValue(f'invalid address "{args[0]}"')
    if len(args) > 1 and args[1] != "transparent":
        raise BadValue(f'invalid parameter "{args[1]}"')
    return args


class CookieRewrite(NamedTuple):
    """One `proxy_cookie_domain` or `proxy_cookie_path`: what to replace, and by what."""

    off: bool = False
    pattern: str = ""
    replacement: str = ""
    compiled: re.Pattern[bytes] | None = None


class CookieFlags(NamedTuple):
    """One `proxy_cookie_flags`: whose flags, and the words that set or clear them."""

    off: bool = False
    name: str = ""
    flags: tuple[str, ...] = ()
    compiled: re.Pattern[bytes] | None = None


def _may_follow(block: Block, name: str, word: str | None) -> bool:
    """Whether `word`, alone on its line, is an `off`; "is duplicate" where off is not alone in its block."""
    earlier = block.values.get(name, ())
    if any(other.off for other in earlier):
        raise Complaint("is duplicate")
    if word is None:
        return False
    if word != "off":
        raise BadValue(f'invalid parameter "{word}"')
    if earlier:
        raise Complaint("is duplicate")
    return True


def _captured(block: Block, pattern: str, caseless: bool) -> re.Pattern[bytes]:
    compiled = regex.compiled(pattern, caseless)
    define_captures(block, compiled)
    return compiled


def place_cookie_domain(block: Block, args: tuple[str, ...]) -> CookieRewrite:
    """As ngx_http_proxy_cookie_domain: a dot in front says nothing."""
    if _may_follow(block, "proxy_cookie_domain", args[0] if len(args) == 1 else None):
        return CookieRewrite(off=True)
    pattern, replacement = args
    if pattern.startswith("~"):
        compiled = _captured(block, pattern[1:], True)
    else:
        compiled = None
        pattern, replacement = (text.removeprefix(".") for text in args)
        uses_variables(block, pattern)
    uses_variables(block, replacement)
    return CookieRewrite(False, pattern, replacement, compiled)


def place_cookie_path(block: Block, args: tuple[str, ...]) -> CookieRewrite:
    """As ngx_http_proxy_cookie_path."""
    if _may_follow(block, "proxy_cookie_path", args[0] if len(args) == 1 else None):
        return CookieRewrite(off=True)
    pattern, replacement = args
    compiled = None
    if pattern.startswith("~"):
        caseless = pattern.startswith("~*")
        compiled = _captured(block, pattern[2:] if caseless else pattern[1:], caseless)
    else:
        uses_variables(block, pattern)
    uses_variables(block, replacement)
    return CookieRewrite(False, pattern, replacement, compiled)


def place_cookie_flags(block: Block, args: tuple[str, ...]) -> CookieFlags:
    """As ngx_http_proxy_cookie_flags."""
    if _may_follow(block, "proxy_cookie_flags", args[0] if len(args) == 1 else None):
        return CookieFlags(off=True)
    name, *flags = args
    compiled = None
    if name.startswith("~"):
        compiled = _captured(block, name[1:], True)
    else:
        uses_variables(block, name)
    uses_variables(block, tuple(flags))
    return CookieFlags(False, name, tuple(flags), compiled)
