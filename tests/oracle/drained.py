"""What the kernel knows of the other end of a loopback connection: has it read all, has it closed?

What makes "in two writes" and "after the client has gone" certain without waiting long enough: Linux's
sock_diag(7) tells the state and the receive queue of the other end's socket. Elsewhere a pause has to do.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass

Address = tuple[str, int]
_BY_FAMILY, _REQUEST, _NETLINK_SOCK_DIAG = 20, 1, 4
_HEADER, _STATE, _QUEUE = 16, 16 + 1, 16 + 4 + 48 + 4
_ESTABLISHED, _CLOSE_WAIT = 1, 8
_PAUSE, _POLL = 0.02, 0.0003


@dataclass(frozen=True, slots=True)
class End:
    """A socket: its TCP state, and how many octets its process has not read yet; state 0 is no socket."""

    state: int
    unread: int

    @property
    def open(self) -> bool:
        return self.state in (_ESTABLISHED, _CLOSE_WAIT)


def end(local: Address, remote: Address) -> End | None:
    """The socket at `local` that is connected with `remote`; None where nobody can say."""
    identity = struct.pack("!HH", local[1], remote[1])
    identity += socket.inet_aton(local[0]) + bytes(12) + socket.inet_aton(remote[0]) + bytes(12)
    identity += struct.pack("=III", 0, 0xFFFFFFFF, 0xFFFFFFFF)
    body = struct.pack("=BBBBI", socket.AF_INET, socket.IPPROTO_TCP, 0, 0, 0xFFFFFFFF) + identity
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as netlink:
            netlink.settimeout(1)
            netlink.send(struct.pack("=IHHII", _HEADER + len(body), _BY_FAMILY, _REQUEST, 0, 0) + body)
            answer = netlink.recv(4096)
    except (AttributeError, OSError):
        return None
    if struct.unpack_from("=H", answer, 4)[0] != _BY_FAMILY:
        return End(0, 0)
    return End(answer[_STATE], struct.unpack_from("=I", answer, _QUEUE)[0])


def wait_until_read(here: Address, there: Address, deadline: float) -> None:
    """Return when the process at `there` has read what we sent, or the deadline (monotonic) has passed."""
    _wait(here, there, deadline, lambda found: not found.unread)


def wait_until_closed(here: Address, there: Address, deadline: float) -> None:
    """Return when the process at `there` has closed its connection with us, or the deadline has passed."""
    _wait(here, there, deadline, lambda found: not found.open)


def _wait(here: Address, there: Address, deadline: float, done: Callable[[End], bool]) -> None:
    while time.monotonic() < deadline:
        found = end(there, here)
        if found is None:
            time.sleep(_PAUSE)
            return
        if done(found):
            return
        time.sleep(_POLL)
