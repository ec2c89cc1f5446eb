"""What nginx makes of a request's header fields before anything else: limits, Host, framing, keep-alive."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from emulator.http1.body import content_length
from emulator.http1.message import BadMessage
from emulator.http1.parse import printable

if TYPE_CHECKING:
    from emulator.nginx.compile import Server
    from emulator.nginx.request import Request

# the fields of which a second one is an error (ngx_http_process_unique_header_line)
_UNIQUE = frozenset(
    (
        b"host",
        b"content-length",
        b"transfer-encoding",
        b"if-modified-since",
        b"if-unmodified-since",
        b"if-match",
        b"if-none-match",
        b"if-range",
        b"expect",
        b"authorization",
        b"content-range",
    )
)

_HOST = re.compile(
    rb"(?P<host>\[[0-9A-Za-z:._~!$&'()*+,;=-]*\]|[^\x00-\x20\x7f:/\\\[\]@?#]*)(?::(?P<port>[0-9]*))?\Z"
)


class HeaderTooLarge(Exception):
    """A request line (414) or header (494) outgrew its buffers; `str()` is the error log's reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.line_known = status != 414


def check_size(buffer: bytes, end: int, server: Server) -> None:
    """Lay the head's lines into buffers as nginx does; `end` is the head's length, 0 while it is incomplete."""
    space = server.client_header_buffer_size
    left = server.large_buffer_count
    size = server.large_buffer_size
    if (end or len(buffer)) <= space:
        return
    lines = buffer[: end or None].split(b"\n")
    for i, line in enumerate(lines):
        length = len(line) + (i < len(lines) - 1)
        if length <= space:
            space -= length
            continue
        if length > size:
            if i == 0:
                raise HeaderTooLarge(414, "client sent too long URI while reading client request line")
            shown = printable(line[: 256])
            raise HeaderTooLarge(
                494, f'client sent too long header line: "{shown}..." while reading client request headers'
            )
        left -= 1
        if left < 0:
            raise HeaderTooLarge(494, "client sent too large request while reading client request headers")
        space = size - length


def check_head(r: Request) -> None:
    """Host, server, framing and keep-alive of a parsed head; raises BadMessage with nginx's status and reason."""
    index = r.index
    if len(index) != len(r.headers):
        _check_duplicates(r)
    host = r.head.authority if r.head else None
    given = index.get(b"host")
    if given is not None:
        name = validate_host(given)
        if name is None:
            raise BadMessage(400, "client sent invalid host header while reading client request headers")
        if host is None:
            host = name
        else:
            host = validate_host(host)
    elif host is not None:
        host = validate_host(host)
    if host is not None:
        if host or given is not None:
            r.host = host
            _choose_server(r, host)
    elif r.version > 10:
        raise BadMessage(400, 'client sent HTTP/1.1 request without "Host" header while reading client request headers')
    length = index.get(b"content-length")
    if length is not None:
        try:
            r.length_in = content_length(length)
        except BadMessage as bad:
            raise BadMessage(400, f"{bad} while reading client request headers") from None
    if (coding := index.get(b"transfer-encoding")) is not None:
        _transfer_encoding(r, coding, length)
    connection = index.get(b"connection")
    if connection is None:
        r.keepalive = r.version > 10
    else:
        _connection(r, connection)
    if r.method in (b"TRACE", b"CONNECT"):
        reason = f"client sent {r.method.decode('ascii')} method while reading client request headers"
        raise BadMessage(405, reason)


def _check_duplicates(r: Request) -> None:
    seen: dict[bytes, tuple[bytes, bytes]] = {}
    for name, value, lower in r.headers:
        if lower in _UNIQUE:
            if lower in seen:
                raise BadMessage(
                    400,
                    f'client sent duplicate header line: "{printable(name)}: {printable(value)}", previous value: '
                    f'"{printable(seen[lower][0])}: {printable(seen[lower][1])}" while reading client request headers',
                )
            seen[lower] = (name, value)


def _transfer_encoding(r: Request, coding: bytes, length: bytes | None) -> None:
    while_reading = "while reading client request headers"
    if r.version < 11:
        raise BadMessage(400, f'client sent HTTP/1.0 request with "Transfer-Encoding" header {while_reading}')
    if coding.lower() != b"chunked":
        raise BadMessage(501, f'client sent unknown "Transfer-Encoding": "{printable(coding)}" {while_reading}')
    if length is not None:
        both = 'client sent "Content-Length" and "Transfer-Encoding" headers at the same time'
        raise BadMessage(400, f"{both} {while_reading}")
    r.length_in = None


def _connection(r: Request, value: bytes) -> None:
    lower = value.lower()
    if b"close" in lower:
        r.keepalive = False
    elif b"keep-alive" in lower:
        r.keepalive = True
    else:
        r.keepalive = r.version > 10


def validate_host(value: bytes) -> bytes | None:
    """The host without its port, lower case, without a trailing dot; None if nginx refuses it."""
    found = _HOST.match(value)
    if found is None:
        return None
    host: bytes = found["host"]
    if b".." in host:
        return None
    if host.endswith(b"."):
        host = host[:-1]
    if host != host.lower():
        host = host.lower()
    return host


def _choose_server(r: Request, host: bytes) -> None:
    listener = r.connection.listener
    if listener.single is None:
        server, captures = listener.find(host)
        if captures is not None:
            r.variables = {**(r.variables or {}), **captures}
        if server is not r.server:
            r.server = server
            r.location = server.location
