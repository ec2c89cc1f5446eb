"""Bytes -> request and response heads, accepting what nginx's parser accepts (ngx_http_parse.c).

Rules of this file:
- a well-formed head takes the fast path, two regular expressions over the whole block; whatever these do not
  match takes the slow path, line by line, which alone decides what is an error and which one;
- both paths give the same result where the fast one matches (a test holds them to it);
- numbers are read by patterns, never by `int()` on what has not been matched;
- bare LF ends a line here, as in nginx, but never leaves this file.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from emulator.http1.message import BadMessage, Header, RequestHead, ResponseHead

_FAST_LINE = re.compile(rb"(?!CONNECT)([A-Z_-]+) (/[^\x00-\x20\x7f]*) (HTTP/1\.([01]))\r\n")
_FAST_FIELDS = re.compile(rb"(?:[A-Za-z0-9-]+:[^\x00\r\n]*\r\n)*\r\n")
_FIELD = re.compile(rb"([^:]+): *([^\r]*)\r\n")

_METHOD = re.compile(rb"[A-Z_-]+")
_TARGET = re.compile(rb"[^\x00-\x20\x7f]+")
_ABSOLUTE = re.compile(
    rb"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>(?:\[[0-9A-Za-z:._~!$&'()*+,;=-]*\]|[A-Za-z0-9.-]*)(?::[0-9]*)?)"
    rb"(?P<uri>[/?][^\x00-\x20\x7f]*)?(?= |\r|\Z)"
)
_AUTHORITY = re.compile(rb"(?:\[[^\x00-\x20\x7f/?#\]]*\]|[^\x00-\x20\x7f/?#:]+):[0-9]+(?= |\r|\Z)")
_VERSION = re.compile(rb"(HTTP/([1-9][0-9]*)\.([0-9]{1,3}) *)\r?\Z")
_NEWER = re.compile(rb"HTTP/(?:[2-9]|1[0-9])")
_FIELD_NAME = re.compile(rb"[^\x00-\x20\x7f:]+")
_VALID_NAME = re.compile(rb"[A-Za-z0-9-]+\Z")
_VALID_NAME_OR_UNDERSCORE = re.compile(rb"[A-Za-z0-9_-]+\Z")
_FIELD_VALUE = re.compile(rb" *([^\x00\r]*)\r*\Z")
_VALUE_FAULT = re.compile(rb"[\x00\r]")
_PARTIAL_LINE = re.compile(rb"[A-Z_-]*\Z|[A-Z_-]+ ")

_STATUS_LINE = re.compile(
    rb"HTTP/([1-9][0-9]{0,3})\.([0-9]{1,4}) +([1-9][0-9]{2})(?:[ .]([^\r\n\x00]*)|(?=\r?\n))\r?\n"
)

INVALID_REQUEST = "client sent invalid request while reading client request line"
INVALID_METHOD = "client sent invalid method while reading client request line"
INVALID_VERSION = "client sent invalid version while reading client request line"
INVALID_HEADER = 'client sent invalid header line: "%s" while reading client request headers'


class HeaderRules:
    """What a server block says of header fields (`ignore_invalid_headers`, `underscores_in_headers`)."""

    __slots__ = ("ignore_invalid", "underscores")

    def __init__(self, ignore_invalid: bool = True, underscores: bool = False) -> None:
        self.ignore_invalid = ignore_invalid
        self.underscores = underscores


DEFAULT_RULES = HeaderRules()


RulesOf = Callable[[bytes], HeaderRules]  # a Host's value -> the rules of the server it chooses


def request_head(
    data: bytes, rules: HeaderRules = DEFAULT_RULES, rules_of: RulesOf | None = None
) -> tuple[RequestHead, int] | None:
    """The head at the start of `data` and its length; None while incomplete; BadMessage if it is none."""
    line = _FAST_LINE.match(data)
    if line is not None:
        start = line.end()
        fields = _FAST_FIELDS.match(data, start)
        if fields is not None:
            head = RequestHead(line[1], line[2], 10 + (line[4] == b"1"), line[0][:-2])
            head.protocol = line[3]
            end = head.size = fields.end()
            _collect(head, _FIELD.findall(data, start, end - 2))
            return head, end
    return _slow_request_head(data, rules, rules_of)


def _collect(head: RequestHead | ResponseHead, fields: list[tuple[bytes, bytes]]) -> None:
    headers = head.headers
    index = head.index
    for name, value in fields:
        if value.endswith(b" "):
            value = value.rstrip(b" ")
        lower = name.lower()
        headers.append((name, value, lower))
        if lower not in index:
            index[lower] = value


def _slow_request_head(
    data: bytes, rules: HeaderRules, rules_of: RulesOf | None
) -> tuple[RequestHead, int] | None:
    return HeadReader(rules, rules_of).read(data)


def partial_head(data: bytes) -> RequestHead | None:
    """What can be understood of a head that is not whole, for a log; None without a sound request line."""
    if b"\n" not in data:
        return None
    reader = HeadReader(DEFAULT_RULES, None)
    reader.read(data)
    return reader.head


class HeadReader:
    """Reads a head that comes in pieces: `read` is given all of it that is there, and reads no line twice."""

    __slots__ = ("_position", "_rules", "_rules_of", "head")

    def __init__(self, rules: HeaderRules, rules_of: RulesOf | None) -> None:
        self.head: RequestHead | None = None
        self._rules = rules
        self._rules_of = rules_of
        self._position = 0  # of the first line that has not been read

    def read(self, data: bytes) -> tuple[RequestHead, int] | None:
        """The head and its length; None while it is incomplete; BadMessage as soon as a line is none."""
        head = self.head
        if head is None:
            end = data.find(b"\n")
            if end < 0:
                if not _PARTIAL_LINE.match(data):
                    raise BadMessage(400, INVALID_METHOD)
                return None
            head = self.head = request_line(data[:end])
            self._position = head.size = end + 1
        if head.version == 9:
            return head, self._position
        try:
            return (head, self._position) if self._fields(head, data) else None
        except BadMessage as bad:
            bad.head = head
            raise

    def _fields(self, head: RequestHead, data: bytes) -> bool:
        """Take field lines up to the empty one; False if it has not come."""
        while True:
            end = data.find(b"\n", self._position)
            if end < 0:
                return False
            line = data[self._position : end]
            self._position = end + 1
            if line in (b"", b"\r"):
                head.size = self._position
                return True
            field = header_line(line, self._rules, INVALID_HEADER)
            if field is None:
                head.ignored = [*(head.ignored or ()), (line.rstrip(b"\r"), len(head.headers))]
                head.size = self._position
                continue
            head.size = self._position
            head.headers.append(field)
            if field[2] not in head.index:
                head.index[field[2]] = field[1]
                if field[2] == b"host" and self._rules_of is not None:
                    self._rules = self._rules_of(field[1])


def request_line(line: bytes) -> RequestHead:
    """A request line without its LF (ngx_http_parse_request_line); raises BadMessage 400 or 505."""
    method = _METHOD.match(line)
    if method is None or line[method.end() : method.end() + 1] != b" ":
        raise BadMessage(400, INVALID_METHOD)
    start = method.end()
    while line[start : start + 1] == b" ":
        start += 1
    authority: bytes | None = None
    scheme: bytes | None = None
    if method[0] == b"CONNECT":
        found = _AUTHORITY.match(line, start)
        if found is None:
            raise BadMessage(400, INVALID_REQUEST)
        end, raw, authority = found.end(), b"/", found[0]
    elif line[start : start + 1] == b"/":
        target = _TARGET.match(line, start)
        assert target is not None
        end, raw = target.end(), target[0]
    else:
        absolute = _ABSOLUTE.match(line, start)
        if absolute is None:
            raise BadMessage(400, INVALID_REQUEST)
        end, raw = absolute.end(), absolute["uri"] or b"/"
        authority, scheme = absolute["authority"], absolute["scheme"]
    version, protocol = _version(line, end, method[0])
    head = RequestHead(method[0], raw, version, line.rstrip(b"\r"))
    head.authority, head.scheme, head.protocol = authority, scheme, protocol
    return head


def _version(line: bytes, start: int, method: bytes) -> tuple[int, bytes]:
    rest = line[start:]
    if rest[:1] not in (b" ", b"\r", b""):
        raise BadMessage(400, INVALID_REQUEST)
    rest = rest.lstrip(b" ")
    if rest in (b"", b"\r"):
        if method != b"GET":
            bad = BadMessage(
                400, "client sent invalid method in HTTP/0.9 request while reading client request line"
            )
            bad.head = RequestHead(method, b"/", 9, line.rstrip(b"\r"))
            raise bad
        return 9, b""
    found = _VERSION.match(rest)
    if found is None:
        if _NEWER.match(rest):
            raise BadMessage(505, INVALID_VERSION)
        raise BadMessage(400, INVALID_REQUEST)
    if found[2] != b"1":
        raise BadMessage(505, INVALID_VERSION)
    return 10 + int(found[3]), found[1]


def header_line(line: bytes, rules: HeaderRules, invalid: str) -> Header | None:
    """One field line without its LF (ngx_http_parse_header_line); None for a name that is dropped."""
    name = _FIELD_NAME.match(line)
    if name is None:
        raise BadMessage(400, invalid % _up_to(line, 0))
    rest = line[name.end() :]
    if rest[:1] == b":":
        rest = rest[1:]
    elif rest.strip(b"\r"):
        raise BadMessage(400, invalid % _up_to(line, name.end()))
    value = _FIELD_VALUE.match(rest)
    if value is None:
        fault = _VALUE_FAULT.search(line)
        raise BadMessage(400, invalid % _up_to(line, fault.start() if fault else len(line)))
    valid = _VALID_NAME_OR_UNDERSCORE if rules.underscores else _VALID_NAME
    if not valid.match(name[0]) and rules.ignore_invalid:
        return None
    return name[0], value[1].rstrip(b" "), name[0].lower()


def _up_to(line: bytes, at: int) -> str:
    """A line up to the octet that is wrong, as nginx's error log shows it."""
    wrong = f"\\x{line[at]:02x}" if at < len(line) else "\\x0a"
    return f"{line[:at].decode('utf-8', 'surrogateescape')}{wrong}..."


_RESPONSE_RULES = HeaderRules(ignore_invalid=False, underscores=True)
UPSTREAM_INVALID_HEADER = 'upstream sent invalid header: "%s" while reading response header from upstream'


def response_head(data: bytes) -> tuple[ResponseHead, int] | None:
    """The response head at the start of `data` and its length; None while incomplete; else BadMessage(502).

    A status line that is not HTTP/1.x raises too: nginx would pass it on as HTTP/0.9.
    """
    line = _STATUS_LINE.match(data)
    if line is None:
        end = data.find(b"\n")
        if end < 0 and len(data) < 4096 and (data[:5] in b"HTTP/" or data.startswith(b"HTTP/")):
            return None
        raise BadMessage(
            502, "upstream sent no valid HTTP/1.0 header while reading response header from upstream"
        )
    head = ResponseHead(int(line[1]) * 10 + int(line[2]), int(line[3]), line[4])
    start = line.end()
    fields = _FAST_FIELDS.match(data, start)
    if fields is not None:
        _collect(head, _FIELD.findall(data, start, fields.end() - 2))
        return head, fields.end()
    return _slow_response_fields(head, data, start)


def _slow_response_fields(head: ResponseHead, data: bytes, position: int) -> tuple[ResponseHead, int] | None:
    while True:
        end = data.find(b"\n", position)
        if data[position : position + 1] == b"\r" and data[position + 1 : position + 2] not in (b"\n", b""):
            raise BadMessage(502, UPSTREAM_INVALID_HEADER % "\\x0d...")
        if end < 0:
            return None
        line = data[position:end]
        position = end + 1
        if line in (b"", b"\r"):
            return head, position
        try:
            field = header_line(line, _RESPONSE_RULES, UPSTREAM_INVALID_HEADER)
        except BadMessage as bad:
            raise BadMessage(502, str(bad)) from None
        if field is not None:
            head.headers.append(field)
            head.index.setdefault(field[2], field[1])
