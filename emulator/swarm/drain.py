"""A task's way out while it serves: its successor serves, nobody new comes, then it is told to stop.

In a swarm a task that is to stop is in the rotation for another 1.1 s, and 2 s lie between its leaving and
the signal (libnetwork's gossip delay): a successor that listens by then, or an answer that is finished by
then, loses nobody. Here each wait is over as soon as its reason is, and after that time at the latest.
Whether a connection is open or waits to be accepted, the kernel knows (sock_diag(7)).
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable, Sequence

from .loop import Loop, Timer

_LONGEST_IN_ROTATION, _LONGEST_OUT = 1.1, 2.0
_FIRST, _GROWTH, _SLOWEST = 0.02, 1.5, 0.2
# Who has read the table just before a change still dials: idle has to be seen this often.
_SEEN_IDLE = 2

_SOCK_DIAG, _BY_FAMILY, _DUMP, _DONE, _ERROR = 4, 20, 0x301, 3, 2
_ESTABLISHED, _SYN_RECV, _CLOSE_WAIT, _LISTEN = 1, 3, 8, 10
_STATES = 1 << _ESTABLISHED | 1 << _SYN_RECV | 1 << _CLOSE_WAIT | 1 << _LISTEN
_HEAD = struct.Struct("=IHHII")
_REQUEST = struct.Struct("=BBBBI2s2s16s16sI8s")
_MESSAGE = struct.Struct("=BBBB2s2s16s16sI8sIII")

Address = tuple[str, int]


class Drain:
    """Calls `leave` when `replaced` says so, and `drained` once nobody is being served any more."""

    def __init__(
        self,
        loop: Loop,
        addresses: Sequence[Address],
        replaced: Callable[[], bool],
        leave: Callable[[], object],
        drained: Callable[[], object],
    ) -> None:
        self._loop, self._addresses, self._replaced = loop, addresses, replaced
        self._leave, self._drained = leave, drained
        self._until = loop.time() + _LONGEST_IN_ROTATION
        self._pause, self._idle = _FIRST, 0
        self._timer: Timer | None = None
        self._stay()

    def cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def hurry(self) -> None:
        """The rest of it now."""
        self.cancel()
        self._leave()
        self._drained()

    def _stay(self) -> None:
        if not self._replaced() and self._loop.time() < self._until:
            self._timer = self._loop.call_later(_FIRST, self._stay)
            return
        self._leave()
        self._until = self._loop.time() + _LONGEST_OUT
        self._timer = self._loop.call_later(_FIRST, self._look)

    def _look(self) -> None:
        busy = any(is_busy(address) for address in self._addresses)
        self._idle = 0 if busy else self._idle + 1
        if self._idle >= _SEEN_IDLE or self._loop.time() >= self._until:
            self._drained()
            return
        self._pause = min(self._pause * _GROWTH, _SLOWEST) if busy else _FIRST
        self._timer = self._loop.call_later(self._pause, self._look)


def is_busy(address: Address) -> bool:
    """Whether a TCP connection to it is open or waits to be; False where the kernel does not tell."""
    host, port = socket.inet_aton(address[0]), address[1]
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _SOCK_DIAG) as link:
            link.send(_question(port))
            return any(_is_open(message, host, port) for message in _answers(link))
    except (OSError, AttributeError):
        return False


def _question(port: int) -> bytes:
    number = port.to_bytes(2, "big")
    body = _REQUEST.pack(
        socket.AF_INET, socket.IPPROTO_TCP, 0, 0, _STATES, number, b"", b"", b"", 0, b"\xff" * 8
    )
    return _HEAD.pack(_HEAD.size + len(body), _BY_FAMILY, _DUMP, 1, 0) + body


def _answers(link: socket.socket) -> Sequence[bytes]:
    found: list[bytes] = []
    while data := link.recv(1 << 16):
        at = 0
        while at + _HEAD.size <= len(data):
            length, kind, *_ = _HEAD.unpack_from(data, at)
            if kind == _ERROR:
                raise OSError(os.strerror(-struct.unpack_from("=i", data, at + _HEAD.size)[0]))
            if kind == _DONE:
                return found
            found.append(data[at + _HEAD.size : at + length])
            at += (length + 3) & ~3
    return found


def _is_open(message: bytes, host: bytes, port: int) -> bool:
    _, state, _, _, sport, _, source, _, _, _, _, waiting, _ = _MESSAGE.unpack_from(message)
    if int.from_bytes(sport, "big") != port:
        return False
    if state == _LISTEN:
        return bool(waiting) and source[:4] in (host, bytes(4))
    return bool(source[:4] == host)
