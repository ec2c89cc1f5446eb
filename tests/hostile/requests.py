"""What the RFCs make of a client's octets: requests, each with what is wrong about it. Pure.

Two words for what is wrong: a `fault` is what a server MUST refuse; `allowed` is what it may refuse or put
up with. Where the RFCs let a server put up with something, this reader does so in the way they say,
because what follows on the connection depends on it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

Field = tuple[bytes, bytes]
WHITE = b" \t\x0b\x0c\r"
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_REQUEST_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([^\x00-\x20\x7f]+) HTTP/([0-9])\.([0-9])\Z")
_VERSION = re.compile(rb"HTTP/([0-9]+)\.([0-9]+)\Z")
_ORIGIN = re.compile(rb"/(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*\Z")
_ABSOLUTE = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*://([^/?#]*)")
_AUTHORITY = re.compile(rb"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]+):[0-9]+\Z")
_HOST = re.compile(
    rb"(?:\[[0-9A-Za-z:._~!$&'()*+,;=%-]*\]|(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*)(?::[0-9]*)?\Z"
)
_CONTROLS = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_CHUNK = re.compile(rb"([0-9A-Fa-f]+)([^\r\n]*)\r\n")
_EXTENSION = re.compile(
    rb"(?:[ \t]*;[ \t]*[!#$%&'*+.^_`|~0-9A-Za-z-]+"
    rb"(?:[ \t]*=[ \t]*(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+|\"[^\"]*\"))?)*\Z"
)
LARGEST = 2**63 - 1


class Fault(Exception):
    """What RFC 9112 tells a server to refuse."""


@dataclass(slots=True)
class Asked:
    """One request; `whole` if nothing of it is missing, `headed` if its head is whole."""

    method: bytes = b""
    target: bytes = b""
    version: int = 11
    fields: list[Field] = field(default_factory=list)
    body: bytes = b""
    fault: str = ""
    allowed: list[str] = field(default_factory=list)
    headed: bool = False
    whole: bool = False
    closes: bool = False
    framing: str = "none"
    raw: bytes = field(default=b"", repr=False)

    def values(self, name: bytes) -> list[bytes]:
        return [value for known, value in self.fields if known.lower() == name]

    @property
    def sound(self) -> bool:
        """Whole and without any blemish."""
        return self.whole and not self.fault and not self.allowed


def read(data: bytes) -> list[Asked]:
    """The requests of a connection, in order; none after a fault, a close or an incomplete one."""
    out: list[Asked] = []
    at = 0
    while at < len(data):
        asked, start = Asked(), at
        at = _skip_empty_lines(data, at, asked)
        if at == len(data):
            break
        out.append(asked)
        try:
            at = _request(data, at, asked)
        except Fault as fault:
            asked.fault, asked.closes = str(fault), True
            at = len(data)
        asked.raw = data[start:at]
        if not asked.whole or asked.closes:
            break
    return out


def _skip_empty_lines(data: bytes, at: int, asked: Asked) -> int:
    """RFC 9112 section 2.2: at least one empty line before a request should be ignored."""
    start = at
    while data[at : at + 1] in (b"\r", b"\n"):
        at += 1
    if at > start:
        asked.allowed.append("2.2 empty lines")
    return at


def _request(data: bytes, at: int, asked: Asked) -> int:
    """Fill in one request; the position after it."""
    line, at = _line(data, at, asked)
    if line is None:
        return at
    _request_line(line, asked)
    if asked.version == 9:
        asked.headed = asked.whole = asked.closes = True
        return at
    position = fields(data, at, asked)
    if position < 0:
        return len(data)
    asked.headed = True
    _host(asked)
    return _body(data, position, asked)


def _line(data: bytes, at: int, asked: Asked) -> tuple[bytes | None, int]:
    """RFC 9112 section 2.2: a line ends with CRLF, and a server may take a bare LF for one."""
    end = data.find(b"\n", at)
    if end < 0:
        return None, len(data)
    if data[end - 1 : end] != b"\r" or end == at:
        asked.allowed.append("2.2 bare LF")
        return data[at:end], end + 1
    return data[at : end - 1], end + 1


def _request_line(line: bytes, asked: Asked) -> None:
    """RFC 9112 section 3."""
    words = [word for word in re.split(rb"[ \t\x0b\x0c\r]+", line) if word]
    found = _REQUEST_LINE.match(line)
    if found is None:
        if len(words) == 2 and _TOKEN.match(words[0]) and not _CONTROLS.search(words[1]):
            asked.method, asked.target, asked.version = words[0], words[1], 9
            asked.allowed.append("HTTP/0.9")
            return
        if len(words) != 3 or not _TOKEN.match(words[0]) or _CONTROLS.search(words[1]):
            raise Fault("3 request line")
        asked.allowed.append("3 white space or version")
    asked.method, asked.target = words[:2]
    version = _VERSION.match(words[2])
    if version is None or int(version[1]) != 1 or version[1] != b"1":
        raise Fault("2.3 version")
    asked.version = 10 if int(version[2]) == 0 else 11
    _target(asked)


def _target(asked: Asked) -> None:
    """RFC 9112 section 3.2: the four forms; odd octets in a path should be refused, and may be taken."""
    target = asked.target
    if asked.method == b"CONNECT":
        asked.allowed.append("3.2.3 CONNECT")
        return
    if target == b"*":
        if asked.method != b"OPTIONS":
            raise Fault("3.2.4 asterisk")
        return
    if absolute := _ABSOLUTE.match(target):
        if not _HOST.match(absolute[1]) or not absolute[1] or target[absolute.end() :][:1] not in (b"", b"/"):
            asked.allowed.append("3.2.2 absolute form")
    elif not target.startswith(b"/"):
        raise Fault("3.2 target")
    elif not _ORIGIN.match(target):
        asked.allowed.append("3.2 octets of the target")


def fields(data: bytes, at: int, asked: Asked) -> int:
    """RFC 9112 section 5: field lines up to the empty one; the position after it, -1 if it has not come."""
    while True:
        line, at = _line(data, at, asked)
        if line is None:
            return -1
        if not line:
            return at
        if line[:1] in (b" ", b"\t"):
            asked.allowed.append("5.2 folding" if asked.fields else "2.2 white space before a field")
            if asked.fields:
                name, value = asked.fields[-1]
                asked.fields[-1] = (name, (value + b" " + line.strip(b" \t\r")).strip(b" \t"))
            continue
        asked.fields.append(_field(line, asked))


def _field(line: bytes, asked: Asked) -> Field:
    name, colon, value = line.partition(b":")
    if not colon:
        asked.allowed.append("5 no colon")
        return b"", line
    if name[-1:] in (b" ", b"\t"):
        raise Fault("5.1 white space before the colon")
    if not _TOKEN.match(name):
        asked.allowed.append("5 name")
    if _CONTROLS.search(value):
        asked.allowed.append("9110 5.5 controls in a value")
        value = re.sub(rb"[\x00\r\n]", b" ", value)
    return name, value.strip(b" \t")


def _host(asked: Asked) -> None:
    """RFC 9112 section 3.2: exactly one, and a valid one."""
    hosts = asked.values(b"host")
    if (not hosts and asked.version > 10) or len(hosts) > 1:
        raise Fault("3.2 not one Host")
    if hosts and not _HOST.match(hosts[0]):
        raise Fault("3.2 Host")
    if hosts and (not hosts[0].strip(b".") or b".." in hosts[0] or b"%" in hosts[0] or b":" in hosts[0]):
        asked.allowed.append("3.2 odd Host")  # sound by its grammar, and nobody's name


def _body(data: bytes, at: int, asked: Asked) -> int:
    """RFC 9112 section 6.3."""
    codings = asked.values(b"transfer-encoding")
    lengths = asked.values(b"content-length")
    options = [word.strip().lower() for value in asked.values(b"connection") for word in value.split(b",")]
    asked.closes = b"close" in options or (asked.version == 10 and b"keep-alive" not in options)
    if codings:
        _coding(asked, codings)
        if lengths:
            asked.allowed.append("6.1 both framings")
        if lengths or asked.version < 11:
            asked.closes = True
        asked.framing = "chunked"
        return chunked(data, at, asked)
    if not lengths:
        asked.whole = True
        return at
    asked.framing = "length"
    length = _length(asked, lengths)
    asked.body = data[at : at + length]
    asked.whole = len(asked.body) == length
    return min(at + length, len(data))


def _coding(asked: Asked, values: list[bytes]) -> None:
    """RFC 9112 section 6.1 and 6.3: chunked once, and last."""
    parts = [part.strip(b" \t").lower() for value in values for part in value.split(b",")]
    codings = [part for part in parts if part]
    if not codings or codings[-1] != b"chunked" or codings.count(b"chunked") > 1:
        raise Fault("6.3 chunked is not the final coding")
    if parts != [b"chunked"]:
        asked.allowed.append("6.1 codings")
    if asked.version < 11:
        asked.allowed.append("6.1 coding in HTTP/1.0")


def _length(asked: Asked, values: list[bytes]) -> int:
    """RFC 9112 section 6.3: one number, or the same one several times."""
    parts = [part.strip(b" \t") for value in values for part in value.split(b",")]
    numbers = [part for part in parts if part]
    if b"" in values or not numbers or any(not re.match(rb"[0-9]+\Z", number) for number in numbers):
        raise Fault("6.3 Content-Length")
    if len({number.lstrip(b"0") for number in numbers}) > 1:
        raise Fault("6.3 Content-Length")
    if len(parts) > 1:
        asked.allowed.append("6.3 a list of lengths")
    if len(numbers[0].lstrip(b"0")) > 19 or int(numbers[0]) > LARGEST:
        raise Fault("6.2 too large a length")
    return int(numbers[0])


def chunked(data: bytes, at: int, asked: Asked) -> int:
    """RFC 9112 section 7.1; the position after the body."""
    body = bytearray()
    while True:
        found = _CHUNK.match(data, at)
        if found is None:
            _partial_size(data[at:])
            asked.body = bytes(body)
            return len(data)
        size = _size(found, asked)
        at = found.end()
        if not size:
            break
        body += data[at : at + size]
        at += size
        end = data[at : at + 2]
        if end != b"\r\n":
            asked.body = bytes(body)
            if not b"\r\n".startswith(end):
                raise Fault("7.1 a chunk's end")
            return len(data)
        at += 2
    asked.body = bytes(body)
    trailer = Asked(fields=[(b"", b"")])
    position = fields(data, at, trailer)
    asked.allowed += [f"trailer {what}" for what in trailer.allowed]
    asked.whole = position >= 0
    return position if position >= 0 else len(data)


def _size(found: re.Match[bytes], asked: Asked) -> int:
    digits = found[1].lstrip(b"0")
    if len(digits) > 16 or int(digits or b"0", 16) > LARGEST:
        raise Fault("7.1 too large a chunk")
    if found[2] and not _EXTENSION.match(found[2]):
        if found[2].lstrip(b" \t")[:1] not in (b"", b";"):
            raise Fault("7.1 a chunk's size")
        asked.allowed.append("7.1.1 extension")
    elif len(found[1]) > 16 or len(found[2]) > 256:
        asked.allowed.append("7.1 a long line")
    return int(digits or b"0", 16)


def _partial_size(rest: bytes) -> None:
    """What could still become a line of a chunk's size is incomplete; anything else is a fault."""
    if b"\n" in rest or not re.match(rb"(?:[0-9A-Fa-f]+(?:[ \t]*(?:;[^\r\n]*)?)\r?)?\Z", rest):
        raise Fault("7.1 a chunk's size")
