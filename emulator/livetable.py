"""The live table of a network: which services it has and where their tasks are, in shared memory.

The engine writes, the processes of tasks read. One file a network, of fixed size and mapped:

    u64 generation | u32 length, u32 crc32, JSON | u32 length, u32 crc32, JSON

Rules:
1. The generation's lowest bit names the half that holds. A writer fills the other half and only then
   stores the generation, so a writer that is killed at any moment leaves the old table in force.
2. A reader compares eight bytes per look-up and parses only what changed; no message is ever sent.
3. A half that does not fit its checksum is not believed: the reader keeps what it knows and looks again.
4. Nothing here imports more than json, mmap and zlib: a task's interpreter reads it too, of any version.
"""

from __future__ import annotations

import json
import mmap
import os
import struct
import zlib

TYPE_CHECKING = False  # typing itself would cost more than the rest of this module
if TYPE_CHECKING:
    from typing import Any

    Payload = dict[str, Any]

SIZE = 1 << 20
_HALVES = (8, 8 + (SIZE - 8) // 2 // 8 * 8)
_CAPACITY = _HALVES[1] - _HALVES[0] - 8
_HEAD = struct.Struct("=II")


class EndpointTable:
    """The writing side; only the engine has one."""

    def __init__(self, path: str) -> None:
        self.path = path
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.ftruncate(descriptor, SIZE)
            if hasattr(os, "posix_fallocate"):  # a full disk is an error here, and no SIGBUS later
                os.posix_fallocate(descriptor, 0, SIZE)
            self._map = mmap.mmap(descriptor, SIZE)
        finally:
            os.close(descriptor)
        self._generation = memoryview(self._map)[:8].cast("Q")

    def publish(self, payload: Payload) -> None:
        """Put a new table in force: the next look-up of every reader sees it."""
        data = json.dumps(payload, separators=(",", ":")).encode()
        if len(data) > _CAPACITY:
            raise ValueError(f"{len(data)} bytes of endpoints do not fit into {self.path} ({_CAPACITY})")
        generation = self._generation[0] + 1
        start = _HALVES[generation & 1]
        _HEAD.pack_into(self._map, start, len(data), zlib.crc32(data))
        self._map[start + 8 : start + 8 + len(data)] = data
        self._generation[0] = generation

    def close(self) -> None:
        self._generation.release()
        self._map.close()


class LiveTable:
    """The reading side: `changed()` is the one comparison, `read()` the table in force."""

    def __init__(self, path: str) -> None:
        self.path = path
        descriptor = os.open(path, os.O_RDONLY)
        try:
            self._map = mmap.mmap(descriptor, SIZE, prot=mmap.PROT_READ)
        finally:
            os.close(descriptor)
        self._generation = memoryview(self._map)[:8].cast("Q")
        self._known = -1
        self._payload: Payload = {}

    def changed(self) -> bool:
        return self._generation[0] != self._known

    def read(self) -> Payload:
        """The table in force, or the last one that was whole."""
        for _ in range(3):
            generation = self._generation[0]
            if generation == self._known:
                break
            data = self._half(generation & 1)
            if data is not None and generation == self._generation[0]:
                self._payload = json.loads(data) if generation else {}
                self._known = generation
        return self._payload

    def _half(self, half: int) -> bytes | None:
        start = _HALVES[half]
        length, checksum = _HEAD.unpack_from(self._map, start)
        if length > _CAPACITY:
            return None
        data = self._map[start + 8 : start + 8 + length]
        return data if zlib.crc32(data) == checksum else None
