"""What nginx makes of a request's header fields before anything else: limits, Host, framing, keep-alive."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from emulator.http1 import parse
from emulator.http1.body import content_length
from emulator.http1.message import BadMessage, RequestHead

if TYPE_CHECKING:
    from emulator.nginx.compile import Server
    from emulator.nginx.connection import Connection
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
    rb"(?P<host>\[[0-9A-Za-z:._~!$&'()*+,;=%-]*\]|(?:[A-Za-z0-9._~!$&'()*+,;=-]++|%[0-9A-Fa-f]{2})++)"
    rb"(?::(?P<port>[0-9]{0,6}))?\Z"
)
_MSIE6 = re.compile(rb"MSIE [1-6]\.(?!.*SV1)")
WHILE_READING = "while reading client request headers"
INVALID_HOST = f"client sent invalid host header {WHILE_READING}"


_SHOWN = 1748  # what NGX_MAX_ERROR_STR leaves of a line


class HeaderTooLarge(Exception):
    """A request line (414) or header (494) outgrew its buffers; `known` octets of the head did not."""

    def __init__(self, status: int, reason: str, known: int) -> None:
        super().__init__(reason)
        self.status = status
        self.known = known
        self.head: RequestHead | None = None


class HeadBuffers:
    """A head's lines laid into buffers, each once (ngx_http_alloc_large_header_buffer)."""

    __slots__ = ("_left", "_size", "_small", "_space", "_start")

    def __init__(self, server: Server) -> None:
        self._small = self._space = server.client_header_buffer_size
        self._left = server.large_buffer_count
        self._size = server.large_buffer_size
        self._start = 0  # of the first line that is not whole, or was not when it was looked at

    def check(self, buffer: bytes, end: int) -> None:
        """Raise HeaderTooLarge for a line without room; `end` is the head's length, 0 until it is whole."""
        stop = end or len(buffer)
        if stop <= self._small:
            return
        while self._start < stop:
            at = buffer.find(b"\n", self._start, stop)
            length = (at + 1 if at >= 0 else stop) - self._start
            left, space = self._left, self._space
            if length > space:
                left -= 1
                if length > self._size or left < 0:
                    raise self._too_large(buffer, length)
                space = self._size
            if at < 0:
                return
            self._left, self._space, self._start = left, space - length, at + 1

    def _too_large(self, buffer: bytes, length: int) -> HeaderTooLarge:
        if not self._start:
            reason = "client sent too long URI while reading client request line"
            return HeaderTooLarge(414, reason, self._size)
        most = min(self._size if length > self._size else self._space, _SHOWN, length)
        line = buffer[self._start : self._start + most].rstrip(b"\n")
        shown = line.decode("utf-8", "surrogateescape")
        reason = f'client sent too long header line: "{shown}..." {WHILE_READING}'
        return HeaderTooLarge(494, reason, self._start)


def next_head(connection: Connection) -> RequestHead | None:
    """The head at the start of what has come; None while there is no whole one. What is none is raised."""
    buffer, partial = connection.buffer, connection.partial
    default = connection.listener.default
    if partial is None:
        parsed = parse.request_head(buffer, default.header_rules, connection.listener.rules_of)
        if parsed is None:
            reader = parse.HeadReader(default.header_rules, connection.listener.rules_of)
            connection.partial = reader, HeadBuffers(default)
            return next_head(connection)
        if parsed[1] > default.client_header_buffer_size:
            HeadBuffers(default).check(buffer, parsed[1])
    else:
        reader, buffers = partial
        parsed = reader.read(buffer)
        buffers.check(buffer, parsed[1] if parsed else 0)
        if parsed is None:
            return None
        connection.partial = None
    head, end = parsed
    connection.buffer = buffer[end:] if end < len(buffer) else b""
    return head


def check_head(r: Request) -> None:
    """Host, server, framing and keep-alive of a head; raises BadMessage with nginx's status and reason."""
    if len(r.index) != len(r.headers):
        _check_duplicates(r)
    index = r.index
    given = index.get(b"host")
    if given is not None:
        try:
            _take_host(r, given)
        except BadMessage:
            _forget_after(r, next(i for i, field in enumerate(r.headers) if field[2] == b"host"))
            raise
    elif r.version > 10:
        if r.host is None:
            choose_server(r, b"")
        r.whole = True
        raise BadMessage(400, f'client sent HTTP/1.1 request without "Host" header {WHILE_READING}')
    elif r.host is None:
        choose_server(r, b"")
    r.whole = True
    length = index.get(b"content-length")
    if length is not None:
        try:
            r.length_in = content_length(length)
        except BadMessage as bad:
            raise BadMessage(400, f"{bad} {WHILE_READING}") from None
    if (coding := index.get(b"transfer-encoding")) is not None:
        _transfer_encoding(r, coding, length)
    r.keepalive = r.version > 10
    if b"connection" in index:
        _connection(r)
    if len(r.headers) > r.server.max_headers:
        raise BadMessage(494, f"client sent too many header lines {WHILE_READING}")
    if r.method in (b"TRACE", b"CONNECT"):
        reason = f"client sent {r.method.decode('ascii')} method {WHILE_READING}"
        raise BadMessage(405, reason)


def set_host(r: Request, value: bytes, invalid: str) -> None:
    """Take a host, and the server that it names; BadMessage(400, invalid) if it is none."""
    host = validate_host(value)
    if host is None:
        raise BadMessage(400, invalid)
    r.host = host
    choose_server(r, host)


def _take_host(r: Request, value: bytes) -> None:
    """A Host names the server, unless the request line's target has."""
    if r.host is None:
        set_host(r, value, INVALID_HOST)
    elif validate_host(value) is None:
        raise BadMessage(400, INVALID_HOST)


def _check_duplicates(r: Request) -> None:
    """What may stand once: a Host before the second one counts, what follows it was never read."""
    seen: dict[bytes, tuple[bytes, bytes]] = {}
    for place, (name, value, lower) in enumerate(r.headers):
        if lower not in _UNIQUE:
            continue
        if lower == b"host" and lower not in seen and validate_host(value) is None:
            _forget_after(r, place)
            raise BadMessage(400, INVALID_HOST)
        if lower in seen:
            _forget_after(r, place)
            if b"host" in seen:
                _take_host(r, seen[b"host"][1])
            what = "host header" if lower == b"host" else "header line"
            text = b'"%b: %b", previous value: "%b: %b"' % (name, value, *seen[lower])
            shown = text.decode("utf-8", "surrogateescape")
            raise BadMessage(400, f"client sent duplicate {what}: {shown} {WHILE_READING}")
        seen[lower] = (name, value)


def _forget_after(r: Request, place: int) -> None:
    """nginx reads the fields one by one, and no further than a fault."""
    r.headers = r.headers[: place + 1]
    r.index = {lower: value for _, value, lower in reversed(r.headers)}


def _transfer_encoding(r: Request, coding: bytes, length: bytes | None) -> None:
    if r.version < 11:
        raise BadMessage(400, f'client sent HTTP/1.0 request with "Transfer-Encoding" header {WHILE_READING}')
    if coding.lower() != b"chunked":
        shown = coding.decode("utf-8", "surrogateescape")
        raise BadMessage(501, f'client sent unknown "Transfer-Encoding": "{shown}" {WHILE_READING}')
    if length is not None:
        both = 'client sent "Content-Length" and "Transfer-Encoding" headers at the same time'
        raise BadMessage(400, f"{both} {WHILE_READING}")
    r.length_in = None


def _connection(r: Request) -> None:
    """Of several Connection fields the last one that says anything counts."""
    for _, value, lower in r.headers:
        if lower == b"connection":
            word = value.lower()
            if b"close" in word:
                r.keepalive = False
            elif b"keep-alive" in word:
                r.keepalive = True


def may_keep(r: Request) -> bool:
    """Whether another request may follow on the connection (ngx_http_update_location_config)."""
    location, connection = r.location, r.connection
    return (
        location.keepalive_timeout > 0
        and connection.requests < location.keepalive_requests
        and r.worker.loop.now - connection.started < location.keepalive_time
        and not r.worker.quitting
        and not (r.method == b"POST" and _old_msie(r))
    )


def _old_msie(r: Request) -> bool:
    """Internet Explorer up to 6 hangs when a connection is kept after a POST (keepalive_disable msie6)."""
    agent = r.index.get(b"user-agent")
    return agent is not None and _MSIE6.search(agent) is not None and b"Opera" not in agent


def validate_host(value: bytes) -> bytes | None:
    """The host without its port, lower case, without a trailing dot; None if nginx refuses it."""
    found = _HOST.match(value)
    if found is None:
        return None
    host: bytes = found["host"]
    if b".." in host or host == b"." or int(found["port"] or 0) > 65535:
        return None
    if host.endswith(b"."):
        host = host[:-1]
    if host != host.lower():
        host = host.lower()
    return host


def port_of(value: bytes) -> int:
    """The port that a host has, or 0."""
    found = _HOST.match(value)
    return int(found["port"] or 0) if found is not None else 0


def choose_server(r: Request, host: bytes) -> None:
    """Hand a request to the server that its host names."""
    listener = r.connection.listener
    if listener.single is None:
        server, captures = listener.find(host)
        if captures is not None:
            r.take_captures(captures)
        if server is not r.server:
            r.server = server
            r.location = server.location
