"""charset: its name in Content-Type, and the octets of another one (ngx_http_charset_filter_module.c)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from emulator.nginx.bodyfilter import BodyFilter, attach
from emulator.nginx.conf import ENCODING
from emulator.nginx.contenttype import type_of, type_test
from emulator.nginx.directives import Context
from emulator.nginx.modules.charset import UTF8, Mapped, code_of, names_of
from emulator.nginx.outfields import value_of
from emulator.nginx.variables import compile_getter

if TYPE_CHECKING:
    from emulator.nginx.directives import Block
    from emulator.nginx.request import Request

MakeFilter = Callable[[], BodyFilter]
Getter = Callable[["Request"], "bytes | None"]
Tables = dict[tuple[str, str], tuple[MakeFilter, bool]]

_ASCII = bytes(range(128))
_REDIRECTS = frozenset((301, 302))
_HIGHEST_CODE = 0x10FFFF
# one character of UTF-8 as its decoder takes it, else what of one has come by the end
_CHARACTER = re.compile(
    rb"[\xc2-\xdf][\0-\xff]"
    rb"|[\xe0-\xef](?=[\0-\xff]{2})(?:[\0-\x7f]|[\x80-\xff][\0-\xff])"
    rb"|[\xf0-\xf7](?=[\0-\xff]{3})(?:[\0-\x7f]|[\x80-\xff](?:[\0-\x7f]|[\x80-\xff][\0-\xff]))"
    rb"|[\x80-\xc1\xf8-\xff]"
    rb"|([\xc2-\xf7][\0-\xff]{0,2}\Z)"
)


class Table:
    """Octet by octet; nothing is held back."""

    __slots__ = ("_table",)

    def __init__(self, table: bytes) -> None:
        self._table = table

    def feed(self, data: bytes) -> bytes:
        return data.translate(self._table)

    def flush(self) -> bytes:
        return b""

    end = flush


class ToUtf8:
    """Each octet becomes a character of UTF-8."""

    __slots__ = ("_characters", "_keeps_ascii")

    def __init__(self, characters: tuple[bytes, ...]) -> None:
        self._characters = characters
        self._keeps_ascii = b"".join(characters[:128]) == _ASCII

    def feed(self, data: bytes) -> bytes:
        if self._keeps_ascii and data.isascii():
            return data
        return b"".join(map(self._characters.__getitem__, data))

    def flush(self) -> bytes:
        return b""

    end = flush


class FromUtf8:
    """Each character becomes an octet, or its number where the charset has none for it."""

    __slots__ = ("_held", "_octets")

    def __init__(self, octets: dict[int, bytes]) -> None:
        self._octets = octets
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        data, self._held = self._held + data, b""
        return data if data.isascii() else _CHARACTER.sub(self._convert, data)

    def _convert(self, found: re.Match[bytes]) -> bytes:
        if found[1] is not None:
            self._held = found[1]
            return b""
        code = code_of(found[0])
        return self._octets.get(code) or (b"?" if code > _HIGHEST_CODE else b"&#%d;" % code)

    def flush(self) -> bytes:
        return b""

    end = flush


def compile_charset(block: Block, own: frozenset[str]) -> Callable[[Request], None]:
    """What names the charset of a location's answers, and converts those that have another one."""
    names, tables = names_of(block), _tables(block)
    target = _name(block.given("charset", "off"), own) if block.given("charset", "off") != "off" else None
    source = _name(block.given("source_charset"), own) if block.given("source_charset") else None
    fits, overrides = type_test(block.inherited("charset_types")), bool(block.inherited("override_charset"))

    def destination(r: Request) -> bytes | None:
        forced = _forced(r)
        if r.content_type is None:
            return None
        if forced:
            if forced.decode(*ENCODING).lower() in names:
                return forced
            r.log_error("error", f'unknown charset "{forced.decode(*ENCODING)}" to override')
            return None
        if target is None or (not overrides if type_of(r)[1] else not fits(r)):
            return None
        return _found(r, target)

    def convert(r: Request) -> None:
        wanted = destination(r)
        if wanted is None:
            return
        kind, given = type_of(r)
        if not given and source is None:
            _name_it(r, wanted)
            return
        has = given or (_found(r, source) if source is not None else None)
        if has is None:
            return
        one, other = has.decode(*ENCODING).lower(), wanted.decode(*ENCODING).lower()
        if one == other:
            if other in names:
                r.content_type = kind
            _name_it(r, wanted)
            return
        if one in names and other in names and value_of(r, b"content-encoding"):
            return
        found = tables.get((one, other))
        if found is None:
            _complain(r, has.decode(*ENCODING), wanted.decode(*ENCODING))
            return
        r.content_type = kind
        _name_it(r, wanted)
        make, changes_length = found
        attach(r, make())
        if changes_length:
            r.content_length = -1

    return convert


def _forced(r: Request) -> bytes | None:
    """What an upstream has said by X-Accel-Charset."""
    head = r.upstream.head if r.upstream is not None else None
    if head is None or b"x-accel-charset" not in head.index:
        return None
    proxy = r.location.proxy
    if proxy is not None and b"x-accel-charset" in proxy.ignored:
        return None
    return next(value for _, value, lower in reversed(head.headers) if lower == b"x-accel-charset")


def _name(text: str, own: frozenset[str]) -> Getter:
    if text.startswith("$"):
        return compile_getter(text[1:], own)
    constant = text.encode(*ENCODING)
    return lambda r: constant


def _found(r: Request, charset: Getter) -> bytes | None:
    """A charset; without a value the answer ends, as NGX_ERROR of a filter ends it."""
    value = charset(r)
    if value is None:
        r.connection.abort(r)
    return value


def _complain(r: Request, has: str, wanted: str) -> None:
    doing = " while sending response to client" if r.last_modified != -1 else ""
    r.log_error("error", f'no "charset_map" between the charsets "{has}" and "{wanted}"{doing}')


def _name_it(r: Request, charset: bytes) -> None:
    """As ngx_http_set_charset; a content type that names its own charset stays as it is."""
    if type_of(r)[0] != r.content_type:
        return
    r.charset = charset if charset and r.status not in _REDIRECTS else None


def _tables(block: Block) -> Tables:
    """Both directions of each charset_map: what makes a filter, and whether it changes the length."""
    http = next(each for each in block.around() if each.context is Context.HTTP)
    if "charset tables" not in http.values:
        tables: Tables = {}
        for each in http.blocks("charset_map"):
            one, other = (name.lower() for name in each.value)
            tables[one, other], tables[other, one] = _both_ways(other == UTF8, each.lines)
        http.values["charset tables"] = tables
    found: Tables = http.values["charset tables"]
    return found


def _both_ways(utf8: bool, lines: list[Mapped]) -> tuple[tuple[MakeFilter, bool], tuple[MakeFilter, bool]]:
    """As ngx_http_charset_map: ASCII stays, what has no line is a question mark."""
    there = [bytes((octet,)) if octet < 128 else b"?" for octet in range(256)]
    for line in lines:
        there[line.octet] = line.other
    if utf8:
        octets = {code_of(line.other): bytes((line.octet,)) for line in lines}
        characters = tuple(there)
        return (lambda: ToUtf8(characters), True), (lambda: FromUtf8(octets), True)
    back = bytearray(octet if octet < 128 else ord("?") for octet in range(256))
    for line in lines:
        back[line.other[0]] = line.octet
    forth = b"".join(there)
    return (lambda: Table(forth), False), (lambda: Table(bytes(back)), False)
