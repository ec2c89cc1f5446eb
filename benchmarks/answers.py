"""What a server answered, to the byte: a figure counts only if every answer behind it was the expected one.

Bodies are compared with the expected ones before and after each row, over a plain socket; the load in
between is held to the same by its number of bytes (see wrk.check and openloop).
"""

from __future__ import annotations

import gzip
import socket
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import BinaryIO

PATIENCE = 20.0  # seconds for one answer, however slow the machine


class Refused(Exception):
    """Why a row is not reported."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for; with `upload`, a POST of so many bytes."""

    target: str = "/"
    fields: tuple[tuple[str, str], ...] = ()
    upload: int = 0

    def head(self, port: int) -> bytes:
        """The bytes up to the body, as wrk sends them."""
        fields = self.fields
        if "Host" not in dict(fields):
            fields = (("Host", f"127.0.0.1:{port}"), *fields)
        if self.upload:
            fields = (*fields, ("Content-Length", str(self.upload)))
        lines = [f"{'POST' if self.upload else 'GET'} {self.target} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in fields]
        return "\r\n".join([*lines, "", ""]).encode()


@dataclass(frozen=True, slots=True)
class Answer:
    """A response; `size` counts its bytes on the wire, `body` is free of chunks and gzip."""

    status: int
    fields: dict[str, str]
    body: bytes
    size: int


def ask(port: int, request: Request, host: str = "127.0.0.1") -> Answer:
    """One request on a connection of its own; whatever is not an answer is Refused."""
    try:
        with socket.create_connection((host, port), PATIENCE) as sock:
            sock.sendall(request.head(port) + b"x" * request.upload)
            return read(sock.makefile("rb"))
    except (OSError, ValueError, EOFError, zlib.error) as error:
        raise Refused(f"no whole answer to {request.target}: {error or type(error).__name__}") from error


def read(stream: BinaryIO) -> Answer:
    """The next response of a stream (RFC 9112, 6.3); raises ValueError where it breaks off."""
    head = list(_head(stream))
    status = int(head[0].split()[1])
    pairs = (line.decode("latin-1").partition(":") for line in head[1:])
    fields = {name.lower(): value.strip() for name, _, value in pairs}
    body, framing = _body(stream, fields)
    if fields.get("content-encoding") == "gzip":
        return Answer(status, fields, gzip.decompress(body), _length(head) + len(body) + framing)
    return Answer(status, fields, body, _length(head) + len(body) + framing)


def _head(stream: BinaryIO) -> Iterator[bytes]:
    while line := stream.readline():
        if line == b"\r\n":
            return
        yield line
    raise ValueError("it ends in its head")


def _length(head: list[bytes]) -> int:
    return sum(map(len, head)) + 2


def _body(stream: BinaryIO, fields: dict[str, str]) -> tuple[bytes, int]:
    """The payload, and how many bytes of framing were around it."""
    if fields.get("transfer-encoding") == "chunked":
        return _chunks(stream)
    if "content-length" in fields:
        return _exactly(stream, int(fields["content-length"])), 0
    return stream.read(), 0


def _chunks(stream: BinaryIO) -> tuple[bytes, int]:
    parts: list[bytes] = []
    framing = 0
    while True:
        line = stream.readline()
        part = _exactly(stream, int(line, 16))
        framing += len(line) + len(_exactly(stream, 2))
        if not part:
            return b"".join(parts), framing
        parts.append(part)


def _exactly(stream: BinaryIO, count: int) -> bytes:
    data = stream.read(count)
    if len(data) != count:
        raise ValueError(f"{len(data)} bytes of {count}")
    return data


def check(answer: Answer, bodies: Collection[bytes]) -> None:
    """Refuse anything but 200 with one of these bodies, honestly measured."""
    if answer.status != 200:
        raise Refused(f"status {answer.status}: {answer.body[:120]!r}")
    if answer.body not in bodies:
        raise Refused(f"a wrong body of {len(answer.body)} bytes: {answer.body[:120]!r}")
    length = answer.fields.get("content-length")
    if length is not None and "content-encoding" not in answer.fields and int(length) != len(answer.body):
        raise Refused(f"Content-Length {length} for {len(answer.body)} bytes")


_ALIKE = ("content-type", "content-encoding", "transfer-encoding", "vary", "etag", "location")


def agree(ours: Answer, theirs: Answer) -> None:
    """Refuse two answers of which one costs less because it says less."""
    for name in _ALIKE:
        if ours.fields.get(name) != theirs.fields.get(name):
            raise Refused(f"{name}: {ours.fields.get(name)!r} here, {theirs.fields.get(name)!r} there")
    if ours.fields.keys() != theirs.fields.keys():
        raise Refused(f"other fields: {sorted(ours.fields.keys() ^ theirs.fields.keys())}")
    if "content-encoding" in ours.fields and abs(ours.size - theirs.size) > theirs.size // 20:
        raise Refused(f"compressed to {ours.size} bytes here, to {theirs.size} there")
