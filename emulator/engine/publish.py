"""Published ports: found free before anything starts, and held until their task listens."""

from __future__ import annotations

import errno
import os
import socket

from ..settings import Port, Service
from .state import CannotStart

_HOST = "127.0.0.1"


class Reservations:
    """One bound socket for each published port; a task may listen there all the same (SO_REUSEADDR)."""

    def __init__(self) -> None:
        self._sockets: dict[int, socket.socket] = {}

    def take(self, service: Service) -> tuple[Port, ...]:
        """The service's ports with 0 made a number; raises CannotStart for a busy one."""
        return tuple(port._replace(published=self._take(service.name, port)) for port in service.ports)

    def release(self) -> None:
        for sock in self._sockets.values():
            sock.close()
        self._sockets.clear()

    def hand_over(self, port: int) -> socket.socket:
        """The socket of a port that the engine itself is to serve."""
        return self._sockets.pop(port)

    def _take(self, service: str, port: Port) -> int:
        if port.protocol != "tcp":
            raise CannotStart(f"{service}: published port {port.published}/{port.protocol} is not supported")
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((_HOST, port.published))
        except OSError as error:
            sock.close()
            raise CannotStart(_words(service, port.published, error)) from None
        published = int(sock.getsockname()[1])
        self._sockets[published] = sock
        return published


def _words(service: str, port: int, error: OSError) -> str:
    line = f"{service}: cannot publish port {port}: {_HOST}:{port}: {os.strerror(error.errno or 0)}"
    if error.errno != errno.EADDRINUSE:
        return line
    holder = listener(port)
    return f"{line} (by pid {holder[0]}, {holder[1]})" if holder else line


def listener(port: int) -> tuple[int, str] | None:
    """Who listens on a port of this machine, as far as /proc shows it: pid and name."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(table, encoding="ascii") as file:  # noqa: PTH123
                rows = [line.split() for line in file][1:]
        except OSError:
            continue
        inodes |= {f"socket:[{row[9]}]" for row in rows if row[3] == "0A" and row[1].endswith(f":{port:04X}")}
    pids = [name for name in os.listdir("/proc") if name.isdigit()] if inodes else []  # noqa: PTH208
    for pid in pids:
        try:
            links = {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}  # noqa: PTH115, PTH208
            if links & inodes:
                with open(f"/proc/{pid}/comm", encoding="utf-8") as file:  # noqa: PTH123
                    return int(pid), file.read().strip()
        except OSError:
            continue
    return None
