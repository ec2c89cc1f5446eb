"""ngx_http_charset_filter_module: the charset of answers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from emulator.nginx.conf import ConfError, Node
from emulator.nginx.directives import BadValue, Block, Context, Directive
from emulator.nginx.rows import HSL, LI, MAP, ONE, TWO, H, content_types, flag, row

MODULE = "ngx_http_charset_filter_module"

TYPES = (
    *("text/html", "text/xml", "text/plain", "text/vnd.wap.wml"),
    *("application/javascript", "application/rss+xml"),
)
UTF8 = "utf-8"
_HEX = re.compile(r"[0-9A-Fa-f]+\Z")
_LONGEST_CODE = 0xFFFF


class Names(dict[str, str]):
    """The charsets that a configuration names, by lower case, and the pairs that have a table."""

    def __init__(self) -> None:
        super().__init__()
        self.pairs: set[tuple[str, str]] = set()

    def add(self, name: str) -> str:
        """Note a name and give it as it was written first."""
        return self.setdefault(name.lower(), name)


class Mapped(NamedTuple):
    """One line of a table: an octet and what it is in the other charset."""

    octet: int
    other: bytes


def names_of(block: Block) -> Names:
    """The names of the http block around."""
    http = next(each for each in block.around() if each.context is Context.HTTP)
    if "charset names" not in http.values:
        http.values["charset names"] = Names()
        http.state.merges.append(lambda: _check_tables(http))
    names: Names = http.values["charset names"]
    return names


def place_charset(block: Block, arg: str) -> str:
    return arg if arg == "off" else place_source(block, arg)


def place_source(block: Block, arg: str) -> str:
    """As ngx_http_set_charset_slot: a name, or all of it a variable."""
    names = names_of(block)
    if not arg.startswith("$"):
        return names.add(arg)
    if arg == "$":
        raise BadValue('invalid variable name "$"')
    block.state.used[arg[1:]] = None
    return arg


def place_map(block: Block, args: tuple[str, str]) -> tuple[str, str]:
    """As ngx_http_charset_map_block."""
    names = names_of(block)
    one, other = (names.add(name).lower() for name in args)
    if one == other:
        raise BadValue(f'"charset_map" between the same charsets "{args[0]}" and "{args[1]}"')
    if (one, other) in names.pairs or (other, one) in names.pairs:
        raise BadValue(f'duplicate "charset_map" between "{args[0]}" and "{args[1]}"')
    if one == UTF8:
        raise BadValue('"charset_map" with "utf-8" charset should be given in the second column')
    names.pairs.add((one, other))
    return args


def read_line(block: Block, node: Node) -> Mapped:
    """As ngx_http_charset_map: both sides in hexadecimal, that of UTF-8 as several octets."""
    if len(node.args) != 1:
        raise BadValue("invalid parameters number")
    octet, text = _number(node.name), node.args[0]
    if octet is None or octet > 255:
        raise BadValue(f'invalid value "{node.name}"')
    if block.value[1].lower() != UTF8:
        other = _number(text)
        if other is None or other > 255:
            raise BadValue(f'invalid value "{text}"')
        return Mapped(octet, bytes((other,)))
    if len(text) % 2 or not _HEX.match(text) or code_of(bytes.fromhex(text)) > _LONGEST_CODE:
        raise BadValue(f'invalid value "{text}"')
    return Mapped(octet, bytes.fromhex(text))


def _number(text: str) -> int | None:
    return int(text, 16) if _HEX.match(text) else None


def code_of(octets: bytes) -> int:
    """The number of one character in UTF-8, as ngx_utf8_decode; beyond all numbers where it is none."""
    lead = octets[0]
    length, value = next(
        ((length, lead & mask) for start, length, mask in _LEADS if lead >= start), (0, lead)
    )
    if not length or lead > _LAST_LEAD or len(octets) < length:
        return _INVALID
    for octet in octets[1:length]:
        if octet < 0x80:
            return _INVALID
        value = value << 6 | octet & 0x3F
    return value if value > _SMALLEST[length] else _INVALID


_INVALID = 0xFFFFFFFF
_LAST_LEAD = 0xF7
_LEADS = ((0xF0, 4, 0x07), (0xE0, 3, 0x0F), (0xC2, 2, 0x1F))
_SMALLEST = {2: 0x7F, 3: 0x7FF, 4: 0xFFFF}


def _check_tables(http: Block) -> None:
    """As ngx_http_charset_postconfiguration: what is to be converted needs a table."""
    pairs = names_of(http).pairs
    for block in _inside(http):
        source, target = block.given("source_charset"), block.given("charset", "off")
        if source is None or target == "off" or source.startswith("$") or target.startswith("$"):
            continue
        one, other = source.lower(), target.lower()
        if one == other:
            continue
        if (one, other) not in pairs and (other, one) not in pairs:
            raise ConfError(f'no "charset_map" between the charsets "{source}" and "{target}"')


def _inside(block: Block) -> Iterator[Block]:
    for entry in block.entries:
        if entry.block is not None and entry.node.name in ("server", "location", "if", "limit_except"):
            yield entry.block
            yield from _inside(entry.block)


DIRECTIVES: tuple[Directive, ...] = (
    row("charset", HSL | LI, ONE, "The charset to send; off names none.", "off", check=place_charset),
    row("source_charset", HSL | LI, ONE, "The charset that answers have.", None, check=place_source),
    flag("override_charset", HSL | LI, "Also convert what a server has named.", False),
    content_types("charset_types", HSL, "Content types that have a charset.", TYPES),
    row(
        *("charset_map", H, TWO, "A table from one charset to another.", ()),
        block=MAP,
        check=place_map,
        line=read_line,
        repeat=True,
    ),
)
