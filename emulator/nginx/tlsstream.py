"""TLS over a non-blocking socket, with a socket's own manners, so that who reads and writes need not know.

Rules:
- `recv` gives less than it was asked for only when the socket is empty, as a plain socket does: records
  are gathered, and nothing that was decrypted stays behind unseen;
- `send` counts octets as sent when their records have left; what is encrypted and waits in a full socket's
  front is sent again by the next call, which is given the same octets first;
- the socket stays a plain one: OpenSSL works on memory, and octets go in and out here.
"""

from __future__ import annotations

import contextlib
import ssl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket

_RAW = 65536
_BATCH = 65536  # how much is encrypted before the socket is asked to take it
RECORD = 16384


class HandshakeClosed(ConnectionError):
    """The peer closed its connection within a handshake."""


class TlsStream:
    """One connection, on either side; `first` is what has been read from the socket before."""

    __slots__ = (
        "_backlog",
        "_broken",
        "_incoming",
        "_outgoing",
        "_owed",
        "_record",
        "_sock",
        "_write",
        "done",
        "ended",
        "flight",
        "started",
        "tls",
    )

    def __init__(
        self,
        sock: socket.socket,
        context: ssl.SSLContext,
        server: bool,
        name: str | None = None,
        session: ssl.SSLSession | None = None,
        first: bytes = b"",
        record: int = RECORD,
    ) -> None:
        self._sock = sock
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._incoming.write(first)
        self.tls = context.wrap_bio(self._incoming, self._outgoing, server, name, session)
        self._write = self.tls.write
        self._record = record
        self._backlog: bytes | memoryview = b""  # encrypted, and not taken by the socket yet
        self._owed = 0  # how many octets of the next `send` are in there
        self._broken = False
        self.done = False
        self.ended = False  # the peer has said so, maybe behind octets that were just given out
        self.flight = b""  # the first octets that we sent
        self.started = False  # the socket has taken some

    def handshake(self) -> bool:
        """Go on with the handshake; True when it is done. Raises ssl.SSLError, HandshakeClosed or OSError."""
        try:
            while not self._step():
                if not self._receive_raw():
                    raise HandshakeClosed
        except BlockingIOError:
            return False
        return True

    def _step(self) -> bool:
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return False
        except ssl.SSLError:
            self._broken = True
            with contextlib.suppress(OSError):
                self._flush()  # the alert
            raise
        self._flush()
        self.done = True
        return True

    def _receive_raw(self) -> bool:
        """Hand OpenSSL what has arrived; False at the end. BlockingIOError when nothing has."""
        data = self._sock.recv(_RAW)
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()
            self._broken = True  # who ends without a word gets none
        return bool(data)

    def recv(self, size: int, flags: int = 0) -> bytes:
        """As socket.recv; a peek takes what it sees, which only one who closes for it may do."""
        parts: list[bytes] = []
        left = size
        try:
            while left:
                try:
                    data = self.tls.read(left)
                except ssl.SSLWantReadError:
                    self._receive_raw()
                    continue
                except ssl.SSLZeroReturnError:
                    self.ended = True
                    break
                if not data:
                    self.ended = True
                    break
                parts.append(data)
                left -= len(data)
        except BlockingIOError:
            if not parts:
                raise
        except OSError:
            self._broken = True
            if not parts:
                raise
        finally:
            if self._outgoing.pending and self.done:
                self._flush()
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def send(self, data: bytes | memoryview) -> int:
        """As socket.send, for one who offers the same octets again when not all were taken."""
        taken, self._owed = self._owed, 0
        if (self._backlog or self._outgoing.pending) and not self._flush():
            self._owed = taken
            raise BlockingIOError
        view = memoryview(data)
        if taken > len(view):
            self._owed = taken - len(view)
            return len(view)
        while taken < len(view):
            batch = view[taken : taken + _BATCH]
            for at in range(0, len(batch), self._record):
                self._write(batch[at : at + self._record])
            if not self._flush():
                self._owed = len(batch)
                break
            taken += len(batch)
        if not taken and self._owed:
            raise BlockingIOError
        return taken

    def _flush(self) -> bool:
        """Send what is encrypted; True if all of it is out."""
        data: bytes | memoryview = self._outgoing.read()
        if self._backlog:
            data = b"".join((self._backlog, data))
        if not self.done and len(self.flight) < RECORD:
            self.flight += data
        try:
            while data:
                data = memoryview(data)[self._sock.send(data) :]
                self.started = True
        except BlockingIOError:
            pass
        except OSError:
            self._broken = True
            raise
        self._backlog = data
        return not data

    def be_quiet(self) -> None:
        """End without a word, as nginx does with who was too slow."""
        self._broken = True

    def shutdown(self, how: int) -> None:
        """Say the end in TLS's own way, then in TCP's."""
        self._notify()
        self._sock.shutdown(how)

    def _notify(self) -> None:
        if self.done and not self._broken and not self._backlog:
            self._broken = True
            with contextlib.suppress(OSError):
                self.tls.unwrap()
            with contextlib.suppress(OSError):
                self._flush()

    def close(self) -> None:
        self._notify()
        self._sock.close()

    # what else is asked of a socket

    def fileno(self) -> int:
        return self._sock.fileno()

    def getsockname(self) -> tuple[str, int]:
        name: tuple[str, int] = self._sock.getsockname()
        return name

    def getsockopt(self, level: int, name: int, size: int = 0) -> int | bytes:
        return self._sock.getsockopt(level, name, size) if size else self._sock.getsockopt(level, name)

    def setsockopt(self, level: int, name: int, value: int | bytes) -> None:
        self._sock.setsockopt(level, name, value)

    def __repr__(self) -> str:
        return f"<TlsStream {self.tls.version()} {'done' if self.done else 'handshaking'}>"
