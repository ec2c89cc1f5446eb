"""Bytes from a server -> answers, by RFC 9112's rules for the receiver (section 6.3), and their rendering.

Framing is decoded before anything is compared: where a chunk ends depends on when bytes arrived, in
nginx as well. A body that its framing does not end is kept and marked.
"""

from __future__ import annotations

import hashlib
import re
import zlib
from dataclasses import dataclass, field, replace

_CHUNK = re.compile(rb"([0-9a-fA-F]{1,16})[ \t]*(?:;[^\r\n]*)?\r\n")
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,18})[ \t]*\r\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[ \t]*chunked[ \t]*\r\n", re.IGNORECASE)
_GZIP = re.compile(rb"\r\ncontent-encoding:[ \t]*gzip[ \t]*\r\n", re.IGNORECASE)
_RUN = re.compile(r"(.)\1{60,}")
SHOWN = 2000


@dataclass(slots=True)
class Answer:
    """One response; `framing` is none, length, chunked, close or raw (no status line at all)."""

    head: bytes
    framing: str
    status: int = 0
    body: bytearray = field(default_factory=bytearray)
    trailers: bytes = b""
    complete: bool = False
    left: int = 0

    @property
    def interim(self) -> bool:
        return 100 <= self.status < 200 and self.status != 101


class Reader:
    """Feeds on what a connection yields; `methods` of the requests decide which answers have no body."""

    def __init__(self, methods: list[bytes]) -> None:
        self.methods = methods
        self.answers: list[Answer] = []
        self.raw = bytearray()
        self._rest = bytearray()

    @property
    def finals(self) -> int:
        """How many complete final answers have come."""
        return sum(answer.complete and not answer.interim for answer in self.answers)

    @property
    def complete(self) -> int:
        return sum(answer.complete for answer in self.answers)

    @property
    def tunnel(self) -> bool:
        """Whether the connection speaks something now that has no end of its own."""
        return bool(self.answers) and (self.answers[-1].status == 101 or self.answers[-1].framing == "raw")

    def feed(self, data: bytes) -> None:
        self.raw += data
        self._rest += data
        while self._rest and self._advance():
            pass

    def closed(self) -> None:
        """The other side has closed: what runs until then is complete, a rest becomes an answer."""
        if self.answers and self.answers[-1].framing in ("close", "raw"):
            self.answers[-1].complete = True
        if self._rest:
            self.answers.append(Answer(bytes(self._rest), "cut"))
            self._rest.clear()

    def _advance(self) -> bool:
        """One step forward; False when more bytes are needed."""
        if not self.answers or self.answers[-1].complete:
            return self._head()
        answer = self.answers[-1]
        if answer.framing == "chunked":
            return self._chunk(answer)
        take = len(self._rest) if answer.framing in ("close", "raw") else answer.left
        answer.body += self._rest[:take]
        answer.left -= min(take, len(self._rest))
        del self._rest[:take]
        answer.complete = answer.framing == "length" and answer.left == 0
        return answer.complete

    def _head(self) -> bool:
        if not b"HTTP/1.".startswith(self._rest[:7]):
            self.answers.append(Answer(b"", "raw"))
            return True
        end = self._rest.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = bytes(self._rest[: end + 4])
        del self._rest[: end + 4]
        self.answers.append(self._framed(head))
        return True

    def _framed(self, head: bytes) -> Answer:
        status = int(head[9:12]) if head[9:12].isdigit() else 0
        index = self.finals
        method = self.methods[index] if index < len(self.methods) else b"GET"
        answer = Answer(head, "none", status)
        if status == 101:
            answer.framing = "close"
        elif status in (204, 304) or status < 200 or method == b"HEAD":
            answer.complete = True
        elif _CHUNKED.search(head):
            answer.framing, answer.left = "chunked", -1
        elif length := _LENGTH.search(head):
            answer.framing, answer.left = "length", int(length[1])
            answer.complete = answer.left == 0
        else:
            answer.framing = "close"
        return answer

    def _chunk(self, answer: Answer) -> bool:
        """`left` is -1 before a size line, -2 within the trailer, else the rest of the chunk with CRLF."""
        if answer.left == -1:
            found = _CHUNK.match(self._rest)
            if not found:
                return False
            size = int(found[1], 16)
            del self._rest[: found.end()]
            answer.left = size + 2 if size else -2
            return True
        if answer.left == -2:
            end = 0 if self._rest.startswith(b"\r\n") else self._rest.find(b"\r\n\r\n") + 2
            if end == 1:
                return False
            answer.trailers = bytes(self._rest[:end])
            del self._rest[: end + 2]
            answer.complete = True
            return True
        if len(self._rest) < answer.left:
            return False
        answer.body += self._rest[: answer.left - 2]
        del self._rest[: answer.left]
        answer.left = -1
        return True


def unpacked(answer: Answer) -> Answer:
    """A body that was compressed on the way, as what it says: one text has many forms for zlib.

    Servers that compress on the way do not know the length; a body that came with one is compared as it is.
    """
    if answer.framing == "length" or not _GZIP.search(answer.head) or answer.body[:2] != b"\x1f\x8b":
        return answer
    stream = zlib.decompressobj(16 + zlib.MAX_WBITS)
    body = bytearray(stream.decompress(bytes(answer.body)))
    ending = "" if stream.eof else " broken off"
    surplus = bytearray(b"<after it>") + stream.unused_data if stream.unused_data else b""
    return replace(answer, framing=f"{answer.framing}, gzip{ending}", body=body + surplus)


def lines(answer: Answer) -> list[str]:
    """An answer as lines that a person reads and that differ where the answers differ."""
    out = [show(line) for line in answer.head.split(b"\r\n") if line]
    if answer.framing != "none":
        out.append(f"<body: {answer.framing}>" + ("" if answer.complete else " <cut off>"))
    out += body_lines(bytes(answer.body))
    out += [f"<trailer> {show(line)}" for line in answer.trailers.split(b"\r\n") if line]
    return out


def body_lines(body: bytes) -> list[str]:
    """A body, line by line while it is short; else its length, its beginning and its hash."""
    if len(body) > SHOWN:
        return [f"{len(body)} octets {hashlib.sha256(body).hexdigest()[:16]}", show(body[:80]) + "..."]
    parts = body.split(b"\n")
    out = [show(part) + "\\n" for part in parts[:-1]]
    return out + ([show(parts[-1])] if parts[-1] else [])


def show(data: bytes) -> str:
    """Octets as printable text: latin-1 with escapes, long runs of one octet counted."""
    text = data.decode("latin-1").encode("unicode_escape").decode("ascii")
    return _RUN.sub(lambda found: f"<<{found[1]}*{len(found[0])}>>", text)
