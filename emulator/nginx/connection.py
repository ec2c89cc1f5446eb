"""A client's connection: bytes in, requests one at a time, bytes out in order (ngx_http_request.c).

Rules:
- one request is active at a time; what a client sends ahead stays unread, in the kernel if possible;
- output is queued and written once per step, so that a head and a small body share a system call;
- descriptors report edges: `readable` remembers that the last read may have left something;
- one deadline at a time, re-armed lazily: most requests push no timer at all.
"""

from __future__ import annotations

import os
import re
import socket
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from emulator.http1 import parse
from emulator.http1.message import BadMessage, RequestHead
from emulator.nginx.event import ERROR, HANGUP, PEER_CLOSED, WRITE, Timer
from emulator.nginx.head import HeaderTooLarge, check_head, check_size
from emulator.nginx.request import Request
from emulator.nginx.requestbody import RequestBody, Spool

if TYPE_CHECKING:
    from emulator.nginx.compile import Listener
    from emulator.nginx.location import Location
    from emulator.nginx.worker import Worker

_READ_SIZE = 16384

_MSIE6 = re.compile(rb"MSIE [1-6]\.(?!.*SV1)")
_LINE_END = re.compile(rb"[\r\n]")

FileSegment = tuple[
    int, int, int, "Spool | None"
]  # an own descriptor, offset, count, the spool it is part of


def _old_msie(request: Request) -> bool:
    """Internet Explorer up to 6 hangs when a connection is kept after a POST (keepalive_disable msie6)."""
    agent = request.index.get(b"user-agent")
    return agent is not None and _MSIE6.search(agent) is not None and b"Opera" not in agent


class Deadline:
    """A moment that is moved at every step and rarely comes: its timer is re-armed only when it fires."""

    __slots__ = ("_callback", "_timer", "loop", "when")

    def __init__(self, loop: object) -> None:
        self.loop = loop
        self.when = 0.0
        self._timer: Timer | None = None
        self._callback: Callable[[], None] | None = None

    def set(self, delay: float, callback: Callable[[], None]) -> None:
        loop = self.loop
        self._callback = callback
        self.when = when = loop.now + delay  # type: ignore[attr-defined]
        timer = self._timer
        if timer is None or timer.when > when:
            if timer is not None:
                timer.cancel()
            self._timer = loop.call_at(when, self._fire)  # type: ignore[attr-defined]

    def clear(self) -> None:
        self._callback = None

    def close(self) -> None:
        self._callback = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fire(self) -> None:
        self._timer = None
        callback = self._callback
        if callback is None:
            return
        if self.loop.now < self.when:  # type: ignore[attr-defined]
            self._timer = self.loop.call_at(self.when, self._fire)  # type: ignore[attr-defined]
            return
        self._callback = None
        callback()


class Connection:
    """One accepted socket; `reader` is what an incoming event is for at the moment."""

    __slots__ = (
        "address",
        "buffer",
        "closed",
        "deadline",
        "fd",
        "finishing",
        "listener",
        "number",
        "on_drain",
        "out",
        "peer_closed",
        "port",
        "readable",
        "reader",
        "request",
        "requests",
        "sent",
        "sock",
        "started",
        "tls",
        "unsent",
        "upstream_deadline",
        "waiting",
        "worker",
    )

    def __init__(
        self, worker: Worker, sock: socket.socket, peer: tuple[str, int] | str, listener: Listener
    ) -> None:
        self.worker = worker
        self.sock = sock
        self.fd = sock.fileno()
        self.listener = listener
        self.address, self.port = worker.client_of(peer)
        self.tls = False
        self.number = worker.next_number()
        self.buffer = b""
        self.out: list[bytes] = []
        self.unsent: deque[bytes | memoryview | FileSegment] = deque()
        self.sent = 0
        self.requests = 0
        self.request: Request | None = None
        self.finishing = False
        self.readable = False
        self.peer_closed = False
        self.closed = False
        self.waiting = True  # for a first byte of a request: such a connection may be dropped at any time
        self.deadline = Deadline(worker.loop)
        self.upstream_deadline: Deadline | None = None
        self.on_drain: Callable[[], None] | None = None
        self.reader: Callable[[], None] = self._read_head
        self.started = worker.loop.now
        worker.loop.add(self.fd, self.on_event)
        self.deadline.set(listener.default.client_header_timeout, self.close)

    def on_event(self, mask: int) -> None:
        if mask & PEER_CLOSED or mask & (ERROR | HANGUP):
            self.peer_closed = True
        if mask & WRITE and self.unsent:
            self._flush_unsent()
        if mask & ~WRITE and not self.closed:
            self.readable = True
            self.reader()

    def receive(self, size: int = _READ_SIZE) -> bytes | None:
        """What has arrived; None when nothing has, b"" when the client has closed."""
        try:
            data = self.sock.recv(size)
        except (BlockingIOError, InterruptedError):
            self.readable = False
            return None
        except OSError:
            self.readable = False
            return b""
        if len(data) < size and not self.peer_closed:
            self.readable = False
        return data

    # requests in

    def _read_head(self) -> None:
        data = self.receive()
        if data is None:
            return
        if not data:
            self._closed_while_reading()
            return
        self.buffer = self.buffer + data if self.buffer else data
        self._next_requests()

    def _closed_while_reading(self) -> None:
        if not self.buffer:
            if not self.requests:
                self.worker.errors.connection(
                    self, "info", "client closed connection while waiting for request"
                )
            self.close()
            return
        in_headers = b"\n" in self.buffer
        request = self._half_request()
        what = "headers" if in_headers else "line"
        request.log_error("info", f"client prematurely closed connection while reading client request {what}")
        if in_headers:
            request.status = 400
            self.abort(request)
        else:
            self.close()

    def _half_request(self) -> Request:
        """A request made of what has arrived of its head, for the logs and for nginx's answer to it."""
        request = self.request = Request(self, self.listener.default)
        self.waiting = False
        self.requests += 1
        self.reader = self._request_event
        request.discarded = True
        buffer, self.buffer = self.buffer, b""
        try:
            head = parse.partial_head(buffer)
        except BadMessage:
            head = None
        request.request_line = _LINE_END.split(buffer, maxsplit=1)[0]
        if head is not None:
            request.adopt(head)
        return request

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
        if buffer[:1] in (b"\r", b"\n"):
            buffer = self.buffer = buffer.lstrip(b"\r\n")
            if not buffer:
                return False
        default = self.listener.default
        try:
            parsed = parse.request_head(buffer, default.header_rules, self.listener.rules_of)
            if parsed is None or parsed[1] > default.client_header_buffer_size:
                check_size(buffer, parsed[1] if parsed else 0, default)
        except (BadMessage, HeaderTooLarge) as bad:
            self._reject(bad)
            return False
        if parsed is None:
            if self.waiting:
                self.waiting = False
                self.deadline.set(default.client_header_timeout, self._head_timeout)
            if self.readable:
                self.worker.loop.post(self._read_again)
            return False
        head, end = parsed
        self.buffer = buffer[end:] if end < len(buffer) else b""
        self._process(head)
        return True

    def _process(self, head: RequestHead) -> None:
        self.waiting = False
        self.requests += 1
        request = self.request = Request(self, self.listener.default)
        self.reader = self._request_event
        self.deadline.clear()
        try:
            request.take(head)
            if head.ignored is not None:
                self._log_ignored(request, head.ignored)
            check_head(request)
        except BadMessage as bad:
            self._bad_request(request, bad)
            return
        self.worker.requests += 1
        request.run()
        self.flush()

    def _log_ignored(self, request: Request, ignored: list[tuple[bytes, int]]) -> None:
        """Dropped field lines are logged with what was known of the request when each was read."""
        headers, index = request.headers, request.index
        for line, before in ignored:
            request.headers = headers[:before]
            request.index = {lower: value for _, value, lower in request.headers}
            shown = line.decode("utf-8", "surrogateescape")
            request.log_error("info", parse.INVALID_HEADER % shown)
        request.headers, request.index = headers, index

    def _reject(self, bad: BadMessage | HeaderTooLarge) -> None:
        """Answer what never became a request, and close."""
        if isinstance(bad, HeaderTooLarge):
            self.buffer = self.buffer[: bad.known]
        request = self._half_request()
        if bad.head is not None:
            request.adopt(bad.head)
        elif not isinstance(bad, HeaderTooLarge):
            request.headers, request.index = [], {}
        self._bad_request(request, bad)

    def _bad_request(self, request: Request, bad: BadMessage | HeaderTooLarge) -> None:
        request.keepalive = False
        request.discarded = True
        request.log_error("info", str(bad))
        request.finalize(bad.status)
        self.flush()

    def _head_timeout(self) -> None:
        request = self._half_request()
        request.log_error(
            "info", "client timed out (110: Connection timed out) while reading client request headers"
        )
        request.status = 408
        self.abort(request)

    def _request_event(self) -> None:
        """Something arrived while a request is being answered: only the client's leaving matters."""
        if self.peer_closed and self.request is not None:
            self.request.client_gone()

    # the request's body

    def discard_body(self, request: Request) -> int:
        """Read past the body; what of it has arrived is dropped at once. 0, or the status of a body that is none."""
        body = RequestBody(request)
        body.send_continue()
        if request.length_in == 0:
            return 0
        request.body = body
        return body.discard()

    # bytes out

    def queue(self, data: bytes) -> None:
        """Add to what the next `flush` writes."""
        self.out.append(data)

    def queue_file(self, fd: int, offset: int, count: int) -> None:
        """Add a part of a file, sent by sendfile; the caller's descriptor is not kept."""
        self._stage()
        self.unsent.append((os.dup(fd), offset, count, None))

    def _stage(self) -> None:
        if self.out:
            self.unsent.append(b"".join(self.out))
            self.out.clear()

    def flush(self) -> bool:
        """Write what is queued; True if nothing is left over."""
        if self.closed:
            return False
        out = self.out
        if self.unsent:
            self._stage()
            self._flush_unsent()
            return not self.unsent
        if not out:
            return True
        data = out[0] if len(out) == 1 else b"".join(out)
        out.clear()
        try:
            written = self.sock.send(data)
        except (BlockingIOError, InterruptedError):
            written = 0
        except OSError as error:
            self._write_failed(error)
            return False
        self.sent += written
        if written < len(data):
            self.unsent.append(memoryview(data)[written:])
            self._wait_to_send()
            return False
        return True

    def _flush_unsent(self) -> None:
        unsent = self.unsent
        try:
            while unsent:
                first = unsent[0]
                if isinstance(first, tuple):
                    if not self._send_file(first):
                        break
                    continue
                written = self.sock.send(first)
                self.sent += written
                if written < len(first):
                    unsent[0] = memoryview(first)[written:]
                else:
                    unsent.popleft()
        except (BlockingIOError, InterruptedError):
            pass
        except OSError as error:
            self._write_failed(error)
            return
        if unsent:
            self._wait_to_send()
            return
        self.deadline.clear()
        self._drained()

    def _send_file(self, segment: FileSegment) -> bool:
        fd, offset, count, spool = segment
        written = os.sendfile(self.fd, fd, offset, count)
        self.sent += written
        if written == 0:
            # the file has shrunk under us: the length that was promised cannot be kept
            raise OSError("file was truncated")
        if written < count:
            self.unsent[0] = (fd, offset + written, count - written, spool)
            return True
        os.close(fd)
        self.unsent.popleft()
        return True

    def _wait_to_send(self) -> None:
        request = self.request
        timeout = request.location.send_timeout if request else 60.0
        self.deadline.set(timeout, self._send_timeout)

    def _send_timeout(self) -> None:
        if self.request is None:
            self.close()
            return
        self.request.log_error(
            "info", "client timed out (110: Connection timed out) while sending response to client"
        )
        self.abort(self.request)

    def _write_failed(self, error: OSError) -> None:
        request = self.request
        if request is None:
            self.close()
            return
        request.log_error(
            "info", f"send() failed ({error.errno}: {error.strerror}) while sending response to client"
        )
        self.abort(request)

    @property
    def local_address(self) -> bytes:
        """The address that the client reached."""
        listener = self.listener
        if not listener.wildcard:
            return listener.local_address
        try:
            return str(self.sock.getsockname()[0]).encode()
        except OSError:
            return listener.local_address

    def unsent_memory(self) -> int:
        """How many octets wait in memory for a slow client."""
        return sum(len(piece) for piece in self.unsent if not isinstance(piece, tuple))

    def spill(self, spool: Spool) -> None:
        """Move what waits in memory to a file; neighbours in the file become one segment."""
        pieces = list(self.unsent)
        self.unsent.clear()
        for piece in pieces:
            if not isinstance(piece, tuple):
                start = spool.size
                spool.write(piece)
                last = self.unsent[-1] if self.unsent else None
                if isinstance(last, tuple) and last[3] is spool and last[1] + last[2] == start:
                    self.unsent[-1] = (last[0], last[1], last[2] + len(piece), spool)
                    continue
                piece = (os.dup(spool.fd), start, len(piece), spool)
            self.unsent.append(piece)

    def _drained(self) -> None:
        callback = self.on_drain
        if callback is not None:
            callback()
        if self.finishing and not self.unsent and not self.closed:
            self._finished()

    # the end of a request

    def may_keep(self, location: Location) -> bool:
        """Whether another request may follow on this connection (ngx_http_update_location_config)."""
        return (
            location.keepalive_timeout > 0
            and self.requests < location.keepalive_requests
            and self.worker.loop.now - self.started < location.keepalive_time
            and not self.worker.quitting
            and not (self.request is not None and self.request.method == b"POST" and _old_msie(self.request))
        )

    def finish(self, request: Request) -> None:
        """The response is complete: write it out, log it, and go on with the connection."""
        if self.closed or self.request is not request:
            return
        self.finishing = True
        self.on_drain = None
        if not self.out and not self.unsent:
            self._finished()
        elif self.flush() and self.finishing and not self.unsent:
            self._finished()

    def _finished(self) -> None:
        request = self.request
        assert request is not None
        self.finishing = False
        reader = request.body
        if reader is not None and not reader.done:
            if reader.spooling:
                self._end_unread(request)
                return
            # the response is out and the rest of the body is still coming
            if request.keepalive:
                reader.when_done(lambda: self._end(request))
                return
            self._end(request, linger=True)
            return
        self._end(request)

    def _end_unread(self, request: Request) -> None:
        request.keepalive = False
        self._end(request, linger=True)

    def _end(self, request: Request, linger: bool = False) -> None:
        if self.closed or self.request is not request:
            return
        self.worker.log(request)
        self.request = None
        if request.body is not None:
            request.body.close()
        location = request.location
        if not request.keepalive or request.close_after or self.worker.quitting:
            if location.lingering_close != "off" and (
                linger or self.buffer or self.readable or location.lingering_close == "always"
            ):
                self._linger(location)
            else:
                self.close()
            return
        self.reader = self._read_head
        self.waiting = True
        self.deadline.set(location.keepalive_timeout, self.close)
        if self.peer_closed:
            self.readable = True
        self.worker.loop.post(self._go_on) if self.buffer or self.readable else None

    def _go_on(self) -> None:
        """The next of several pipelined requests, on a fresh stack."""
        if self.request is not None or self.closed:
            return
        if self.buffer:
            self._next_requests()
        elif self.readable:
            self._read_head()

    def _linger(self, location: Location) -> None:
        """Shut down our side and read on for a while, so that the client sees the answer and no reset."""
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.close()
            return
        self.buffer = b""
        self.waiting = True
        timeout = location.lingering_timeout
        until = self.worker.loop.now + location.lingering_time

        def read_on() -> None:
            while not self.closed:
                data = self.receive(65536)
                if data is None:
                    break
                if not data or self.worker.loop.now >= until:
                    self.close()
                    return
            self.deadline.set(min(timeout, max(0.0, until - self.worker.loop.now)), self.close)

        self.reader = read_on
        read_on()

    def abort(self, request: Request) -> None:
        """End a request whose response cannot be completed: nothing more is sent."""
        if self.closed or self.request is not request:
            return
        self.worker.log(request)
        self.request = None
        if request.body is not None:
            request.body.close()
        upstream = request.upstream
        if upstream is not None:
            upstream.close()
        self.close(reset=request.status == 444 or request.header_sent)

    def close(self, reset: bool = False) -> None:
        if self.closed:
            return
        self.closed = True
        self.deadline.close()
        if self.upstream_deadline is not None:
            self.upstream_deadline.close()
        for segment in self.unsent:
            if isinstance(segment, tuple):
                os.close(segment[0])
        self.unsent.clear()
        self.out.clear()
        self.on_drain = None
        self.worker.forget(self)
        self.worker.loop.forget(self.fd)
        self.sock.close()

    def quit_if_idle(self) -> None:
        """A graceful shutdown closes what is between two requests."""
        if self.request is None and self.waiting and not self.buffer:
            self.close()

    def __repr__(self) -> str:
        return f"<Connection {self.number} from {self.address}:{self.port} requests={self.requests}>"
