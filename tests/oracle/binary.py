"""The directives that an nginx binary knows, and where they may stand: its ngx_command_t tables in ELF.

A table's entry is seven words: the name's length and address, the type, the setter and three more. Addresses
are taken as they stand (a static binary) or from the relative relocations (one that may lie anywhere).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_NAME = re.compile(rb"[a-z][a-z0-9_]*\Z")
_ENTRY = struct.Struct("<QQQQ")
_LOAD = 1
_RELA = 4
_RELATIVE = {62: 8, 183: 1027}  # R_X86_64_RELATIVE, R_AARCH64_RELATIVE
_LONGEST = 64


class Command(NamedTuple):
    """One ngx_command_t: its name and its type, a mask of contexts and numbers of arguments."""

    name: str
    type: int


class _Segment(NamedTuple):
    address: int
    data: bytes
    executable: bool


def commands(path: Path) -> list[Command]:
    """Every entry of every table; ValueError where the file is no 64-bit little-endian ELF."""
    image = path.read_bytes()
    if image[:6] != b"\x7fELF\x02\x01":
        raise ValueError(f"{path} is no 64-bit little-endian ELF file")
    segments = [_relocated(segment, image) for segment in _segments(image)]
    return [found for segment in segments if not segment.executable for found in _entries(segment, segments)]


def _segments(image: bytes) -> Iterator[_Segment]:
    (offset,) = struct.unpack_from("<Q", image, 32)
    size, count = struct.unpack_from("<HH", image, 54)
    for number in range(count):
        kind, flags, start, address, _, length = struct.unpack_from("<IIQQQQ", image, offset + number * size)
        if kind == _LOAD:
            yield _Segment(address, image[start : start + length], bool(flags & 1))


def _relocated(segment: _Segment, image: bytes) -> _Segment:
    """The segment with the addresses that a loader would put into it, for a load at zero."""
    data = bytearray(segment.data)
    for address, addend in _relocations(image):
        at = address - segment.address
        if 0 <= at <= len(data) - 8:
            struct.pack_into("<Q", data, at, addend)
    return segment._replace(data=bytes(data))


def _relocations(image: bytes) -> Iterator[tuple[int, int]]:
    (machine,) = struct.unpack_from("<H", image, 18)
    (offset,) = struct.unpack_from("<Q", image, 40)
    size, count = struct.unpack_from("<HH", image, 58)
    for number in range(count):
        (kind,) = struct.unpack_from("<I", image, offset + number * size + 4)
        start, length = struct.unpack_from("<QQ", image, offset + number * size + 24)
        if kind == _RELA:
            for at in range(start, start + length, 24):
                address, info, addend = struct.unpack_from("<QQq", image, at)
                if info & 0xFFFFFFFF == _RELATIVE.get(machine):
                    yield address, addend


def _entries(segment: _Segment, segments: list[_Segment]) -> Iterator[Command]:
    for at in range(-segment.address % 8, len(segment.data) - 56, 8):
        length, name, kind, setter = _ENTRY.unpack_from(segment.data, at)
        if 0 < length < _LONGEST and kind and _is_code(setter, segments):
            text = _text(name, length, segments)
            if text is not None:
                yield Command(text, kind)


def _is_code(address: int, segments: list[_Segment]) -> bool:
    return any(
        segment.executable and segment.address <= address < segment.address + len(segment.data)
        for segment in segments
    )


def _text(address: int, length: int, segments: list[_Segment]) -> str | None:
    for segment in segments:
        at = address - segment.address
        if 0 <= at < len(segment.data):
            found = segment.data[at : at + length + 1]
            return found[:-1].decode() if _NAME.match(found[:-1]) and found.endswith(b"\0") else None
    return None
