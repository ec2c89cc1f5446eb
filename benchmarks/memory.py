"""Resident memory: what an idle keep-alive connection costs a server that has answered one request on it."""

from __future__ import annotations

import contextlib
import re
import resource
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

from benchmarks.answers import Refused, Request, check, read

SPARE = 500  # descriptors for all else
_PER_ADDRESS = 2_000  # connections from one client address, far fewer than it has ports
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing leaves nothing in TIME_WAIT
_RESIDENT = re.compile(r"^Rss:\s+(\d+) kB", re.MULTILINE)


def raise_limit() -> None:
    """As many descriptors as this process may have; what it starts inherits them."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def need_descriptors(count: int) -> None:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count + SPARE:
        raise Refused(f"{count + SPARE} descriptors are needed, {soft} allowed (ulimit -Hn)")


def processes(root: int) -> Iterator[int]:
    """A process and all below it."""
    yield root
    for child in Path(f"/proc/{root}/task/{root}/children").read_text().split():
        yield from processes(int(child))


def resident(root: int) -> int:
    """Bytes of memory of a server, its workers included; smaps_rollup because statm is only about right."""
    texts = (Path(f"/proc/{process}/smaps_rollup").read_text() for process in processes(root))
    return 1024 * sum(int(number) for text in texts for number in _RESIDENT.findall(text))


def per_connection(process: int, port: int, request: Request, bodies: frozenset[bytes], count: int) -> float:
    """Bytes that each of `count` idle connections adds."""
    with contextlib.ExitStack() as stack:
        for _ in range(100):  # what is allocated once is not counted
            connected(port, request, bodies).close()
        before = resident(process)
        for number in range(count):
            stack.enter_context(connected(port, request, bodies, number // _PER_ADDRESS))
        return (resident(process) - before) / count


def connected(port: int, request: Request, bodies: frozenset[bytes], address: int = 0) -> socket.socket:
    """A connection from one of several client addresses, on which one request has been answered."""
    sock = socket.create_connection(("127.0.0.1", port), 10, (f"127.0.0.{2 + address}", 0))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    sock.sendall(request.head(port))
    with sock.makefile("rb") as stream:
        answer = read(stream)
    check(answer, bodies)
    if answer.fields.get("connection") != "keep-alive":
        raise Refused("a connection was not kept")
    return sock
