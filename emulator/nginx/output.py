"""The way out: header filters in nginx's order, the head's bytes, and the framing of the body.

Order of the header filters, the last to run first, as nginx has them compiled in: not_modified, those of the
location (filters.py), range, chunked, then the head itself (ngx_http_header_filter_module.c).
"""

from __future__ import annotations

import errno
import os
import time
from email.utils import formatdate
from functools import lru_cache
from typing import TYPE_CHECKING

from emulator.http1 import body as framing
from emulator.http1.lines import join
from emulator.nginx import conditions, respond
from emulator.nginx.outfields import drop

if TYPE_CHECKING:
    from emulator.nginx.request import Request

Field = tuple[bytes, bytes]

_MOST_LINES = 64  # of one second
_MOST_HEADS = 512
_LAST_SECOND = 253402300799  # of the year 9999
_NO_BODY = frozenset((204, 304))


class HeadPrefix:
    """Status line, Server and Date of the current second, kept ready for each status."""

    __slots__ = ("_date", "_lines", "_until")

    def __init__(self) -> None:
        self._date = b""
        self._until = 0.0
        self._lines: dict[int | bytes, bytes] = {}

    @property
    def date(self) -> bytes:
        now = time.time()
        if now >= self._until or now < self._until - 1:
            second = int(now)
            self._until = second + 1
            self._date = http_date(second)
            self._lines.clear()
        return self._date

    def of(self, status: int, line: bytes | None) -> bytes:
        """`HTTP/1.1 200 OK`, Server with its version, and Date; `line` is what an upstream has said."""
        date = self.date
        key = status if line is None else line
        start = self._lines.get(key)
        if start is None:
            if len(self._lines) >= _MOST_LINES:
                self._lines.clear()
            text = line or respond.STATUS_TEXTS.get(status) or b"%03d " % status
            start = b"HTTP/1.1 %b\r\nServer: %b\r\nDate: %b\r\n" % (text, respond.SERVER, date)
            self._lines[key] = start
        return start


@lru_cache(512)
def http_date(seconds: int) -> bytes:
    """A time as HTTP writes it; what no calendar has is its last day."""
    seconds = min(max(seconds, 0), _LAST_SECOND)
    return formatdate(seconds, usegmt=True).encode("ascii")


def send_header(r: Request) -> bool:
    """Filter and queue the head; False when a filter has finished the response with an error of its own."""
    if r.version == 9:
        r.header_sent = True
        return True
    if r.err_status:
        r.status = respond.ON_THE_WIRE.get(r.err_status, r.err_status)
        r.status_line = None
    if r.subrequest:
        r.header_sent = True
        return True
    if r.method == b"HEAD":
        r.header_only = True
    if r.status == 200 and not r.disable_not_modified and not conditions.NAMES.isdisjoint(r.index):
        rejected = conditions.check(r)
        if rejected:
            r.status_line = None
            if rejected == 412:
                r.clear_response()
                r.close_after = True
                r.finalize(412)
                return False
            r.content_type = None
            r.content_length = -1
            r.status = 304
            r.allow_ranges = False
            if r.headers_out:
                drop(r, b"content-encoding")
    location = r.location
    if location.filter_head is not None:
        location.filter_head(r)
    if r.allow_ranges and not conditions.ranges(r):
        return False
    _frame(r)
    r.header_sent = True
    head = _head(r)
    r.header_size = len(head)
    r.connection.queue(head)
    return True


def _frame(r: Request) -> None:
    if r.status in _NO_BODY or 100 <= r.status < 200:
        r.header_only = True
        if r.status == 204 and r.status_line is None:
            r.content_length = -1
        return
    if (r.content_length < 0 or r.trailers_out is not None) and r.method != b"HEAD":
        if r.version >= 11 and r.location.chunked_transfer_encoding:
            r.content_length = -1
            r.chunked = True
        elif r.content_length < 0:
            r.keepalive = False


def _head(r: Request) -> bytes:
    worker = r.worker
    location = r.location
    absent = r.ctx.get("first_lines") if r.ctx else None
    if location.server_tokens and absent is None:
        start, parts = worker.prefix.of(r.status, r.status_line), []
    else:
        start, parts = b"", _first_lines(r, absent or frozenset())
    if r.charset is not None and r.content_type is not None:
        r.content_type = b"%b; charset=%b" % (r.content_type, r.charset)
    if r.ctx is not None or r.location_out is not None or parts:
        return join(start, _fields(r, parts))
    # most answers have the head of an earlier one: a tuple is hashed in a fifth of the time of writing it
    key = (
        *(location, r.status, r.status_line, r.content_type, r.content_length, r.last_modified),
        *(r.etag, r.keepalive, r.chunked, r.gzip_vary, *r.headers_out),
    )
    known = worker.heads.get(key)
    if known is None:
        if len(worker.heads) >= _MOST_HEADS:
            worker.heads.clear()
        known = worker.heads[key] = join(b"", _fields(r, parts))
    return start + known


def _fields(r: Request, parts: list[bytes]) -> list[bytes]:
    """The lines after Date, in nginx's order, and the empty one; `parts` are those that stand before them."""
    location = r.location
    if r.content_type is not None and (r.status != 204 or r.status_line is not None):
        parts.append(b"Content-Type: %b\r\n" % r.content_type)
    if r.content_length >= 0:
        parts.append(b"Content-Length: %d\r\n" % r.content_length)
    if r.last_modified >= 0 and r.status in (200, 206, 304):
        parts.append(b"Last-Modified: %b\r\n" % http_date(r.last_modified))
    target = r.location_out
    if target is not None and target[:1] == b"/" and location.absolute_redirect:
        r.location_out = _absolute(r, target)  # logs show it so
        parts.append(b"Location: %b\r\n" % r.location_out)
        target = None
    if r.chunked:
        parts.append(b"Transfer-Encoding: chunked\r\n")
    if r.status == 101:
        parts.append(b"Connection: upgrade\r\n")
    elif r.keepalive:
        parts.append(b"Connection: keep-alive\r\n")
        if location.keepalive_header:
            parts.append(location.keepalive_header)
    else:
        parts.append(b"Connection: close\r\n")
    if r.gzip_vary:
        parts.append(b"Vary: Accept-Encoding\r\n")
    fields = r.headers_out
    if r.etag is not None:
        if fields and r.ctx is not None and "before_etag" in r.ctx:
            fields = _before_etag(fields, r.ctx["before_etag"], parts)
        parts.append(b"ETag: %b\r\n" % r.etag)
    if target is not None:
        parts.append(b"Location: %b\r\n" % target)
    for name, value in fields:
        parts.append(b"%b: %b\r\n" % (name, value))
    parts.append(b"\r\n")
    return parts


def _before_etag(fields: list[Field], before: tuple[Field, ...], parts: list[bytes]) -> list[Field]:
    """Write the fields that were there when the file was found; the others follow its ETag."""
    rest = []
    for field in fields:
        if any(field is each for each in before):
            parts.append(b"%b: %b\r\n" % field)
        else:
            rest.append(field)
    return rest


def _first_lines(r: Request, absent: frozenset[bytes]) -> list[bytes]:
    """Status line, Server and Date; `absent` names those that only an upstream may say."""
    text = r.status_line
    if text is None:
        text = respond.STATUS_TEXTS.get(r.status) or b"%03d " % r.status
    lines = [b"HTTP/1.1 %b\r\n" % text]
    if b"server" not in absent:
        lines.append(b"Server: %b\r\n" % (respond.SERVER if r.location.server_tokens else b"nginx"))
    if b"date" not in absent:
        lines.append(b"Date: %b\r\n" % r.worker.prefix.date)
    return lines


def _absolute(r: Request, target: bytes) -> bytes:
    """A redirect to a path with this server's name and port in front."""
    location = r.location
    host = r.host or r.connection.local_address
    if location.server_name_in_redirect:
        host = r.server.name
    scheme = b"https" if r.connection.tls else b"http"
    port = r.connection.listener.port
    default = 443 if r.connection.tls else 80
    if location.port_in_redirect and port and port != default:
        return b"%b://%b:%d%b" % (scheme, host, port, target)
    return b"%b://%b%b" % (scheme, host, target)


def send_body(r: Request, data: bytes) -> None:
    """Queue one piece of the body, filtered and framed."""
    if r.header_only:
        return
    if r.transform is not None:
        data = r.transform.feed(data)
    if data:
        r.connection.queue(framing.chunk(data) if r.chunked else data)


def flush_body(r: Request) -> None:
    """Queue what the filters hold back, as far as it can go."""
    if r.transform is not None and not r.header_only:
        data = r.transform.flush()
        if data:
            r.connection.queue(framing.chunk(data) if r.chunked else data)


def send_file(r: Request, fd: int, offset: int, count: int) -> None:
    """Queue a part of an open file, unfiltered; the connection closes nothing of it."""
    if r.header_only or not count:
        return
    connection = r.connection
    if r.chunked:
        connection.queue(b"%x\r\n" % count)
    if count <= 65536:
        # a small file goes out with its head in one write: one system call less than sendfile
        data = os.pread(fd, count, offset)
        if len(data) < count:
            raise OSError(errno.EIO, "file was truncated")
        connection.queue(data)
    else:
        connection.out.push_file(fd, offset, count)
    if r.chunked:
        connection.queue(b"\r\n")


def end_body(r: Request) -> None:
    """Queue the rest of a body, and the end of a chunked one."""
    if r.header_only:
        return
    if r.trailers_out is not None and r.location.trailers is not None:
        r.location.trailers(r)
    if r.transform is not None:
        data = r.transform.end()
        if data:
            r.connection.queue(framing.chunk(data) if r.chunked else data)
    if r.chunked:
        if r.trailers_out:
            lines = b"".join(b"%b: %b\r\n" % field for field in r.trailers_out)
            r.connection.queue(b"0\r\n" + lines + b"\r\n")
        else:
            r.connection.queue(framing.LAST_CHUNK)
