"""One connection to a peer while it serves one request: dialled or taken over, written to, read, timed.

Rules:
- a new connection is written to at once: on loopback it is established by the time connect() returns, and
  the first send either succeeds or tells the refusal, without a turn of the event loop;
- descriptors report edges: what was announced is read until the socket is empty, or until the owner pauses
  it; once the peer has shut down its side no more edges come, so reading goes on to the end;
- nothing is decided here: bytes and failures go to the owner, which may close this from within any call.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Protocol, cast

from emulator.namespace import Dial
from emulator.nginx.attempt import READING_HEAD, SENDING, Attempt
from emulator.nginx.deadline import Deadline
from emulator.nginx.event import ERROR, HANGUP, PEER_CLOSED, READ, WRITE
from emulator.nginx.sendqueue import SendQueue

if TYPE_CHECKING:
    from emulator.nginx.bind import Local
    from emulator.nginx.connection import Connection

_READS_PER_TURN = 16
_IP_BIND_ADDRESS_NO_PORT, _IP_TRANSPARENT = 24, 19
_ENDED = PEER_CLOSED | HANGUP | ERROR
_NON_BLOCKING_STREAM = socket.SOCK_STREAM | socket.SOCK_NONBLOCK


class Timeouts(Protocol):
    """In seconds; a location's proxy_connect_timeout and its kin."""

    connect_timeout: float
    send_timeout: float
    read_timeout: float
    read_size: int  # octets at once


class Owner(Protocol):
    """Who is told what happens."""

    def on_connect_failed(self, code: int) -> None: ...
    def on_handshake_failed(self, message: str) -> None: ...
    def on_send_failed(self, error: OSError) -> None: ...
    def on_read_failed(self, error: OSError) -> None: ...
    def on_timeout(self) -> None: ...

    def on_data(self, data: bytes) -> None:
        """Something arrived; b"" is the end."""

    def on_empty(self) -> None:
        """All that has arrived has been read."""


def pending_error(sock: socket.socket) -> int:
    """The error that a socket has to report, if any."""
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


class NotBound(Exception):
    """The log's level and the message for an address that cannot be bound."""

    def __init__(self, level: str, message: str) -> None:
        super().__init__(message)
        self.level = level


def _bind(sock: socket.socket, local: Local) -> None:
    call, level = f"bind({local.text})", "crit"
    try:
        if local.transparent:
            call, level = "setsockopt(IP_TRANSPARENT)", "alert"
            sock.setsockopt(socket.SOL_IP, _IP_TRANSPARENT, 1)
            call, level = f"bind({local.text})", "crit"
        if not local.port and sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.SOL_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
        sock.bind((local.host, local.port))
    except (OSError, TypeError) as error:
        # Python itself refuses an address of another family, with a number of its own
        number = (isinstance(error, OSError) and error.errno) or -1
        number = number if number > 0 else errno.EAFNOSUPPORT
        raise NotBound(level, f"{call} failed ({number}: {os.strerror(number)})") from None


def unix_dial(path: str) -> Dial:
    """The way to a socket in the file system."""
    return Dial(socket.AF_UNIX, path)


def open_stream(family: int) -> socket.socket:
    """A socket that does not block: of the type beneath socket.socket, whose own constructor and close take
    a microsecond each."""
    return cast("socket.socket", socket.SocketType(family, _NON_BLOCKING_STREAM))


def connect(sock: socket.socket, dial: Dial, bound: bool = False) -> int:
    """Begin to connect, from the way's source unless it is bound already; 0, or the error's number."""
    if dial.source is not None and not bound:
        try:
            # the port is chosen at connect(), from all that are free towards this peer
            sock.setsockopt(socket.SOL_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
            sock.bind((dial.source, 0))
        except OSError as error:
            return error.errno or errno.EINVAL
    code = sock.connect_ex(dial.address)
    return 0 if code == errno.EINPROGRESS else code


def is_silent(sock: socket.socket) -> bool:
    """Whether nothing has come, not even the end: what nobody asked for would answer the next request."""
    try:
        sock.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


class UpstreamSocket:
    """A socket with what it has to send; `attempt` counts what goes over it."""

    sock: socket.socket
    fd: int
    connected = False
    more: Callable[[], None] | None = None  # asks for the rest of a request that is still coming in
    sent = False  # the whole request is out
    closed = True
    requests = 0  # that this connection has served before
    _ended = False
    _paused = False
    _waits_for_room = False

    def __init__(self, owner: Owner, connection: Connection, timeouts: Timeouts, attempt: Attempt) -> None:
        self.connection = connection
        self.attempt = attempt
        self._owner = owner
        self._timeouts = timeouts
        self._loop = connection.worker.loop
        deadline = connection.upstream_deadline
        if deadline is None:
            deadline = connection.upstream_deadline = Deadline(self._loop, connection)
        self.deadline: Deadline = deadline
        self.read_size = timeouts.read_size
        self.born: float = self._loop.now

    def connect(self, dial: Dial, local: Local | None = None) -> int:
        """Begin to connect; 0, or the error's number. Raises OSError where no socket is to be had,
        NotBound where it cannot have the address that was asked for."""
        sock = open_stream(dial.family)
        self.take(sock)
        if local is not None:
            _bind(sock, local)
        code = connect(sock, dial, local is not None)
        if not code:
            self._loop.add_arrivals(self.fd, self.on_event)
        return code

    def take_over(self, sock: socket.socket, requests: int, born: float) -> None:
        """Go on with a connection that was kept after other requests."""
        self.take(sock)
        self.connected = True
        self.attempt.begin(self._loop.now)
        self.requests, self.born = requests, born
        self._loop.watch(self.fd, self.on_event)

    def take(self, sock: socket.socket) -> None:
        """Be the one who has this socket."""
        self.sock = sock
        self.fd = sock.fileno()
        self.closed = False

    @cached_property
    def out(self) -> SendQueue:
        """What does not go out at once; most requests are a head, and need none."""
        return SendQueue(self.sock, self.fd)

    def on_event(self, mask: int) -> None:
        if mask & _ENDED:
            self._ended = True
        if not self.connected:
            if code := self._error():
                self._owner.on_connect_failed(code)
                return
            if not mask & (WRITE | READ):
                return
        if not self.sent:
            self.send()
        if mask & ~WRITE and not self.closed and not self._paused:
            self._read()

    def _error(self) -> int:
        """Why there is no connection; 0 while none is known."""
        return self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

    # the way out

    def send_whole(self, data: bytes) -> None:
        """All that there is to send; mostly the socket takes it as it is."""
        try:
            written = self.sock.send(data)
        except BlockingIOError:
            written = 0
        except OSError as error:
            self.send_failed(error)
            return
        if written < len(data):
            self.send_rest(data, written)
            return
        self.attempt.sent = written
        if not self.connected:
            self.connected = True
            self.attempt.begin(self._loop.now)
        self._all_sent()

    def send_rest(self, data: bytes, written: int) -> None:
        """Send what is left when so much of it is out."""
        self.out.sent = written
        self.out.push(data[written:])
        self.send()

    def send(self) -> None:
        """Write what was pushed; the first time this also finds out whether there is a connection."""
        out = self.out
        try:
            done = out.send()
        except OSError as error:
            self.send_failed(error)
            return
        attempt = self.attempt
        attempt.sent = out.sent
        if out.sent and not self.connected:
            self.connected = True
            attempt.begin(self._loop.now)
        if not done:
            timeouts = self._timeouts
            timeout = timeouts.send_timeout if self.connected else timeouts.connect_timeout
            self.deadline.set(timeout, self._owner.on_timeout)
            if not self._waits_for_room:
                self._waits_for_room = True
                self._loop.add_room(self.fd)
            if out.yielded:
                self._loop.post(self._send_on)
        elif self.more is not None:
            self.deadline.clear()
            self.more()
        else:
            self._all_sent()

    def _all_sent(self) -> None:
        self.sent = True
        if self.attempt.doing is SENDING:
            self.attempt.doing = READING_HEAD
        self.deadline.set(self._timeouts.read_timeout, self._owner.on_timeout)

    def _send_on(self) -> None:
        if not self.closed:
            self.send()

    def send_failed(self, error: OSError) -> None:
        """What becomes of it, by whether there was a connection at all."""
        if not self.connected and self.out.sent:
            self.connected = True
            self.attempt.begin(self._loop.now)
        if not self.connected:
            self._owner.on_connect_failed(error.errno or 0)
        elif error.errno in (errno.EPIPE, errno.ECONNRESET):
            # it may have answered before it closed: the answer, if any, is read first
            self.out.close()
            if not self._paused:
                self._read()
        else:
            self._owner.on_send_failed(error)

    # the way in

    def _read(self) -> None:
        recv = self.sock.recv
        owner = self._owner
        attempt = self.attempt
        size = self.read_size
        for _ in range(_READS_PER_TURN):
            try:
                data = recv(size)
            except BlockingIOError:
                self._read_all()
                return
            except OSError as error:
                owner.on_read_failed(error)
                return
            attempt.received += len(data)
            owner.on_data(data)
            if self.closed or self._paused:
                return
            if len(data) < size and not self._ended:
                self._read_all()
                return
        self._read_all()
        self._loop.post(self._read_on)

    def go_on(self, data: bytes, ended: bool) -> None:
        """Somebody else has read this, the answer to what he sent; `ended` if the peer has shut down."""
        self._ended = ended
        self._owner.on_data(data)
        if not self.closed and not self._paused:
            if len(data) < self.read_size and not ended:
                self._read_all()
            else:
                self._read()

    def _read_on(self) -> None:
        if not self.closed and not self._paused:
            self._read()

    def _read_all(self) -> None:
        self._owner.on_empty()
        if self.sent and not self.closed and not self._paused:
            self.deadline.set(self._timeouts.read_timeout, self._owner.on_timeout)

    def pause(self) -> None:
        """Read nothing more: the client is too slow, and the peer has to wait for it."""
        self._paused = True
        self.deadline.clear()

    def resume(self) -> None:
        if not self._paused or self.closed:
            return
        self._paused = False
        self.deadline.set(self._timeouts.read_timeout, self._owner.on_timeout)
        self._read()

    # the end

    def _drop_unsent(self) -> None:
        if "out" in self.__dict__:
            self.out.close()

    def release(self) -> socket.socket:
        """Hand the connection on to somebody else, who takes over its events."""
        self.closed = True
        self.deadline.clear()
        self._drop_unsent()
        return self.sock

    def close(self) -> None:
        """Close the socket; idempotent."""
        if self.closed:
            return
        self.closed = True
        self.deadline.clear()
        self._drop_unsent()
        self._loop.forget(self.fd)
        self.sock.close()

    def __repr__(self) -> str:
        state = "closed" if self.closed else "sent" if self.sent else "connected" if self.connected else "new"
        return f"<UpstreamSocket {self.attempt.address} {state}>"
