"""Clients that read nothing, send without end, or come in crowds: time and memory stay bounded."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.oracle.servers import ours

from .arena import Arena
from .site import LARGE

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it looks into /proc")
BOUND = 8.0
MEMORY = 48 << 20
CROWD = 300


@pytest.fixture(scope="module")
def arena() -> Iterator[Arena]:
    arena = Arena(ours())
    yield arena
    arena.stop()


def connect(arena: Arena, stack: ExitStack, sent: bytes, window: int = 0) -> socket.socket:
    sock = stack.enter_context(socket.socket())
    if window:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
    sock.settimeout(BOUND)
    sock.connect(("127.0.0.1", arena.site.port))
    sock.sendall(sent)
    return sock


def until_closed(sock: socket.socket) -> int:
    """How many octets came before the end."""
    count = 0
    try:
        while data := sock.recv(1 << 16):
            count += len(data)
    except ConnectionResetError:
        pass
    return count


def test_a_crowd_that_never_reads_costs_neither_memory_nor_the_others(arena: Arena) -> None:
    before, began = arena.site.memory(), time.monotonic()
    with ExitStack() as stack:
        request = b"GET /files/large.bin HTTP/1.1\r\nHost: a\r\n\r\n"
        crowd = [connect(arena, stack, request, 4096) for _ in range(50)]
        arena.site.knock()
        assert arena.site.memory() - before < MEMORY
        assert arena.aftermath() == []
        assert max(until_closed(sock) for sock in crowd) < LARGE
    assert time.monotonic() - began < BOUND


def test_a_crowd_with_half_a_head_is_closed_in_time_and_the_others_are_served(arena: Arena) -> None:
    before, began = arena.site.memory(), time.monotonic()
    with ExitStack() as stack:
        crowd = [connect(arena, stack, b"GET / HTTP/1.1\r\nX: " + b"a" * 900) for _ in range(CROWD)]
        arena.site.knock()
        assert arena.site.memory() - before < MEMORY
        assert sum(until_closed(sock) for sock in crowd) == 0
    assert time.monotonic() - began < BOUND
    assert arena.aftermath() == []


def test_a_head_that_comes_octet_by_octet_is_closed_when_its_time_is_over(arena: Arena) -> None:
    began = time.monotonic()
    with ExitStack() as stack:
        sock = connect(arena, stack, b"GET / HTTP/1.1\r\nHost: a\r\nX: ")
        sock.settimeout(0.02)
        while time.monotonic() - began < BOUND:
            try:
                if not sock.recv(1):
                    break
            except TimeoutError:
                sock.send(b"a")
            except ConnectionResetError:
                break
    assert time.monotonic() - began < 4
    assert arena.aftermath() == []


@pytest.mark.parametrize("target", ["/kept/x", "/stream/x", "/return/x", "/small/x"])
def test_a_body_of_which_nothing_more_comes_ends_in_time(arena: Arena, target: str) -> None:
    before, began = arena.site.memory(), time.monotonic()
    with ExitStack() as stack:
        head = f"POST {target} HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n".encode()
        crowd = [connect(arena, stack, head + b"x" * 30000) for _ in range(50)]
        for sock in crowd:
            until_closed(sock)
        assert arena.site.memory() - before < MEMORY
    assert time.monotonic() - began < BOUND
    assert arena.aftermath() == []


def test_a_crowd_of_large_chunked_bodies_without_an_end_is_refused(arena: Arena) -> None:
    before, began = arena.site.memory(), time.monotonic()
    head = b"POST /kept/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    with ExitStack() as stack:
        for _ in range(20):
            sock = connect(arena, stack, head)
            try:
                for _ in range(200):
                    sock.sendall(b"1000\r\n" + b"x" * 4096 + b"\r\n")
            except (BrokenPipeError, ConnectionResetError):
                continue
        assert arena.site.memory() - before < MEMORY
    assert time.monotonic() - began < BOUND
    assert arena.aftermath() == []
