"""A client's connection: bytes in, requests one at a time, bytes out in order (ngx_http_request.c).

Rules:
- one request is active at a time; what a client sends ahead stays unread, in the kernel if possible;
- output is queued and written once per step, so that a head and a small body share a system call;
- descriptors report edges: `readable` remembers that the last read may have left something;
- one deadline at a time, re-armed lazily: most requests push no timer at all.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from emulator.http1.message import BadMessage, RequestHead
from emulator.nginx import badhead
from emulator.nginx.deadline import Deadline
from emulator.nginx.event import ERROR, HANGUP, PEER_CLOSED, WRITE
from emulator.nginx.head import HeaderTooLarge, check_head, next_head
from emulator.nginx.lingering import part
from emulator.nginx.request import Request
from emulator.nginx.sendqueue import SendQueue

if TYPE_CHECKING:
    from emulator.http1.parse import HeadReader
    from emulator.nginx.head import HeadBuffers
    from emulator.nginx.listener import Listener
    from emulator.nginx.location import Location
    from emulator.nginx.worker import Worker

_READ_SIZE = 16384
_GONE = PEER_CLOSED | ERROR | HANGUP
_RESET = struct.pack("ii", 1, 0)


def _read_nothing() -> None:
    """The reader of a closed connection; it refers to nothing, so that the connection can go at once."""


class Connection:
    """One accepted socket; `reader` is what an incoming event is for at the moment."""

    __slots__ = (
        "address",
        "buffer",
        "closed",
        "deadline",
        "fd",
        "finishing",
        "kept_until",
        "listener",
        "number",
        "on_drain",
        "out",
        "partial",
        "peer_closed",
        "pipelined",
        "port",
        "queue",
        "readable",
        "reader",
        "request",
        "requests",
        "sock",
        "started",
        "tls",
        "upstream_deadline",
        "waiting",
        "worker",
    )

    writing: ClassVar[str] = "send()"  # what the log calls it

    def __init__(
        self, worker: Worker, sock: socket.socket, peer: tuple[str, int] | str, listener: Listener
    ) -> None:
        self.worker: Worker = worker
        self.sock: socket.socket = sock
        self.fd: int = sock.fileno()
        self.listener: Listener = listener
        self.address: str
        self.address, self.port = worker.client_of(peer)
        self.tls: bool = False
        self.number: int = worker.next_number()
        self.buffer: bytes = b""
        self.partial: tuple[HeadReader, HeadBuffers] | None = None  # of a head that comes slowly
        self.out: SendQueue = SendQueue(sock, self.fd)
        self.queue: Callable[[bytes], None] = self.out.push  # add to what the next `flush` writes
        self.requests: int = 0
        self.request: Request | None = None
        self.finishing = False  # the response is complete, but not yet written
        self.readable = False
        self.kept_until: float = 0.0  # keepalive_min_timeout: until then it stays, even in a shutdown
        self.pipelined: bool = False  # the request came with the one before it
        self.peer_closed = False
        self.closed = False
        self.waiting = True  # for a first byte of a request: such a connection may be dropped at any time
        self.deadline: Deadline = Deadline(worker.loop, self)
        self.upstream_deadline: Deadline | None = None
        self.on_drain: Callable[[], None] | None = None
        self.reader: Callable[[], None] = self._read_head
        self.started: float = worker.loop.now
        worker.loop.add(self.fd, self.on_event)
        self.deadline.set(listener.default.client_header_timeout, self._head_timeout)

    def on_event(self, mask: int) -> None:
        if mask & _GONE:
            self.peer_closed = True
        if mask & WRITE and self.out.unsent:
            self.flush()
        if mask & ~WRITE and not self.closed:
            self.readable = True
            self.reader()

    def receive(self, size: int = _READ_SIZE) -> bytes | None:
        """What has arrived; None when nothing has, b"" when the client has closed."""
        try:
            data = self.sock.recv(size)
        except BlockingIOError:
            self.readable = False
            return None
        except OSError:
            self.readable = False
            return b""
        if len(data) < size and not self.peer_closed:
            self.readable = False
        return data

    def _read_head(self) -> None:
        data = self.receive()
        if data is None:
            return
        if not data:
            badhead.closed_early(self)
            return
        self.buffer = self.buffer + data if self.buffer else data
        self._next_requests()

    def _next_requests(self) -> None:
        """Start requests while whole heads are there and the last one is done."""
        while self.request is None and self.buffer and not self.closed:
            if not self._start_request():
                return
        if self.request is None and not self.closed and self.readable:
            self.worker.loop.post(self._read_again)

    def _read_again(self) -> None:
        if self.request is None and self.readable and not self.closed and self.reader == self._read_head:
            self._read_head()

    def _start_request(self) -> bool:
        """Parse one head; True if a request was made of it (it may be done already)."""
        buffer = self.buffer
        known = self.listener.known.get(buffer)
        if known is not None and self.partial is None:
            known.serve(self)
            return True
        if buffer[:1] in (b"\r", b"\n"):
            buffer = self.buffer = buffer.lstrip(b"\r\n")
            if not buffer:
                return False
        try:
            head = next_head(self)
        except (BadMessage, HeaderTooLarge) as bad:
            self.partial = None
            badhead.reject(self, bad)
            return False
        if head is None:
            if self.waiting:
                self.waiting = False
                self.deadline.set(self.listener.default.client_header_timeout, self._head_timeout)
            if self.readable:
                self.worker.loop.post(self._read_again)
            return False
        self._process(head, buffer)
        return True

    def _head_timeout(self) -> None:
        badhead.timed_out(self)

    def begin(self) -> Request:
        """A new request takes the connection."""
        self.take(request := Request(self, self.listener.default))
        return request

    def take(self, request: Request) -> None:
        """From now on the connection is this request's."""
        self.request = request
        self.waiting = False
        self.requests += 1
        self.worker.requests += 1
        self.reader = self.watch_client

    def _process(self, head: RequestHead, buffer: bytes) -> None:
        request = self.begin()
        self.deadline.clear()
        try:
            request.take(head)
            if head.ignored is not None:
                badhead.log_ignored(request, head.ignored)
            check_head(request)
        except BadMessage as bad:
            badhead.refuse(request, bad)
            return
        if not self.buffer:
            self.listener.known.remember(buffer, request)
        request.run()
        if self.out.staged:
            self.flush()

    def watch_client(self) -> None:
        """The reader while a request is being answered: only the client's leaving matters."""
        if self.peer_closed and self.request is not None:
            self.request.client_gone()

    # bytes out

    def flush(self) -> bool:
        """Write what is queued; True if nothing is left over."""
        if self.closed:
            return False
        out = self.out
        late = bool(out.unsent)
        try:
            done = out.send()
        except OSError as error:
            self._write_failed(error)
            return False
        if not done:
            self._wait_to_send()
            return False
        if late:
            self.deadline.clear()
            self._drained()
            return not out.unsent
        return True

    def _wait_to_send(self) -> None:
        if self.out.delayed:
            self.deadline.clear()
            return
        timeout = self.request.location.send_timeout if self.request else 60.0
        self.deadline.set(timeout, self._send_timeout)
        if self.out.yielded:
            self.worker.loop.post(self._send_on)

    def _send_on(self) -> None:
        if not self.closed:
            self.flush()

    def _send_timeout(self) -> None:
        if (request := self.request) is None:
            self.close()
            return
        request.log_error(
            "info", "client timed out (110: Connection timed out) while sending response to client"
        )
        self.time_out(request)

    def _write_failed(self, error: OSError) -> None:
        request = self.request
        if request is None:
            self.close()
            return
        reason = f"{self.writing} failed ({error.errno}: {error.strerror})"
        request.log_error("info", f"{reason} while sending response to client")
        self.abort(request)

    def _drained(self) -> None:
        if self.on_drain is not None:
            self.on_drain()
        if self.finishing and not self.out.unsent and not self.closed:
            self._finished()

    # what variables and logs ask

    @property
    def sent(self) -> int:
        """All octets that went out, of all requests."""
        return self.out.sent

    @property
    def local_address(self) -> bytes:
        """The address that the client reached."""
        listener = self.listener
        if listener.wildcard and not self.closed:
            return str(self.sock.getsockname()[0]).encode()
        return listener.local_address

    # the end of a request

    def finish(self, request: Request) -> None:
        """The response is complete: write it out, log it, and go on with the connection."""
        if self.closed or self.request is not request:
            return
        self.finishing = True
        self.on_drain = None
        if self.flush() and self.finishing and not self.out.unsent:
            self._finished()

    def _finished(self) -> None:
        self.finishing = False
        request = self.request
        assert request is not None
        body = request.body
        if body is not None and not body.done:
            if body.wanted:
                request.keepalive = False
            elif request.keepalive:
                # the response is out and the rest of the body is still coming
                body.when_done(lambda: self._end(request))
                return
        self._end(request)

    def _end(self, request: Request) -> None:
        if self.closed or self.request is not request:
            return
        keep = request.keepalive and not request.close_after and not self.worker.quitting
        self._log(request)
        self._let_go(request)
        location = request.location
        if not keep:
            part(self, request)
            return
        self.pipelined = bool(self.buffer)
        self.await_next(location)
        self.readable |= self.peer_closed
        if self.buffer or self.readable:
            self.worker.loop.post(self._go_on)

    def await_next(self, location: Location) -> None:
        """Between two requests the client has this long to begin another."""
        self.reader = self._read_head
        self.waiting = True
        self.deadline.set(location.keepalive_timeout, self.close)
        self.kept_until = self.worker.loop.now + location.keepalive_min_timeout

    def _log(self, request: Request) -> None:
        request.keepalive = False  # nginx's log, too, is written when that is already decided
        self.worker.log(request)

    def _let_go(self, request: Request) -> None:
        self.request = None
        upstream, request.upstream = request.upstream, None  # or both would wait for the garbage collector
        if upstream is not None:
            upstream.close()
        if request.body is not None:
            request.body.close()

    def _go_on(self) -> None:
        """The next of several pipelined requests, on a fresh stack."""
        if self.request is not None or self.closed:
            return
        if self.buffer:
            self._next_requests()
        elif self.readable:
            self._read_head()

    def abort(self, request: Request) -> None:
        """End a request whose response cannot be completed: nothing more is sent."""
        if self.closed or self.request is not request:
            return
        if request.upstream is not None:
            request.upstream.close()
        self._log(request)
        self.close()

    def time_out(self, request: Request) -> None:
        """End a request that took too long, or that `return 444` ends (ngx_http_free_request)."""
        if request.location.reset_timedout_connection and not self.closed:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.abort(request)

    def close(self) -> None:
        """Let go of the socket, and of a request that has it; idempotent."""
        if self.closed:
            return
        self.closed = True
        self.worker.forget(self)
        if self.request is not None:
            self._let_go(self.request)
        self.deadline.close()
        if self.upstream_deadline is not None:
            self.upstream_deadline.close()
        self.out.close()
        self.on_drain = None
        self.reader = _read_nothing
        self.worker.loop.forget(self.fd)
        self.sock.close()

    @property
    def idle(self) -> bool:
        """Between two requests."""
        return self.requests > 0 and not (self.request or self.buffer) and self.reader == self._read_head

    def __repr__(self) -> str:
        return f"<Connection {self.number} from {self.address}:{self.port} requests={self.requests}>"
