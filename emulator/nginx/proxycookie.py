"""Set-Cookie on its way through: domain, path and flags (ngx_http_proxy_rewrite_cookie)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from emulator.nginx.proxy import Redirect
from emulator.nginx.proxyredirect import by_pattern, by_prefix
from emulator.nginx.request import Request
from emulator.nginx.variables import Template, compile_template

if TYPE_CHECKING:
    from emulator.nginx.proxyvalues import CookieFlags, CookieRewrite

Attribute = tuple[bytes, bytes | None]
FlagsOf = Callable[[Request], "list[bytes]"]

# what is written for a flag that is set
_SET: dict[bytes, tuple[bytes, Attribute]] = {
    b"secure": (b"secure", (b"Secure", None)),
    b"httponly": (b"httponly", (b"HttpOnly", None)),
    b"samesite=strict": (b"samesite", (b"SameSite", b"Strict")),
    b"samesite=lax": (b"samesite", (b"SameSite", b"Lax")),
    b"samesite=none": (b"samesite", (b"SameSite", b"None")),
}
_CLEAR = {b"nosecure": b"secure", b"nohttponly": b"httponly", b"nosamesite": b"samesite"}
# where words contradict each other, the first of these counts
_ORDER = (*_SET, *_CLEAR)
_KINDS = (b"secure", b"httponly", b"samesite")


def compile_cookies(
    domains: Sequence[CookieRewrite],
    paths: Sequence[CookieRewrite],
    flags: Sequence[CookieFlags],
    own: frozenset[str],
) -> Redirect | None:
    """What turns one Set-Cookie into the client's, or gives None where it stays as it is."""
    of_domain = _rules(domains, own, _by_domain)
    of_path = _rules(paths, own, by_prefix)
    of_name = () if any(each.off for each in flags) else tuple(_flag_rule(each, own) for each in flags)
    if not (of_domain or of_path or of_name):
        return None
    values = {b"domain": of_domain, b"path": of_path}

    def rewrite(r: Request, value: bytes) -> bytes | None:
        cookie, *attributes = parse(value)
        if cookie[1] is None:
            return None
        touched = False
        for place, (name, text) in enumerate(attributes):
            rules = values.get(name.lower()) if text is not None else None
            changed = _first(rules, r, text) if rules and text is not None else None
            if changed is not None:
                attributes[place] = (name, changed)
                touched = True
        for applies, wanted in of_name:
            if applies(r, cookie[0]):
                attributes = edited(attributes, [word.lower() for word in wanted(r)])
                touched = True
                break
        return written((cookie, *attributes)) if touched else None

    return rewrite


def parse(value: bytes) -> list[Attribute]:
    """The parts of a Set-Cookie, the cookie itself first; a part without "=" has no value."""
    return [_attribute(part) for part in value.split(b";")]


def _attribute(part: bytes) -> Attribute:
    name, equals, text = part.partition(b"=")
    return name.strip(b" "), text.strip(b" ") if equals else None


def written(attributes: Sequence[Attribute]) -> bytes:
    """A Set-Cookie of these parts."""
    return b"; ".join(map(_text, attributes))


def _text(attribute: Attribute) -> bytes:
    name, text = attribute
    return name if text is None else b"%b=%b" % (name, text)


def _rules(
    rewrites: Sequence[CookieRewrite], own: frozenset[str], plain: Callable[[Template, Template], Redirect]
) -> tuple[Redirect, ...]:
    if any(each.off for each in rewrites):
        return ()
    return tuple(_rule(each, own, plain) for each in rewrites)


def _rule(
    rewrite: CookieRewrite, own: frozenset[str], plain: Callable[[Template, Template], Redirect]
) -> Redirect:
    replacement = compile_template(rewrite.replacement, own)
    if rewrite.compiled is not None:
        return by_pattern(rewrite.compiled, replacement)
    return plain(compile_template(rewrite.pattern, own), replacement)


def _by_domain(source: Template, replacement: Template) -> Redirect:
    """A whole domain, whatever its case; a dot before it stays."""

    def rewrite(r: Request, value: bytes) -> bytes | None:
        dot = value[:1] if value[:1] == b"." else b""
        if source(r).lower() != value[len(dot) :].lower():
            return None
        return dot + replacement(r)

    return rewrite


def _first(rules: Sequence[Redirect], r: Request, value: bytes) -> bytes | None:
    for rule in rules:
        changed = rule(r, value)
        if changed is not None:
            return changed
    return None


def _flag_rule(flags: CookieFlags, own: frozenset[str]) -> tuple[Callable[[Request, bytes], bool], FlagsOf]:
    templates = [compile_template(word, own) for word in flags.flags]
    pattern, name = flags.compiled, compile_template(flags.name, own)

    def wanted(r: Request) -> list[bytes]:
        return [template(r) for template in templates]

    def applies(r: Request, cookie: bytes) -> bool:
        if pattern is None:
            return name(r).lower() == cookie.lower()
        match = pattern.search(cookie)
        if match is not None:
            r.take_captures(match)
        return match is not None

    return applies, wanted


def edited(attributes: Sequence[Attribute], words: Sequence[bytes]) -> list[Attribute]:
    """The attributes with flags set, changed or dropped; those that are new come last."""
    asked = [word for word in _ORDER if word in words]
    added: dict[bytes, Attribute] = {}
    for word in asked:
        if word in _SET:
            added.setdefault(*_SET[word])
    cleared = {_CLEAR[word] for word in asked if word in _CLEAR}
    out: list[Attribute] = []
    for attribute in attributes:
        kind = attribute[0].lower()
        if kind in added:
            new = added.pop(kind)
            out.append(new if kind == b"samesite" and not _same(attribute, new) else attribute)
        elif kind not in cleared:
            out.append(attribute)
    return out + [added[kind] for kind in _KINDS if kind in added]


def _same(one: Attribute, other: Attribute) -> bool:
    return (one[1] or b"").lower() == (other[1] or b"").lower()
