"""ngx_http_upstream_sticky_module: the same client to the same server."""

from __future__ import annotations

from typing import NamedTuple

from emulator.nginx.directives import BadValue, Block, Complaint, Directive
from emulator.nginx.rows import U, row, uses_variables
from emulator.nginx.values import milliseconds as as_milliseconds
from emulator.nginx.values import seconds as as_seconds
from emulator.nginx.values import size as as_size
from emulator.nginx.zones import SMALLEST, Zone, declare

MODULE = "ngx_http_upstream_sticky_module"

NEVER_EXPIRES = 2145916555
_SAME_SITES = ("strict", "lax", "none")
_TEN_MINUTES = 600000


class Cookie(NamedTuple):
    """`sticky cookie`: what is set, apart from the value; `expires` in seconds."""

    name: str
    domain: str = ""
    path: str = ""
    expires: int | None = None
    httponly: bool = False
    secure: bool = False
    samesite: str = ""


class Learn(NamedTuple):
    """`sticky learn`: where sessions are kept, for how many milliseconds, and when they are noted."""

    create: tuple[str, ...]
    zone: Zone
    timeout: int
    header: bool


class Sticky(NamedTuple):
    """A group's `sticky`: the variables that may name a server or a session, and how they come to be."""

    lookup: tuple[str, ...]
    cookie: Cookie | None = None
    learn: Learn | None = None


def place_sticky(block: Block, args: tuple[str, ...]) -> Sticky:
    """As ngx_http_upstream_sticky."""
    place = {"cookie": _cookie, "route": _route, "learn": _learn}.get(args[0])
    if place is None:
        raise BadValue(f'unknown parameter "{args[0]}"')
    found = place(block, args[1:])
    block.values["sticky in use"] = found
    return found


def is_same_site(value: str) -> bool:
    return value.lower() in _SAME_SITES


def _cookie(block: Block, args: tuple[str, ...]) -> Sticky:
    if not args[0]:
        raise Complaint("empty cookie name")
    fields: dict[str, str | int | bool] = {}
    for option in args[1:]:
        name, equals, text = option.partition("=")
        known = name in (("domain", "path", "expires", "samesite") if equals else ("httponly", "secure"))
        if not known:
            raise BadValue(f'unknown parameter "{option}"')
        if name in fields:
            raise Complaint(f'parameter "{name}" is duplicate')
        fields[name] = _cookie_value(block, name, text)
    block.state.used[f"cookie_{args[0]}"] = None
    return Sticky((f"cookie_{args[0]}",), Cookie(args[0], **fields))  # type: ignore[arg-type]


def _cookie_value(block: Block, name: str, text: str) -> str | int | bool:
    if name in ("httponly", "secure"):
        return True
    if name == "expires":
        found = NEVER_EXPIRES if text == "max" else as_seconds(text)
        if found is None:
            raise Complaint('invalid "expires" parameter value')
        return found
    if not text and name != "samesite":
        raise Complaint(f'no value for "{name}"')
    if name != "path":
        uses_variables(block, text)
    if name == "samesite" and "$" not in text and not is_same_site(text):
        raise Complaint('invalid "samesite" parameter value')
    return text


def _variable(block: Block, text: str) -> str:
    block.state.used[text.lower()] = None
    return text


def _route(block: Block, args: tuple[str, ...]) -> Sticky:
    names = []
    for arg in args:
        if not arg.startswith("$") or arg == "$":
            raise BadValue(f'invalid variable name "{arg}"')
        names.append(_variable(block, arg[1:]))
    return Sticky(tuple(names))


def _learn(block: Block, args: tuple[str, ...]) -> Sticky:
    create: list[str] = []
    lookup: list[str] = []
    zone: tuple[str, int] | None = None
    timeout: int | None = None
    header = False
    for option in args:
        name, equals, text = option.partition("=")
        if option == "header":
            header = True
        elif equals and name == "zone":
            if zone is not None:
                raise Complaint("duplicate zone")
            zone = _zone(text)
        elif equals and name == "timeout":
            if timeout is not None:
                raise Complaint("duplicate timeout")
            timeout = as_milliseconds(text)
            if not timeout:
                raise Complaint("invalid timeout")
        elif equals and name in ("create", "lookup"):
            if not text.startswith("$"):
                raise Complaint(f'missing variable in the "{name}" parameter')
            (create if name == "create" else lookup).append(_variable(block, text[1:]))
        else:
            raise BadValue(f'unknown parameter "{option}"')
    for name, value in (("lookup", lookup), ("create", create), ("zone", zone)):
        if not value:
            raise Complaint(f'"{name}" parameter is not specified')
    assert zone is not None
    return Sticky(
        tuple(lookup), learn=Learn(tuple(create), _own_zone(block, *zone), timeout or _TEN_MINUTES, header)
    )


def _zone(text: str) -> tuple[str, int]:
    name, colon, size_text = text.partition(":")
    if not colon:
        raise Complaint("zone size is not specified")
    if not name:
        raise Complaint("zone name is not specified")
    size = as_size(size_text)
    if size is None:
        raise Complaint("invalid zone size")
    if size < SMALLEST:
        raise Complaint("zone is too small")
    return name, size


def _own_zone(block: Block, name: str, size: int) -> Zone:
    """A zone of sessions belongs to one group."""
    zone = declare(block, name, size, "sticky")
    if zone.key is not None:
        raise BadValue(f'sticky zone "{name}" is already used in upstream "{zone.key}"')
    zone.key = str(block.value)
    return zone


DIRECTIVES: tuple[Directive, ...] = (
    row(
        *("sticky", U, None, "Send a client to the same server again."),
        at_least=2,
        check=place_sticky,
    ),
)
