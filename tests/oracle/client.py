"""Plays an exchange on one connection and returns what came back and whether the connection stayed.

There is no waiting "long enough": the answers are read as their framing says, then a probe, a request that
no server can take for anything but a 400, and FIN are sent and everything is read until the end. The
answer to the probe proves that the connection was kept; FIN ends a wait for a body that never comes.
"""

from __future__ import annotations

import contextlib
import re
import select
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from .answer import Answer, Reader
from .casefile import Exchange
from .drained import wait_until_closed, wait_until_read
from .script import Step
from .secure import Refused, Resumed, Secure
from .upstream import Signals

Change = Callable[[Step], None]  # does a step that is about a file
PROBE = b"\x01PROBE\r\n\r\n"
DEADLINE = 4.0
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_LENGTH = re.compile(rb"\n *content-length: *([0-9]{1,9}) *\r?\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\ntransfer-encoding: *chunked *\r?\n", re.IGNORECASE)
_CHUNK = re.compile(rb"([0-9a-fA-F]{1,8})[^\r\n]*\r?\n")


@dataclass(slots=True)
class Transcript:
    """`answers` to the exchange, `tail` after them, and how it ended."""

    answers: list[Answer] = field(default_factory=list)
    tail: list[Answer] = field(default_factory=list)
    end: str = "closed"
    agreed: str = ""  # in a TLS handshake


def methods_sent(data: bytes) -> list[bytes]:
    """The methods of the complete requests in `data`, as a lenient server would see them."""
    methods: list[bytes] = []
    at = 0
    while (at := at + len(data[at:]) - len(data[at:].lstrip(b"\r\n"))) < len(data):
        line = data[at:].split(b"\n", 1)[0]
        if b" " in line.strip() and b"HTTP/" not in line.upper() and b"\n" in data[at:]:
            return [*methods, b"0.9"]
        found = _HEAD_END.search(data, at)
        if not found:
            break
        at = _body_end(data, found.end(), data[at : found.end()])
        if at > len(data):
            break
        methods.append(line.split(b" ", 1)[0])
    return methods


def _body_end(data: bytes, at: int, head: bytes) -> int:
    """Where the body that begins at `at` ends; beyond the data when it is unfinished."""
    if not _CHUNKED.search(head):
        length = _LENGTH.search(head)
        return at + (int(length[1]) if length else 0)
    while found := _CHUNK.match(data, at):
        size = int(found[1], 16)
        at = found.end() + size
        if size == 0:
            break
        at = data.find(b"\n", at) + 1 or len(data) + 1
    else:
        return len(data) + (at >= len(data))
    end = data.find(b"\n", at)
    while end > at + 1:
        at, end = end + 1, data.find(b"\n", end + 1)
    return end + 1 if end >= 0 else len(data) + 1


class Client:
    """One connection in the hands of an exchange."""

    def __init__(
        self, port: int, exchange: Exchange, signals: Signals, change: Change, kept: Resumed
    ) -> None:
        self.exchange, self.signals, self._change = exchange, signals, change
        self.deadline = time.monotonic() + DEADLINE
        sent = b"".join(step.data for step in exchange.steps if step.verb == "send")
        methods = methods_sent(sent)
        self.expected = len(methods) if exchange.answers is None else exchange.answers
        self.reader = Reader(methods)
        self.awaited = 0
        self.over = self.finished = False
        self.there = ("127.0.0.1", port)
        sock = socket.create_connection(self.there, timeout=DEADLINE)
        self.here = sock.getsockname()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock: socket.socket | Secure = sock
        self._kept = kept

    def play(self) -> Transcript:
        agreed = ""
        try:
            if self.exchange.tls is not None:
                assert isinstance(self.sock, socket.socket)
                self.sock = Secure(self.sock, self.exchange.tls, self._kept)
                agreed = self.sock.describe()
            self.sock.setblocking(False)
            return replace(self._play(), agreed=agreed)
        except Refused as error:
            return Transcript(self.reader.answers, end=f"refused: {error}", agreed=agreed)
        finally:
            self.sock.close()

    def _play(self) -> Transcript:
        try:
            for step in self.exchange.steps:
                if step.path:
                    self._change(step)
                else:
                    self._step(step.verb, step.data)
            return self._finish()
        except TimeoutError:
            return Transcript(self.reader.answers, end="no end in sight")

    def _step(self, verb: str, data: bytes) -> None:
        if verb == "send":
            self._send(data)
        elif verb == "split":
            wait_until_read(self.here, self.there, self.deadline)
        elif verb == "await":
            self._await(data)
        elif verb == "signal":
            self.signals.get(data).set()
        elif verb == "wait" and not self.signals.get(data).wait(max(0.0, self.deadline - time.monotonic())):
            raise TimeoutError
        elif verb == "shutdown":
            self.finished = True
            with contextlib.suppress(OSError):
                self.sock.shutdown(socket.SHUT_WR)
        elif verb in ("close", "reset"):
            linger = struct.pack("ii", 1, 0) if verb == "reset" else struct.pack("ii", 0, 0)
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.over = True
            self.sock.close()
            wait_until_closed(self.here, self.there, self.deadline)

    def _await(self, text: bytes) -> None:
        self.awaited += 1
        awaited = self.awaited
        while not (text in self.reader.raw if text else self.reader.complete >= awaited) and self._read():
            pass

    def _finish(self) -> Transcript:
        if self.sock.fileno() < 0:
            return Transcript(self.reader.answers, end="closed by the client")
        while self.reader.finals < self.expected and not self.reader.tunnel and self._read():
            pass
        if self.over:
            self.reader.closed()
            return Transcript(self.reader.answers, end=self._ended())
        before = len(self.reader.answers)
        probe = self.exchange.probe and not self.finished and not self.reader.tunnel
        if probe:
            self.reader.methods[self.reader.finals :] = []
            self._send(PROBE)
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)
        while self._read():
            pass
        self.reader.closed()
        if probe:
            return _probed(self.reader.answers, before)
        return Transcript(self.reader.answers, end=self._ended())

    def _ended(self) -> str:
        rude = isinstance(self.sock, Secure) and not self.sock.notified
        return "closed without close_notify" if rude else "closed"

    def _send(self, data: bytes) -> None:
        """Write all, reading meanwhile: a server that answers early must not block us, nor we it."""
        view = memoryview(data)
        while view and not self.over:
            readable, writable, _ = select.select([self.sock], [self.sock], [], self._left())
            try:
                if writable:
                    view = view[self.sock.send(view[:65536]) :]
                if readable:
                    self._receive()
            except OSError:
                self._drain()
                return

    def _drain(self) -> None:
        """The connection broke while writing; what had arrived before can still be read."""
        while not self.over:
            self._receive()

    def _read(self) -> bool:
        """More bytes, or False at the end."""
        if not self.over:
            select.select([self.sock], [], [], self._left())
            self._receive()
        return not self.over

    def _receive(self) -> None:
        try:
            data = self.sock.recv(262144)
        except BlockingIOError:
            if time.monotonic() > self.deadline:
                raise TimeoutError from None
            return
        except OSError:
            data = b""
        if data:
            self.reader.feed(data)
        else:
            self.over = True

    def _left(self) -> float:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


def _probed(answers: list[Answer], before: int) -> Transcript:
    tail = answers[before:]
    if len(tail) == 1 and tail[0].status == 400 and tail[0].complete:
        return Transcript(answers[:before], end="kept")
    return Transcript(answers[:before], tail)


def fence(port: int) -> None:
    """A request whose answer proves that a single worker is done with everything that came before."""
    with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE) as sock:
        sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
        while sock.recv(4096):
            pass
