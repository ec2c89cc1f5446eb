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

from emulator.http1.message import BadMessage, Header, RequestHead, ResponseHead

_FAST_LINE = re.compile(rb"([A-Z_-]+) (/[^\x00-\x20\x7f]*) HTTP/1\.([01])\r\n")
_FAST_FIELDS = re.compile(rb"(?:[A-Za-z0-9-]+:[^\x00\r\n]*\r\n)*\r\n")
_FIELD = re.compile(rb"([^:]+): *([^\r]*)\r\n")

_HEAD_END = re.compile(rb"\n\r?\n")
_METHOD = re.compile(rb"[A-Z_-]+")
_TARGET = re.compile(rb"[^\x00-\x20\x7f]+")
_ABSOLUTE = re.compile(
    rb"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>(?:\[[0-9A-Za-z:._~!$&'()*+,;=-]*\]|[A-Za-z0-9.-]*)(?::[0-9]*)?)"
    rb"(?P<uri>[/?][^\x00-\x20\x7f]*)?(?= |\r|\Z)"
)
_VERSION = re.compile(rb"HTTP/([1-9][0-9]*)\.([0-9]{1,3}) *\r?\Z")
_FIELD_NAME = re.compile(rb"[^\x00-\x20\x7f:]+")
_VALID_NAME = re.compile(rb"[A-Za-z0-9-]+\Z")
_VALID_NAME_OR_UNDERSCORE = re.compile(rb"[A-Za-z0-9_-]+\Z")
_FIELD_VALUE = re.compile(rb" *([^\x00\r]*)\r*\Z")
_PARTIAL_LINE = re.compile(rb"[A-Z_-]*\Z|[A-Z_-]+ ")

_STATUS_LINE = re.compile(rb"HTTP/([0-9]{1,4})\.([0-9]{1,4}) +([0-9]{3})(?:[ .]([^\r\n\x00]*)|(?=\r?\n))\r?\n")

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


def request_head(data: bytes, rules: HeaderRules = DEFAULT_RULES) -> tuple[RequestHead, int] | None:
    """The head at the start of `data` and its length; None while it is incomplete; BadMessage if it never will be."""
    line = _FAST_LINE.match(data)
    if line is not None:
        start = line.end()
        fields = _FAST_FIELDS.match(data, start)
        if fields is not None:
            head = RequestHead(line[1], line[2], 10 + (line[3] == b"1"), line[0][:-2])
            end = fields.end()
            _collect(head, _FIELD.findall(data, start, end - 2))
            return head, end
    return _slow_request_head(data, rules)


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


def _slow_request_head(data: bytes, rules: HeaderRules) -> tuple[RequestHead, int] | None:
    line_end = data.find(b"\n")
    if line_end < 0:
        if not _PARTIAL_LINE.match(data):
            raise BadMessage(400, INVALID_METHOD)
        return None
    head = request_line(data[:line_end])
    if head.version == 9:
        return head, line_end + 1
    position = line_end + 1
    while True:
        end = data.find(b"\n", position)
        if end < 0:
            return None
        line = data[position:end]
        position = end + 1
        if line in (b"", b"\r"):
            return head, position
        field = header_line(line, rules, INVALID_HEADER)
        if field is not None:
            head.headers.append(field)
            head.index.setdefault(field[2], field[1])


def request_line(line: bytes) -> RequestHead:
    """A request line without its LF (ngx_http_parse_request_line); raises BadMessage 400 or 505."""
    method = _METHOD.match(line)
    if method is None or line[method.end() : method.end() + 1] != b" ":
        raise BadMessage(400, INVALID_METHOD)
    start = method.end()
    while line[start : start + 1] == b" ":
        start += 1
    if line[start : start + 1] == b"/":
        target = _TARGET.match(line, start)
        assert target is not None
        end, raw, authority, scheme = target.end(), target[0], None, None
    else:
        absolute = _ABSOLUTE.match(line, start)
        if absolute is None:
            raise BadMessage(400, INVALID_REQUEST)
        end, raw = absolute.end(), absolute["uri"] or b"/"
        authority, scheme = absolute["authority"], absolute["scheme"]
    version = _version(line, end, method[0])
    head = RequestHead(method[0], raw, version, line.rstrip(b"\r"))
    head.authority, head.scheme = authority, scheme
    return head


def _version(line: bytes, start: int, method: bytes) -> int:
    rest = line[start:]
    if rest[:1] not in (b" ", b"\r", b""):
        raise BadMessage(400, INVALID_REQUEST)
    rest = rest.lstrip(b" ")
    if rest in (b"", b"\r"):
        if method != b"GET":
            raise BadMessage(400, "client sent invalid method in HTTP/0.9 request while reading client request line")
        return 9
    found = _VERSION.match(rest)
    if found is None:
        if re.match(rb"HTTP/([2-9]|1[0-9])", rest):
            raise BadMessage(505, INVALID_VERSION)
        raise BadMessage(400, INVALID_REQUEST)
    if found[1] != b"1":
        raise BadMessage(505, INVALID_VERSION)
    if len(found[2]) > 2 and found[2][:1] != b"0":
        raise BadMessage(400, INVALID_REQUEST)
    return 10 + int(found[2])


def header_line(line: bytes, rules: HeaderRules, invalid: str) -> Header | None:
    """One field line without its LF (ngx_http_parse_header_line); None for a name that is dropped in silence."""
    name = _FIELD_NAME.match(line)
    if name is None:
        raise BadMessage(400, invalid % printable(line))
    rest = line[name.end() :]
    if rest[:1] == b":":
        rest = rest[1:]
    elif rest.strip(b"\r"):
        raise BadMessage(400, invalid % printable(line))
    value = _FIELD_VALUE.match(rest)
    if value is None:
        raise BadMessage(400, invalid % printable(line))
    valid = _VALID_NAME_OR_UNDERSCORE if rules.underscores else _VALID_NAME
    if not valid.match(name[0]) and rules.ignore_invalid:
        return None
    return name[0], value[1].rstrip(b" "), name[0].lower()


def printable(line: bytes) -> str:
    """A line as nginx's error log shows it: control octets and NUL escaped, cut at the offending end."""
    text = line.rstrip(b"\r")
    return "".join(chr(c) if 0x20 <= c < 0x7F else f"\\x{c:02X}" for c in text)


def head_size(data: bytes) -> int:
    """The length of the head at the start of `data`, 0 while its empty line has not come."""
    found = _HEAD_END.search(data)
    return found.end() if found else 0


_RESPONSE_RULES = HeaderRules(ignore_invalid=False, underscores=True)
UPSTREAM_INVALID_HEADER = 'upstream sent invalid header: "%s" while reading response header from upstream'


def response_head(data: bytes) -> tuple[ResponseHead, int] | None:
    """The response head at the start of `data` and its length; None while incomplete; BadMessage(502) if invalid.

    A status line that is not HTTP/1.x raises too: nginx would pass it on as HTTP/0.9.
    """
    line = _STATUS_LINE.match(data)
    if line is None:
        end = data.find(b"\n")
        if end < 0 and len(data) < 4096 and (data[:5] in b"HTTP/" or data.startswith(b"HTTP/")):
            return None
        raise BadMessage(502, "upstream sent no valid HTTP/1.0 header while reading response header from upstream")
    head = ResponseHead(int(line[1]) * 10 + int(line[2]), int(line[3]), (line[4] or b"").rstrip(b" "))
    start = line.end()
    fields = _FAST_FIELDS.match(data, start)
    if fields is not None:
        _collect(head, _FIELD.findall(data, start, fields.end() - 2))
        return head, fields.end()
    return _slow_response_fields(head, data, start)


def _slow_response_fields(head: ResponseHead, data: bytes, position: int) -> tuple[ResponseHead, int] | None:
    while True:
        end = data.find(b"\n", position)
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
