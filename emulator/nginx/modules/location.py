"""ngx_http_core_module's locations: what they match, and what one may hold."""

from __future__ import annotations

import re
from typing import NamedTuple

from emulator.nginx import regex
from emulator.nginx.conf import ENCODING, ConfError
from emulator.nginx.directives import BadValue, Block, Context, Directive
from emulator.nginx.modules.listen import define_captures
from emulator.nginx.rows import HSL, LI, NONE, ONE, ONE_TWO, L, S, X, row, uses_variables
from emulator.nginx.values import number

MODULE = "ngx_http_core_module"

_MODIFIERS = ("=", "^~", "~", "~*")


class Location(NamedTuple):
    """What a location matches: `modifier` is "", "=", "^~", "~", "~*", or "@" for a named one.

    `name` is without the modifier, but a named location keeps its "@".
    """

    modifier: str
    name: str
    pattern: re.Pattern[bytes] | None = None


class ErrorPage(NamedTuple):
    """`overwrite` is the status to answer with: None keeps the error's own, 0 takes that of the page."""

    codes: tuple[int, ...]
    overwrite: int | None
    uri: str


class TryFiles(NamedTuple):
    """Files to look for in order, then the last resort: a URI, a named location, or a status."""

    files: tuple[str, ...]
    uri: str
    code: int = 0


def as_location(args: tuple[str, ...]) -> Location:
    """As ngx_http_core_location: a modifier may also be glued to its name."""
    if len(args) == 2:
        modifier, name = args
        if modifier not in _MODIFIERS:
            raise BadValue(f'invalid location modifier "{modifier}"')
    else:
        name = args[0]
        modifier = next((mark for mark in ("=", "^~", "~*", "~") if name.startswith(mark)), "")
        name = name[len(modifier) :]
        if not modifier and name.startswith("@"):
            modifier = "@"
    pattern = regex.compiled(name, modifier == "~*") if modifier in ("~", "~*") else None
    return Location(modifier, name, pattern)


def place_location(block: Block, location: Location) -> Location:
    """What may be nested in what."""
    if location.pattern is not None:
        define_captures(block, location.pattern)
    if block.context is not Context.LOCATION:
        return location
    outer: Location = block.value
    name = location.name
    if outer.modifier == "=":
        raise BadValue(f'location "{name}" cannot be inside the exact location "{outer.name}"')
    if outer.modifier == "@":
        raise BadValue(f'location "{name}" cannot be inside the named location "{outer.name}"')
    if location.modifier == "@":
        raise BadValue(f'named location "{name}" can be on the server level only')
    if location.pattern is None and not name.startswith(outer.name):
        raise BadValue(f'location "{name}" is outside location "{outer.name}"')
    return location


def refuse_duplicates(outer: Block) -> None:
    """As ngx_http_join_exact_locations: the names in their order, inner ones first; the second is named."""
    found: list[tuple[str, bool, Block]] = []
    patterns: list[Block] = []
    for block in outer.blocks("location"):
        location: Location = block.value
        if location.modifier in ("", "=", "^~"):
            found.append((location.name, location.modifier == "=", block))
        else:
            patterns.append(block)
    found.sort(key=lambda each: each[0].encode(*ENCODING))
    for block in (*patterns, *(block for _, _, block in found)):
        refuse_duplicates(block)
    seen: set[tuple[str, bool]] = set()
    for name, exact, block in found:
        if (name, exact) in seen:
            where = f"{block.node.file}:{block.node.line}"
            raise ConfError(f'duplicate location "{name}" in {where}')
        seen.add((name, exact))


_METHODS = (
    *("GET", "HEAD", "POST", "PUT", "DELETE", "MKCOL", "COPY", "MOVE"),
    *("OPTIONS", "PROPFIND", "PROPPATCH", "LOCK", "UNLOCK", "PATCH"),
)


def as_methods(args: tuple[str, ...]) -> frozenset[str]:
    """As ngx_http_core_limit_except: GET allows HEAD as well."""
    for arg in args:
        if arg.upper() not in _METHODS:
            raise BadValue(f'invalid method "{arg}"')
    allowed = frozenset(arg.upper() for arg in args)
    return allowed | {"HEAD"} if "GET" in allowed else allowed


def place_root(block: Block, value: str) -> str:
    """As ngx_http_core_root, for both `root` and `alias`."""
    name = block.state.at.name
    other = "alias" if name == "root" else "root"
    if other in block.values:
        raise BadValue(f'"{name}" directive is duplicate, "{other}" directive was specified earlier')
    location = block.value
    if name == "alias" and isinstance(location, Location) and location.modifier == "@":
        raise BadValue('the "alias" directive cannot be used inside the named location')
    if "${document_root}" in value or "$document_root" in value:
        raise BadValue(f'the $document_root variable cannot be used in the "{name}" directive')
    if "${realpath_root}" in value or "$realpath_root" in value:
        raise BadValue(f'the $realpath_root variable cannot be used in the "{name}" directive')
    uses_variables(block, value)
    return value


def as_error_page(args: tuple[str, ...]) -> ErrorPage:
    """As ngx_http_core_error_page."""
    codes, uri, overwrite = args[:-1], args[-1], None
    if codes[-1].startswith("="):
        answer = codes[-1]
        overwrite = number(answer[1:]) if len(answer) > 1 else 0
        if len(codes) == 1 or overwrite is None:
            raise BadValue(f'invalid value "{answer}"')
        codes = codes[:-1]
    return ErrorPage(tuple(_error_code(code) for code in codes), overwrite, uri)


def _error_code(text: str) -> int:
    code = number(text)
    if code is None or code == 499:
        raise BadValue(f'invalid value "{text}"')
    if not 300 <= code <= 599:
        raise BadValue(f'value "{text}" must be between 300 and 599')
    return code


def place_error_page(block: Block, page: ErrorPage) -> ErrorPage:
    uses_variables(block, page.uri)
    return page


def as_try_files(args: tuple[str, ...]) -> TryFiles:
    """As ngx_http_try_files: `=code` counts only in the last place."""
    files, last = args[:-1], args[-1]
    if not last.startswith("="):
        return TryFiles(files, last)
    code = number(last[1:])
    if code is None or code > 999:
        raise BadValue(f'invalid code "{last}"')
    return TryFiles(files, last, code)


def place_try_files(block: Block, value: TryFiles) -> TryFiles:
    uses_variables(block, (*value.files, value.uri))
    return value


DIRECTIVES: tuple[Directive, ...] = (
    row(
        *("location", S | L, ONE_TWO, "What is served for the URIs that match."),
        block=Context.LOCATION,
        parse=as_location,
        check=place_location,
        repeat=True,
    ),
    row(
        *("limit_except", L, None, "Access rules for all methods but those named."),
        block=X,
        parse=as_methods,
    ),
    row("root", HSL | LI, ONE, "The folder to which the whole URI is appended.", "html", check=place_root),
    row("alias", L, ONE, "The folder that replaces the location's part of the URI.", check=place_root),
    row("internal", L, NONE, "Only for requests that nginx itself makes.", False),
    row(
        *("error_page", HSL | LI, None, "What is answered instead of nginx's own page for a status.", ()),
        at_least=2,
        parse=as_error_page,
        check=place_error_page,
        repeat=True,
    ),
    row(
        *("try_files", S | L, None, "The first of these files that exists is served, else the last resort."),
        at_least=2,
        parse=as_try_files,
        check=place_try_files,
    ),
)
