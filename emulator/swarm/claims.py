"""A run's claim on a part of 127/8, so that two emulators at once do not meet.

The claim is an abstract unix socket's name for each second octet: the kernel lets one process have
it and takes it back when that process dies, however it dies.
"""

from __future__ import annotations

import contextlib
import os
import socket

# 127.0.0.0/16 belongs to the machine (localhost, resolvers); its twin is where its tasks' loopback would be.
_RESERVED = (0, 128)


class NoLoopback(Exception):
    """Every part of 127/8 is taken by another run."""


class Claims:
    """The second octets that this run holds, each with its twin for the tasks' own loopback."""

    def __init__(self) -> None:
        self._held: dict[int, tuple[socket.socket, socket.socket]] = {}

    def shift(self, octet: int, *, anywhere: bool) -> int:
        """How far a projected subnet has to move on; `anywhere` does not insist on the first place."""
        first = os.urandom(1)[0] if anywhere else 0
        for step in range(first, first + 256):
            if self._claim((octet + step) % 256):
                return step
        raise NoLoopback("no part of 127.0.0.0/8 is free: 126 other networks of emulators are up")

    def release(self) -> None:
        for pair in self._held.values():
            for held in pair:
                held.close()
        self._held.clear()

    def _claim(self, octet: int) -> bool:
        if octet in _RESERVED or octet ^ 128 in self._held:
            return False
        if octet in self._held:
            return True
        with contextlib.ExitStack() as undo:
            pair = (socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX))
            for held in pair:
                undo.callback(held.close)
            for name, held in zip((octet, octet ^ 128), pair, strict=True):
                try:
                    held.bind(f"\0emulator-loopback-127.{name}")
                except OSError:
                    return False
            undo.pop_all()
            self._held[octet] = pair
        return True
