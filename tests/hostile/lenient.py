"""Backends that are not strict: what each of them would take for the requests of a connection. Pure.

Each reader differs from RFC 9112 in a way for which real servers were found at fault. What a proxy sends is
only unambiguous if all of them see the same requests with the same bodies.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

Request = tuple[bytes, bytes]  # the request line, the body
_LEADING_DIGITS = re.compile(rb"[+-]?[0-9]+")
_LEADING_HEX = re.compile(rb"[ \t]*(?:0[xX])?([0-9A-Fa-f]+)")
_MANY = 2000


@dataclass(frozen=True, slots=True)
class Reader:
    """`ends` ends a line; the other words say what is done where RFC 9112 says: refuse."""

    name: str
    ends: re.Pattern[bytes] = re.compile(rb"\r\n")
    length: str = "first"  # of several Content-Length fields: first, last
    prefers: str = "coding"  # of both framings: coding, length
    chunked: re.Pattern[bytes] = re.compile(rb"chunked\Z", re.IGNORECASE)
    names: re.Pattern[bytes] = re.compile(rb"([^:]+):")
    folds: bool = True
    nul_ends: bool = False

    def read(self, data: bytes) -> list[Request]:
        """The whole requests that this reader sees."""
        out: list[Request] = []
        at = 0
        while at < len(data) and len(out) < _MANY:
            found = self._request(data, at)
            if found is None:
                break
            line, body, at = found
            out.append((line, body))
        return out

    def _request(self, data: bytes, at: int) -> tuple[bytes, bytes, int] | None:
        lines: list[bytes] = []
        while True:
            end = self.ends.search(data, at)
            if end is None:
                return None
            line, at = data[at : end.start()], end.end()
            if self.nul_ends:
                line = line.partition(b"\0")[0]
            if not line:
                if lines:
                    break
                continue
            if self.folds and lines and line[:1] in (b" ", b"\t"):
                lines[-1] += b" " + line.strip()
            else:
                lines.append(line)
        body = self._body(data, at, self._framing(lines[1:]))
        return None if body is None else (lines[0], body[0], body[1])

    def _framing(self, lines: list[bytes]) -> int | None:
        """The body's length; None for a chunked one."""
        coded, lengths = False, []
        for line in lines:
            found = self.names.match(line)
            if found is None:
                continue
            name = (
                found[1].lower().strip().replace(b"_", b"-") if self.names is ANY_NAME else found[1].lower()
            )
            value = line[found.end() :].strip()
            if name == b"transfer-encoding" and self.chunked.search(value):
                coded = True
            elif name == b"content-length" and (number := _LEADING_DIGITS.match(value)):
                lengths.append(max(0, int(number[0])))
        if coded and not (lengths and self.prefers == "length"):
            return None
        return 0 if not lengths else lengths[0 if self.length == "first" else -1]

    def _body(self, data: bytes, at: int, length: int | None) -> tuple[bytes, int] | None:
        if length is not None:
            return (data[at : at + length], at + length) if at + length <= len(data) else None
        body = bytearray()
        while True:
            end = self.ends.search(data, at)
            size = _LEADING_HEX.match(data, at)
            if end is None or size is None:
                return None
            count, at = int(size[1], 16), end.end()
            if not count:
                break
            body += data[at : at + count]
            at += count
            if (end := self.ends.match(data, at)) is not None:
                at = end.end()
        while (end := self.ends.search(data, at)) is not None:
            if end.start() == at:
                return bytes(body), end.end()
            at = end.end()
        return None


ANY_NAME = re.compile(rb"([^:]*?)[\s\0]*:")
_LF = re.compile(rb"\r?\n")
_CR = re.compile(rb"\r\n|\r|\n")
READERS = (
    Reader("the last Content-Length counts", length="last"),
    Reader("Content-Length before Transfer-Encoding", prefers="length"),
    Reader("a bare LF ends a line", ends=_LF),
    Reader("a bare CR ends a line", ends=_CR),
    Reader("any coding with chunked in it", chunked=re.compile(rb"chunked", re.IGNORECASE)),
    Reader("any name that looks alike", names=ANY_NAME, chunked=re.compile(rb"chunked", re.IGNORECASE)),
    Reader("a folded line is a line of its own", folds=False),
    Reader("NUL ends a line", nul_ends=True),
    Reader("all at once", ends=_CR, length="last", names=ANY_NAME, nul_ends=True),
)
