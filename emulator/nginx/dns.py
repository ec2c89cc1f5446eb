"""DNS on the wire: a question, and what an answer says (RFC 1035; SRV: RFC 2782; AAAA: RFC 3596). Pure."""

from __future__ import annotations

import ipaddress
import struct
from typing import NamedTuple

A, CNAME, AAAA, SRV = 1, 5, 28, 33
_INTERNET = 1
_RECURSION_DESIRED = 0x0100
_RESPONSE, _TRUNCATED = 0x8000, 0x0200
_MUST_BE = 0xF870  # an answer to a question of the usual kind, and no reserved bits
_HEAD = struct.Struct("!6H")
_MOST_LABELS = 128  # of one name; more is a circle of pointers

FORMAT_ERROR, SERVER_FAILURE, NOT_FOUND = 1, 2, 3
TIMED_OUT = 110
WORDS = {
    FORMAT_ERROR: "Format error",
    SERVER_FAILURE: "Server failure",
    NOT_FOUND: "Host not found",
    4: "Unimplemented",
    5: "Operation refused",
    TIMED_OUT: "Operation timed out",
}


class BadAnswer(ValueError):
    """What came is no answer."""


class Record(NamedTuple):
    """One record: `value` is an address, a name, or for SRV a target with what stands before it."""

    kind: int
    ttl: int
    value: str
    priority: int = 0
    weight: int = 0
    port: int = 0


class Answer(NamedTuple):
    """A whole answer to one question."""

    number: int
    code: int
    name: str
    kind: int
    records: tuple[Record, ...]
    truncated: bool = False


def question(number: int, name: str, kind: int) -> bytes:
    """The packet that asks for one kind of records of a name; ValueError for what is no name."""
    labels = name.rstrip(".").encode("ascii").split(b".")
    if any(not 0 < len(label) < 64 for label in labels):
        raise ValueError(f"not a name: {name!r}")
    encoded = b"".join(bytes((len(label),)) + label for label in labels)
    return _HEAD.pack(number, _RECURSION_DESIRED, 1, 0, 0, 0) + encoded + b"\0" + struct.pack("!2H", kind, 1)


def read(packet: bytes) -> Answer:
    """What a name server's packet says."""
    try:
        return _read(packet)
    except (struct.error, IndexError, UnicodeDecodeError, ValueError) as error:
        raise error if isinstance(error, BadAnswer) else BadAnswer("short DNS response") from error


def _read(packet: bytes) -> Answer:
    number, flags, questions, answers, _, _ = _HEAD.unpack_from(packet)
    if flags & _MUST_BE != _RESPONSE:
        raise BadAnswer(f"invalid UDP DNS response {number} fl:{flags:04X}")
    if questions != 1:
        raise BadAnswer(f"invalid number of questions in DNS response: {questions}")
    name, at = _name(packet, _HEAD.size)
    kind, _ = struct.unpack_from("!2H", packet, at)
    at += 4
    records = []
    for _ in range(answers):
        record, at = _record(packet, at)
        if record is not None:
            records.append(record)
    return Answer(number, flags & 15, name, kind, tuple(records), bool(flags & _TRUNCATED))


def _record(packet: bytes, at: int) -> tuple[Record | None, int]:
    _, at = _name(packet, at)
    kind, family, ttl, length = struct.unpack_from("!2HIH", packet, at)
    at += 10
    data = packet[at : at + length]
    if len(data) != length:
        raise BadAnswer("a record is longer than the packet")
    found: Record | None = None
    if family != _INTERNET:
        pass
    elif (kind, length) in ((A, 4), (AAAA, 16)):
        found = Record(kind, ttl, str(ipaddress.ip_address(data)))
    elif kind == CNAME:
        found = Record(kind, ttl, _name(packet, at)[0])
    elif kind == SRV:
        priority, weight, port = struct.unpack_from("!3H", data)
        found = Record(kind, ttl, _name(packet, at + 6)[0], priority, weight, port)
    return found, at + length


def _name(packet: bytes, at: int) -> tuple[str, int]:
    """A name and where it ends; a pointer leads back to one that was there before."""
    labels: list[str] = []
    end = 0
    for _ in range(_MOST_LABELS):
        length = packet[at]
        if length >= 0xC0:
            end = end or at + 2
            at = (length & 0x3F) << 8 | packet[at + 1]
        elif length:
            labels.append(packet[at + 1 : at + 1 + length].decode("ascii"))
            at += length + 1
        else:
            return ".".join(labels).lower(), end or at + 1
    raise BadAnswer("a name without end")


def service_name(service: str, host: str) -> str:
    """The name under which the servers of a service stand (`service=` of nginx's `server`)."""
    return f"{service}.{host}" if "." in service else f"_{service}._tcp.{host}"
