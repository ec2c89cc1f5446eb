"""Whether the process at the other end of a loopback connection has read all that was sent to it.

What makes "in two writes" certain without waiting: Linux's sock_diag (see sock_diag(7)) tells the
receive queue of the other end's socket. Elsewhere a short pause has to do.
"""

from __future__ import annotations

import socket
import struct
import time

_ANSWER_QUEUE = 16 + 4 + 48 + 4
_BY_FAMILY, _DUMP_NOTHING, _PAUSE = 20, 1, 0.02


def unread(sock: socket.socket) -> int | None:
    """Octets in the receive queue of `sock`'s other end; None where nobody can say."""
    try:
        (here, here_port), (there, there_port) = sock.getsockname(), sock.getpeername()
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4) as netlink:
            netlink.settimeout(1)
            identity = struct.pack("!HH", there_port, here_port)
            identity += socket.inet_aton(there) + bytes(12) + socket.inet_aton(here) + bytes(12)
            identity += struct.pack("=III", 0, 0xFFFFFFFF, 0xFFFFFFFF)
            body = struct.pack("=BBBBI", socket.AF_INET, socket.IPPROTO_TCP, 0, 0, 0xFFFFFFFF) + identity
            netlink.send(struct.pack("=IHHII", 16 + len(body), _BY_FAMILY, _DUMP_NOTHING, 0, 0) + body)
            answer = netlink.recv(4096)
    except (AttributeError, OSError):
        return None
    if len(answer) < _ANSWER_QUEUE + 4 or struct.unpack_from("=H", answer, 4)[0] != _BY_FAMILY:
        return None
    return int(struct.unpack_from("=I", answer, _ANSWER_QUEUE)[0])


def wait_until_read(sock: socket.socket, deadline: float) -> None:
    """Return when the other end has read everything, is gone, or the deadline (monotonic) has passed."""
    while time.monotonic() < deadline:
        queued = unread(sock)
        if queued is None:
            time.sleep(_PAUSE)
            return
        if queued == 0:
            return
        time.sleep(0.0003)
