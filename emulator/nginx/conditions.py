"""Conditional requests and ranges (ngx_http_not_modified_filter_module.c, ngx_http_range_filter_module.c)."""

from __future__ import annotations

import itertools
import os
import re
import time
from email.utils import mktime_tz, parsedate_tz
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emulator.nginx.request import Request

_boundary = itertools.count(int(time.time()) % 1_000_000 + os.getpid())
_DIGITS = re.compile(rb"0*([0-9]{1,19})\Z")
_VALIDATORS = frozenset((b"last-modified", b"etag"))
_MAX_OFFSET = 2**63 - 1
_HTTP_DATE = re.compile(
    rb"[A-Za-z]{3,9},? +(?:[0-9]{1,2}[ -][A-Za-z]{3}[ -][0-9]{2,4}|[A-Za-z]{3} +[0-9]{1,2})"
    rb" +[0-9:]{8}(?: +[0-9]{4})?"
)


def parse_date(value: bytes) -> int | None:
    """Seconds since the epoch of an HTTP date in any of its three forms; None if it is none."""
    if not _HTTP_DATE.match(value):
        return None
    parsed = parsedate_tz(value.decode("latin-1"))
    if parsed is None:
        return None
    try:
        return mktime_tz((*parsed[:9], parsed[9] or 0))
    except (ValueError, OverflowError):
        return None


NAMES = frozenset((b"if-unmodified-since", b"if-match", b"if-modified-since", b"if-none-match"))


def check(r: Request) -> int:
    """0 to go on, 304 or 412; in the order of the header fields' precedence in nginx."""
    index = r.index
    if (value := index.get(b"if-unmodified-since")) is not None and not _unmodified(r, value):
        return 412
    if (value := index.get(b"if-match")) is not None and not _etag_matches(r, value, weak=False):
        return 412
    since = index.get(b"if-modified-since")
    none_match = index.get(b"if-none-match")
    if since is None and none_match is None:
        return 0
    if since is not None and _modified(r, since):
        return 0
    if none_match is not None and not _etag_matches(r, none_match, weak=True):
        return 0
    return 304


def _unmodified(r: Request, value: bytes) -> bool:
    if r.last_modified == -1:
        return False
    since = parse_date(value)
    return since is not None and since >= r.last_modified


def _modified(r: Request, value: bytes) -> bool:
    if r.last_modified == -1:
        return True
    rule = r.location.if_modified_since
    if rule == "off":
        return True
    since = parse_date(value)
    if since == r.last_modified:
        return False
    return rule == "exact" or since is None or since < r.last_modified


def _etag_matches(r: Request, value: bytes, weak: bool) -> bool:
    if value == b"*":
        return True
    if r.etag is None:
        return False
    etag = r.etag
    if weak and etag.startswith(b"W/"):
        etag = etag[2:]
    for candidate in value.split(b","):
        candidate = candidate.strip(b" \t")
        if weak and candidate.startswith(b"W/"):
            candidate = candidate[2:]
        if candidate == etag:
            return True
    return False


def ranges(r: Request) -> bool:
    """Turn a 200 into 206 or 416 where the client asks for it; False when a 416 has been sent."""
    if r.version < 10 or r.status != 200 or r.content_length < 0 or r.location.max_ranges == 0:
        return True
    asked = r.index.get(b"range")
    if asked is not None and len(asked) >= 7 and asked[:6].lower() == b"bytes=" and _if_range_holds(r):
        found = parse_ranges(asked[6:], r.content_length, 1 if r.single_range else r.location.max_ranges)
        if found is None:
            r.headers_out = [field for field in r.headers_out if field[0].lower() not in _VALIDATORS]
            r.headers_out.append((b"Content-Range", b"bytes */%d" % r.content_length))
            r.transform = None
            r.finalize(416)
            return False
        if found:
            _partial(r, found)
            return True
    r.headers_out.append((b"Accept-Ranges", b"bytes"))
    return True


def _if_range_holds(r: Request) -> bool:
    value = r.index.get(b"if-range")
    if value is None:
        return True
    if len(value) >= 2 and value.endswith(b'"'):
        etag = next((text for name, text in r.headers_out if name.lower() == b"etag"), r.etag)
        return etag is not None and value == etag
    modified = r.last_modified
    if modified == -1:
        added = next((text for name, text in r.headers_out if name.lower() == b"last-modified"), b"")
        modified = -1 if (found := parse_date(added)) is None else found
    return modified != -1 and parse_date(value) == modified


def parse_ranges(text: bytes, size: int, most: int | None) -> list[tuple[int, int]] | None:
    """(start, end) pairs, ends exclusive; [] to answer with all, None for 416 (ngx_http_range_parse)."""
    found: list[tuple[int, int]] = []
    total = 0
    most = 2**31 if most is None else most
    for part in text.split(b","):
        one = _one_range(part.strip(b" "), size)
        if one is None:
            return None
        start, end = one
        if start < end:
            most -= 1
            if most < 0:
                return []
            found.append((start, end))
            total += end - start
        elif start == 0:
            return []
    if not found:
        return None
    return found if total <= size else []


def _offset(text: bytes) -> int | None:
    found = _DIGITS.match(text)
    number = int(found[1]) if found else _MAX_OFFSET + 1
    return number if number <= _MAX_OFFSET else None


def _one_range(part: bytes, size: int) -> tuple[int, int] | None:
    """One byte-range-spec; an unsatisfiable one gives start >= end, a malformed one None."""
    first, dash, last = part.partition(b"-")
    first, last = first.rstrip(b" "), last.lstrip(b" ")
    if not dash:
        return None
    if not first:
        suffix = _DIGITS.match(last)
        if suffix is None:
            return None
        length = int(suffix[1])
        return (max(0, size - length), size) if length else (size, size)
    start = _offset(first)
    if start is None:
        return None
    if not last:
        return start, size
    end = _offset(last)
    if end is None:
        return None
    return start, (size if end >= size else end + 1)


def _partial(r: Request, found: list[tuple[int, int]]) -> None:
    size = r.content_length
    r.status = 206
    r.status_line = None
    if len(found) == 1:
        start, end = found[0]
        r.headers_out.append((b"Content-Range", b"bytes %d-%d/%d" % (start, end - 1, size)))
        r.content_length = end - start
        r.ctx = {**(r.ctx or {}), "ranges": [(b"", start, end)], "tail": b""}
        return
    boundary = b"%020d" % next(_boundary)
    if r.charset is not None and r.content_type is not None:
        r.content_type, r.charset = b"%b; charset=%b" % (r.content_type, r.charset), None
    kind = b"Content-Type: %b\r\n" % r.content_type if r.content_type else b""
    parts = []
    length = 0
    for start, end in found:
        head = b"\r\n--%b\r\n%bContent-Range: bytes %d-%d/%d\r\n\r\n" % (boundary, kind, start, end - 1, size)
        parts.append((head, start, end))
        length += len(head) + end - start
    tail = b"\r\n--%b--\r\n" % boundary
    r.content_type = b"multipart/byteranges; boundary=" + boundary
    r.content_length = length + len(tail)
    r.ctx = {**(r.ctx or {}), "ranges": parts, "tail": tail}
