"""gzip: who gets an answer in fewer bytes, and those bytes (ngx_http_gzip_filter_module.c)."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from emulator.nginx.bodyfilter import Chain, attach
from emulator.nginx.conditions import parse_date
from emulator.nginx.contenttype import type_test
from emulator.nginx.headers import AddedName
from emulator.nginx.outfields import forget_ranges, value_of, weaken_etag

if TYPE_CHECKING:
    from emulator.nginx.directives import Block
    from emulator.nginx.modules.gzip import Disabled
    from emulator.nginx.request import Request

Accepts = Callable[["Request"], bool]

_STATUSES = frozenset((200, 403, 404))
_NAMED = re.compile(rb"(?:\A|(?<=[, ]))gzip", re.IGNORECASE)
_QUANTITY = re.compile(rb" *; *(?:\Z|q=(?:([01])(?:\Z|[, ]|\.([0-9]{0,3})(?:\Z|[, ]))))", re.IGNORECASE)
_ALONE = re.compile(rb" *(?:,|\Z)")
_MSIE6 = re.compile(rb"MSIE (?:[45]\..|6\..(?!.*SV1))", re.DOTALL)
_SMALLEST_WINDOW = 9
_BUFFER = 4096


class Gzip:
    """One body on its way through zlib; how much it was, and became, is known at its end."""

    __slots__ = ("_deflate", "_fed", "_given", "_ready", "read", "written")

    def __init__(self, level: int, window: int, memory: int) -> None:
        self._deflate = zlib.compressobj(level, zlib.DEFLATED, 16 + window, memory)
        self._ready = b""
        self._fed = self._given = self.read = self.written = 0

    def feed(self, data: bytes) -> bytes:
        self._fed += len(data)
        self._ready += self._deflate.compress(data)
        return b"" if len(self._ready) < _BUFFER else self._take()

    def flush(self) -> bytes:
        self._ready += self._deflate.flush(zlib.Z_SYNC_FLUSH)
        return self._take()

    def end(self) -> bytes:
        self._ready += self._deflate.flush()
        data = self._take()
        self.read, self.written = self._fed, self._given
        return data

    def _take(self) -> bytes:
        data, self._ready = self._ready, b""
        self._given += len(data)
        return data


def compile_gzip(block: Block) -> Callable[[Request], None]:
    """What makes the responses of a location shorter for those who take that."""
    shortest: int = block.inherited("gzip_min_length")
    level: int = block.inherited("gzip_comp_level")
    window = block.inherited("gzip_window").bit_length() - 1
    memory = block.inherited("gzip_hash").bit_length() - 9
    vary: bool = block.inherited("gzip_vary")
    fits, accepts = type_test(block.inherited("gzip_types")), compile_accepts(block)

    def compress(r: Request) -> None:
        length = r.content_length
        if r.status not in _STATUSES or -1 < length < shortest or not fits(r):
            return
        if _encoded(r):
            return
        r.gzip_vary = vary
        if not accepts(r):
            return
        attach(r, Gzip(level, *_sizes(window, memory, length)))
        r.headers_out.append((b"Content-Encoding", b"gzip"))
        r.content_length = -1
        forget_ranges(r)
        weaken_etag(r)

    return compress


def _encoded(r: Request) -> bool:
    """Whether an upstream or gzip_static has said so; what add_header says is not looked at."""
    return any(
        value and name.lower() == b"content-encoding" and not isinstance(name, AddedName)
        for name, value in r.headers_out
    )


def _sizes(window: int, memory: int, length: int) -> tuple[int, int]:
    """A small answer needs less of zlib (ngx_http_gzip_filter_memory)."""
    if length > 0:
        while length < (1 << (window - 1)) - 262:
            window -= 1
            memory -= 1
    return max(window, _SMALLEST_WINDOW), max(memory, 1)


def compile_accepts(block: Block) -> Accepts:
    """Whether a client takes gzip and may have it, as ngx_http_gzip_ok."""
    oldest = 11 if block.inherited("gzip_http_version") == "1.1" else 10
    disabled: Disabled = block.inherited("gzip_disable")
    through_proxy = _through_proxy(block.inherited("gzip_proxied"))

    def accepts(r: Request) -> bool:
        index = r.index
        said = index.get(b"accept-encoding")
        if said is None or not takes_gzip(said):
            return False
        agent = index.get(b"user-agent")
        if r.version < oldest or (agent and disabled.msie6 and is_msie6(agent)):
            return False
        if b"via" in index and not through_proxy(r):
            return False
        return not (agent and any(pattern.search(agent) for pattern in disabled.patterns))

    return accepts


def takes_gzip(said: bytes) -> bool:
    """As ngx_http_gzip_accept_encoding: the first `gzip` counts, and only a quantity that is well-formed."""
    if len(said) < len("gzip"):
        return False
    if said.startswith(b"gzip,"):
        return True
    found = _NAMED.search(said)
    if found is None:
        return False
    if _ALONE.match(said, found.end()):
        return True
    quantity = _QUANTITY.match(said, found.end())
    if quantity is None:
        return False
    whole, part = quantity.groups()
    if whole is None:
        return True
    total = int(whole) * 100 + sum(map(int, (part or b"").decode()))
    return 0 < total <= 100


def is_msie6(agent: bytes) -> bool:
    """Internet Explorer 4 to 6, which cannot be trusted with gzip unless it has its last service pack."""
    return b"Opera" not in agent and _MSIE6.search(agent) is not None


def _through_proxy(words: frozenset[str]) -> Accepts:
    """Whether an answer may be compressed for a client behind a proxy, which has said so by Via."""
    if "off" in words:
        return lambda r: False
    if "any" in words:
        return lambda r: True
    wanted = tuple(_among(word.encode()) for word in ("no-cache", "no-store", "private") if word in words)

    def allows(r: Request) -> bool:
        if "auth" in words and b"authorization" in r.index:
            return True
        expires = value_of(r, b"expires")
        if expires is not None:
            return "expired" in words and _expired(r, expires)
        control = [value for name, value in r.headers_out if name.lower() == b"cache-control"]
        if control:
            return any(word.search(value) for value in control for word in wanted)
        if "no_last_modified" in words and (r.last_modified >= 0 or value_of(r, b"last-modified")):
            return False
        return not ("no_etag" in words and (r.etag is not None or value_of(r, b"etag")))

    return allows


def _expired(r: Request, expires: bytes) -> bool:
    at, date = parse_date(expires), value_of(r, b"date")
    now = r.worker.time() if date is None else parse_date(date)
    return at is not None and now is not None and at < now


def _among(word: bytes) -> re.Pattern[bytes]:
    """One word among others, as ngx_http_parse_multi_header_lines finds it."""
    return re.compile(rb"(?:\A|, *)%b *(?:,|\Z)" % word, re.IGNORECASE)


def ratio(r: Request) -> bytes | None:
    """$gzip_ratio, rounded to hundredths."""
    found = r.transform
    while isinstance(found, Chain):
        found = found.then
    if not isinstance(found, Gzip) or not found.written:
        return None
    thousandths = found.read * 1000 // found.written
    hundredths = thousandths // 10 + (thousandths % 10 > 4)
    return b"%d.%02d" % divmod(hundredths, 100)
