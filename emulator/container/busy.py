"""Addresses that somebody else has taken, and who it is."""

from __future__ import annotations

import errno
import os
import socket


def taken(host: str, port: int) -> str | None:
    """Why a task could not listen there, in words; None when it could."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, port))
        except OSError as error:
            return words(host, port, error)
    return None


def words(host: str, port: int, error: OSError) -> str:
    """`127.0.0.1:8080: Address already in use (by pid 7, nginx)`."""
    line = f"{host}:{port}: {os.strerror(error.errno or 0)}"
    holder = listener(port) if error.errno == errno.EADDRINUSE else None
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
    return next((holder for pid in pids if (holder := _holds(pid, inodes))), None)


def _holds(pid: str, inodes: set[str]) -> tuple[int, str] | None:
    try:
        descriptors = os.listdir(f"/proc/{pid}/fd")  # noqa: PTH208
        with open(f"/proc/{pid}/comm", encoding="utf-8") as file:  # noqa: PTH123
            name = file.read().strip()
    except OSError:
        return None
    for descriptor in descriptors:
        try:
            if os.readlink(f"/proc/{pid}/fd/{descriptor}") in inodes:  # noqa: PTH115
                return int(pid), name
        except OSError:
            continue
    return None
