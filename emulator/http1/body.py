"""Framing of message bodies (RFC 9112 section 6): bytes in, payload out, told when it ends.

Each reader has `feed(data) -> payload`, `done`, and `rest`: the bytes after the body, once done.
"""

from __future__ import annotations

import re
from typing import Protocol

from emulator.http1.message import BadMessage

# nginx takes blanks after the size and skips extensions up to the line's end
_CHUNK_SIZE = re.compile(rb"0*([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\n\r]*)?\r\n")
_CHUNK_SIZE_START = re.compile(rb"0*[0-9A-Fa-f]{0,15}(?:[ \t]*(?:;[^\n\r]*)?\r?)\Z")
_CHUNK_SIZE_DIGITS = re.compile(rb"[0-9A-Fa-f]+")
_DIGITS = re.compile(rb"0*([0-9]{1,19})\Z")
_MAX_LENGTH = 2**63 - 1
_MAX_EXTENSION = 4096
_MAX_TRAILER = 8192


def content_length(value: bytes) -> int:
    """The number in a Content-Length field; BadMessage(400) for anything but digits that fit 63 bits."""
    found = _DIGITS.match(value)
    number = int(found[1]) if found else _MAX_LENGTH + 1
    if number > _MAX_LENGTH:
        raise BadMessage(400, 'client sent invalid "Content-Length" header')
    return number


class BodyReader(Protocol):
    """What the three framings have in common."""

    done: bool
    rest: bytes
    remaining: int | None

    def feed(self, data: bytes) -> bytes: ...


class LengthReader:
    """A body of a known length; `remaining` octets are still to come."""

    __slots__ = ("done", "remaining", "rest")

    def __init__(self, length: int) -> None:
        self.remaining: int | None = length
        self.done = length == 0
        self.rest = b""

    def feed(self, data: bytes) -> bytes:
        remaining = self.remaining
        assert remaining is not None
        size = len(data)
        if size < remaining:
            self.remaining = remaining - size
            return data
        self.remaining = 0
        self.done = True
        if size == remaining:
            return data
        self.rest = data[remaining:]
        return data[:remaining]


class UntilCloseReader:
    """A body that ends with the connection: never done by itself."""

    __slots__ = ("done", "remaining", "rest")

    def __init__(self) -> None:
        self.remaining: int | None = None
        self.done = False
        self.rest = b""

    def feed(self, data: bytes) -> bytes:
        return data


class ChunkedReader:
    """A chunked body; raises BadMessage(400) on framing that nginx refuses. Trailers are read past.

    With a `limit`, a chunk that would exceed it raises BadMessage(413) as soon as its size is known.
    """

    __slots__ = (
        "_buffer",
        "_left",
        "_limit",
        "_size_so_far",
        "_state",
        "_trailers",
        "done",
        "remaining",
        "rest",
    )

    _SIZE, _DATA, _DATA_END, _TRAILER = range(4)

    def __init__(self, limit: int = 0) -> None:
        self._limit = limit
        self._size_so_far = 0
        self.remaining: int | None = None
        self.done = False
        self.rest = b""
        self._trailers = 0
        self._buffer = b""
        self._left = 0
        self._state = self._SIZE

    def feed(self, data: bytes) -> bytes:
        if self._buffer:
            data = self._buffer + data
            self._buffer = b""
        payload: list[bytes] = []
        position = 0
        while position < len(data) and not self.done:
            step = self._STEPS[self._state](self, data, position, payload)
            if step < 0:
                self._buffer = data[position:]
                break
            position = step
        if self.done:
            self.rest = data[position:]
        return payload[0] if len(payload) == 1 else b"".join(payload)

    @property
    def needed(self) -> int:
        """The fewest octets that could end the body from here (ngx_http_parse_chunked's length)."""
        begun = self._buffer
        if self._state is self._DATA:
            return self._left + 7
        if self._state is self._DATA_END:
            return 7 - len(begun)
        line_end = 1 if begun.endswith(b"\r") else 2
        if self._state is self._TRAILER:
            return line_end + 2 if begun.strip(b"\r") else line_end
        digits = _CHUNK_SIZE_DIGITS.match(begun)
        if digits is None:
            return 5
        size = int(digits[0], 16)
        return line_end + (size + 7 if size else 2)

    def _size(self, data: bytes, position: int, payload: list[bytes]) -> int:
        line = _CHUNK_SIZE.match(data, position)
        if line is None:
            if b"\n" in data[position:] or not _CHUNK_SIZE_START.match(data, position):
                raise BadMessage(400, "client sent invalid chunked body")
            if len(data) - position > _MAX_EXTENSION:
                raise BadMessage(400, "client sent invalid chunked body")
            return -1
        size = int(line[1], 16)
        if self._limit and self._size_so_far + size > self._limit:
            so_far = self._size_so_far
            raise BadMessage(413, f"client intended to send too large chunked body: {so_far}+{size} bytes")
        self._size_so_far += size
        self._left = size
        self._state = self._DATA if self._left else self._TRAILER
        return line.end()

    def _data(self, data: bytes, position: int, payload: list[bytes]) -> int:
        piece = data[position : position + self._left] if position or len(data) > self._left else data
        payload.append(piece)
        self._left -= len(piece)
        if not self._left:
            self._state = self._DATA_END
        return position + len(piece)

    def _data_end(self, data: bytes, position: int, payload: list[bytes]) -> int:
        if data[position : position + 2] == b"\r\n":
            self._state = self._SIZE
            return position + 2
        if data[position:] == b"\r":
            return -1
        raise BadMessage(400, "client sent invalid chunked body")

    def _trailer(self, data: bytes, position: int, payload: list[bytes]) -> int:
        end = data.find(b"\n", position)
        if end < 0:
            if len(data) - position > _MAX_TRAILER:
                raise BadMessage(400, "client sent invalid chunked body")
            return -1
        line = data[position:end]
        if not line.endswith(b"\r") or b"\r" in line[:-1]:
            raise BadMessage(400, "client sent invalid chunked body")
        line = line[:-1]
        if not line:
            self.done = True
        else:
            self._trailers += 1
            if self._trailers > 100:
                raise BadMessage(400, "client sent invalid chunked body")
        return end + 1

    _STEPS = (_size, _data, _data_end, _trailer)


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body, as nginx writes it: lower-case hex."""
    return b"%x\r\n%b\r\n" % (len(data), data)


LAST_CHUNK = b"0\r\n\r\n"
