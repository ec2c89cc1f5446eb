"""What the RFCs make of the octets of a server: answers, each with what is wrong about its framing. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

Field = tuple[bytes, bytes]
_STATUS_LINE = re.compile(rb"HTTP/1\.([0-9]) ([1-9][0-9]{2})(?: ([\t \x21-\x7e\x80-\xff]*))?\Z")
# RFC 9110 section 5.5 lets a recipient keep controls other than CR, LF and NUL; an odd name frames nothing
_FIELD = re.compile(rb"([^\x00-\x20\x7f:]+):[ \t]*([^\x00\r\n]*)\Z")
_NUMBER = re.compile(rb"[0-9]{1,18}\Z")
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})((?:[ \t]*;[^\r\n]*)?)\r\n")


@dataclass(slots=True)
class Answered:
    """One answer; `whole` if its framing says so, `faults` is what a strict reader refuses."""

    status: int = 0
    version: int = 1
    fields: list[Field] = field(default_factory=list)
    body: bytes = b""
    framing: str = "none"
    whole: bool = False
    faults: list[str] = field(default_factory=list)

    @property
    def interim(self) -> bool:
        return 100 <= self.status < 200 and self.status != 101

    @property
    def closes(self) -> bool:
        options = [w.strip().lower() for value in self.values(b"connection") for w in value.split(b",")]
        return (
            b"close" in options
            or (self.version == 0 and b"keep-alive" not in options)
            or self.framing == "close"
        )

    def values(self, name: bytes) -> list[bytes]:
        return [value for known, value in self.fields if known.lower() == name]


def read(data: bytes, methods: list[bytes], ended: bool, raw_from: int = -1) -> list[Answered]:
    """The answers on a connection; `methods` of the requests, `raw_from`: an HTTP/0.9 request's number."""
    out: list[Answered] = []
    at, finals = 0, 0
    while at < len(data):
        answer = Answered()
        out.append(answer)
        if finals == raw_from and not data.startswith(b"HTTP/1.", at):
            answer.framing, answer.body, answer.whole = "close", data[at:], ended
            break
        method = methods[finals] if finals < len(methods) else b"GET"
        at = _answer(data, at, answer, method, ended)
        if answer.faults or not answer.whole or answer.status == 101:
            break
        finals += not answer.interim
    return out


def _answer(data: bytes, at: int, answer: Answered, method: bytes, ended: bool) -> int:
    end = data.find(b"\r\n\r\n", at)
    if end < 0:
        if not re.match(rb"HTTP/1\.|\Z", data[at : at + 7]) and not b"HTTP/1.".startswith(data[at : at + 7]):
            answer.faults.append(f"no status line: {data[at : at + 40]!r}")
        return len(data)
    lines = data[at:end].split(b"\r\n")
    _head(lines, answer)
    if answer.faults:
        return len(data)
    return _body(data, end + 4, answer, method, ended)


def _head(lines: list[bytes], answer: Answered) -> None:
    """RFC 9112 sections 4 and 5."""
    found = _STATUS_LINE.match(lines[0])
    if found is None:
        answer.faults.append(f"status line {lines[0][:80]!r}")
        return
    answer.version, answer.status = int(found[1]), int(found[2])
    for line in lines[1:]:
        item = _FIELD.match(line)
        if item is None:
            answer.faults.append(f"field line {line[:80]!r}")
        else:
            answer.fields.append((item[1], item[2].rstrip(b" \t")))


def _body(data: bytes, at: int, answer: Answered, method: bytes, ended: bool) -> int:
    """RFC 9112 section 6.3."""
    codings, lengths = answer.values(b"transfer-encoding"), answer.values(b"content-length")
    if codings and lengths:
        answer.faults.append("both framings")
    if len(lengths) > 1 or any(not _NUMBER.match(length) for length in lengths):
        answer.faults.append(f"Content-Length {lengths!r}")
    if codings and (len(codings) > 1 or codings[0].lower() != b"chunked"):
        answer.faults.append(f"Transfer-Encoding {codings!r}")
    if (answer.status < 200 or answer.status == 204) and (codings or lengths):
        answer.faults.append(f"framing in a {answer.status}")
    if answer.faults:
        return len(data)
    if answer.status < 200 or answer.status in (204, 304) or method == b"HEAD":
        answer.whole = True
        if answer.status == 101:
            answer.body = data[at:]
            return len(data)
        return at
    if codings:
        answer.framing = "chunked"
        return _chunks(data, at, answer)
    if lengths:
        answer.framing = "length"
        length = int(lengths[0])
        answer.body = data[at : at + length]
        answer.whole = len(answer.body) == length
        return min(at + length, len(data))
    answer.framing, answer.body, answer.whole = "close", data[at:], ended
    return len(data)


def _chunks(data: bytes, at: int, answer: Answered) -> int:
    """RFC 9112 section 7.1."""
    body = bytearray()
    while found := _SIZE.match(data, at):
        size = int(found[1], 16)
        at = found.end()
        if not size:
            answer.body = bytes(body)
            return _trailer(data, at, answer)
        body += data[at : at + size]
        at += size
        end = data[at : at + 2]
        if end != b"\r\n":
            if not b"\r\n".startswith(end):
                answer.faults.append("a chunk's end")
            break
        at += 2
    else:
        if b"\n" in data[at:] or not re.match(rb"(?:[0-9A-Fa-f]+(?:[ \t]*;[^\r\n]*)?\r?)?\Z", data[at:]):
            answer.faults.append(f"a chunk's size {data[at : at + 20]!r}")
    answer.body = bytes(body)
    return len(data)


def _trailer(data: bytes, at: int, answer: Answered) -> int:
    while (end := data.find(b"\r\n", at)) >= 0:
        if end == at:
            answer.whole = True
            return end + 2
        if not _FIELD.match(data[at:end]):
            answer.faults.append(f"trailer {data[at:end][:80]!r}")
            break
        at = end + 2
    return len(data)
