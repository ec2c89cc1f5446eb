"""One request's dealings with its upstream: dial, send, read, try the next (ngx_http_upstream.c).

Rules:
- a new connection is written to at once: on loopback it is established by the time connect() returns, and
  the first send either succeeds or tells the refusal, without a turn of the event loop;
- nothing of a response reaches the client before its head is whole and sound; after that, whatever goes
  wrong ends the client's connection without the body's end, so that truncation shows;
- with buffering, a slow client costs memory up to proxy_buffers and then a temporary file, and the
  upstream is let go early; without, the upstream waits for the client.
"""

from __future__ import annotations

import errno
import os
import socket
from typing import TYPE_CHECKING

from emulator.http1 import body as framing
from emulator.http1 import parse
from emulator.http1.message import BadMessage, ResponseHead
from emulator.nginx import output
from emulator.nginx.attempt import Attempt, log_value
from emulator.nginx.connection import Deadline
from emulator.nginx.event import ERROR, HANGUP, PEER_CLOSED, READ, WRITE
from emulator.nginx.keepalive import Idle
from emulator.nginx.requestbody import RequestBody, Spool
from emulator.nginx.tunnel import Tunnel

if TYPE_CHECKING:
    from emulator.namespace import Dial
    from emulator.nginx.proxy import Proxy
    from emulator.nginx.request import Request
    from emulator.nginx.upstream import Group, Peer

_READ_SIZE = 65536
_READS_PER_TURN = 16
_IP_BIND_ADDRESS_NO_PORT = 24
_ENDED = PEER_CLOSED | HANGUP | ERROR
_NON_IDEMPOTENT = frozenset((b"POST", b"LOCK", b"PATCH"))
_NEXT_STATUSES = frozenset((403, 404, 429, 500, 502, 503, 504))

CONNECTING = "connecting to upstream"
SENDING = "sending request to upstream"
READING_HEAD = "reading response header from upstream"
READING = "reading upstream"


def _stays_open(head: ResponseHead) -> bool:
    connection = head.index.get(b"connection", b"").lower()
    return b"close" not in connection if head.version >= 11 else b"keep-alive" in connection


class Exchange:
    """The state of one proxied request; `r.upstream` points here for variables and logs."""

    __slots__ = (
        "attempt",
        "attempts",
        "body",
        "buffer",
        "closed",
        "connected",
        "chunked_out",
        "deadline",
        "doing",
        "dial",
        "ended",
        "fd",
        "group",
        "head",
        "held",
        "length",
        "number",
        "peer",
        "proxy",
        "r",
        "reader",
        "requests",
        "reused",
        "room",
        "sent",
        "sock",
        "spool",
        "started",
        "tried",
        "tries",
        "unsent",
        "uri_shown",
        "waiting_for_client",
    )

    def __init__(self, r: Request, proxy: Proxy) -> None:
        self.r = r
        self.proxy = proxy
        self.group: Group = proxy.group
        self.attempts: list[Attempt] = []
        self.attempt: Attempt | None = None
        self.head: ResponseHead | None = None
        self.body: RequestBody | None = None
        self.sock: socket.socket | None = None
        self.fd = -1
        self.peer: Peer | None = None
        self.dial: Dial | None = None
        self.reader: framing.BodyReader | None = None
        self.spool: Spool | None = None
        self.buffer = b""
        self.held = b""  # the part of a response that has not filled its buffer
        self.room = 0  # what is left of that buffer
        self.chunked_out = False
        self.doing = CONNECTING
        self.unsent: list[bytes | memoryview] = []
        self.length = 0  # of the body's part that is still in its spool, to be sent
        self.sent = False
        self.connected = False
        self.ended = False  # the upstream has shut down its side: what is left can be read without an event
        self.closed = False
        self.reused = False
        self.requests = 0
        self.started = 0.0
        self.waiting_for_client = False
        self.tried: set[int] = set()
        self.tries = 0
        self.uri_shown = ""
        connection = r.connection
        if connection.upstream_deadline is None:
            connection.upstream_deadline = Deadline(r.worker.loop)
        self.deadline = connection.upstream_deadline

    # before the connection

    def start(self) -> None:
        """Read the request's body if it has one, then connect."""
        r = self.r
        if self.proxy.target is not None:
            self.group = self.proxy.target(r)
        self.tries = self.proxy.next_tries or self.group.tries
        if self.proxy.next_tries:
            self.tries = min(self.tries, self.group.tries)
        if r.length_in == 0 or r.discarded or r.body is not None:
            self.body = r.body if r.body is not None and r.body.spooling else None
            if r.length_in == 0:
                RequestBody(r).send_continue()
            self._connect()
            return
        body = self.body = r.body = RequestBody(r)
        if self.proxy.request_buffering:
            body.collect(self._connect)
        else:
            body.stream(self._body_piece, self._body_end)
            if not body.closed:
                self._connect()

    def _body_piece(self, data: bytes) -> None:
        """A piece of a body that is not buffered: on to the upstream, at the upstream's pace."""
        self.unsent.append(framing.chunk(data) if self.chunked_out else data)
        if self.connected:
            self._send()
        if self.unsent and self.body is not None:
            self.body.pause()

    def _body_end(self) -> None:
        if self.chunked_out:
            self.unsent.append(framing.LAST_CHUNK)
        if self.connected:
            self._send()

    def _connect(self) -> None:
        r = self.r
        if r.connection.peer_closed and not self.proxy.ignore_client_abort:
            self.client_gone()
            return
        now = r.worker.loop.now
        self.started = self.started or now
        self.attempt = Attempt(now)
        self.attempts.append(self.attempt)
        peer = self.peer = self.group.pick(now, self.tried)
        if peer is None:
            self.attempt.address = self.group.display
            self.uri_shown = f"{self.proxy.scheme.decode()}://{self.group.display}{self._shown_uri()}"
            self._log("error", "no live upstreams", CONNECTING)
            self.attempt.status = 502
            self._finalize(502)
            return
        self.attempt.address = peer.display
        self.uri_shown = f"{self.proxy.scheme.decode()}://{peer.display}{self._shown_uri()}"
        self._prepare()
        idle = r.worker.idle.take(self._pool(), peer) if self.group.keepalive else None
        if idle is not None:
            self._reuse(idle)
        else:
            self.reused = False
            self.requests = 0
            if peer.host.startswith("unix:"):
                self._open(socket.AF_UNIX, r.worker.namespace.path(peer.host[5:]), None)
            else:
                self._dial(r.worker.namespace.dial(peer.host, peer.port))

    def _pool(self) -> object:
        """Whose idle connections may serve: the group's, or this location's own (`keepalive … local`)."""
        return self.proxy if self.group.keepalive_local else self.group

    def _shown_uri(self) -> str:
        return self.proxy.request_uri(self.r).decode("utf-8", "surrogateescape")

    def _prepare(self) -> None:
        """The bytes to send: the head, and the body as far as it is in memory."""
        r = self.r
        body = self.body
        streaming = body is not None and not self.proxy.request_buffering
        if body is None:
            length: int | None = 0
        elif streaming and not body.done:
            length = r.length_in
        else:
            length = body.size
        has_body = body is not None or b"content-length" in r.index
        head = self.proxy.request_head(r, length, has_body)
        self.sent = False
        self.connected = False
        self.ended = False
        self.doing = CONNECTING
        self.buffer = b""
        self.reader = None
        self.length = 0
        if streaming:
            self.chunked_out = length is None
            self.unsent = [head, *(map(framing.chunk, self.unsent) if self.chunked_out else self.unsent)]  # type: ignore[arg-type]
            return
        if body is None or not body.size:
            self.unsent = [head]
        elif body.spool is not None:
            self.unsent = [head]
            self.length = body.spool.size
        else:
            self.unsent = [head + b"".join(body.memory)] if body.size <= 65536 else [head, *body.memory]

    def _dial(self, dial: Dial) -> None:
        self.dial = dial
        self._open(dial.family, dial.address, dial.source)

    def _open(self, family: int, address: tuple[str, int] | str, source: str | None) -> None:
        try:
            sock = self.sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        except OSError as error:
            self._log("alert", f"socket() failed ({error.errno}: {error.strerror})", CONNECTING)
            self._finalize(500)
            return
        self.fd = sock.fileno()
        if source is not None:
            try:
                # the port is chosen at connect(), from all that are free towards this peer
                sock.setsockopt(socket.SOL_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
                sock.bind((source, 0))
            except OSError as error:
                self._connect_failed(error.errno or 0)
                return
        code = sock.connect_ex(address)
        if code not in (0, errno.EINPROGRESS):
            self._connect_failed(code)
            return
        self.r.worker.loop.add(self.fd, self.on_event)
        self.deadline.set(self.proxy.connect_timeout, self._timed_out)
        self._send()

    def _reuse(self, idle: Idle) -> None:
        self.sock, self.fd = idle.sock, idle.fd
        self.requests = idle.requests
        self.reused = True
        self.r.worker.loop.watch(self.fd, self.on_event)
        self._send()

    def _connect_failed(self, code: int) -> None:
        self._drop_socket()
        peer, dial = self.peer, self.dial
        if code == errno.ECONNREFUSED and dial is not None and peer is not None:
            again = self.r.worker.namespace.refused(dial, peer.host, peer.port)
            if again is not None:
                self.unsent.clear()
                self._prepare()
                self._dial(again)
                return
        self._log("error", f"connect() failed ({code}: {os.strerror(code)})", CONNECTING)
        self._next("error")

    # events of the upstream's socket

    def on_event(self, mask: int) -> None:
        if mask & _ENDED:
            self.ended = True
        if not self.connected:
            if self.sock is not None and (code := self.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)):
                self._connect_failed(code)
                return
            if not mask & (WRITE | READ):
                return
        if self.unsent or self.length or not self.sent:
            self._send()
        if (
            mask & (READ | PEER_CLOSED | HANGUP | ERROR)
            and self.sock is not None
            and not self.waiting_for_client
        ):
            self._read()

    def _send(self) -> None:
        sock = self.sock
        if sock is None:
            return
        unsent = self.unsent
        try:
            while unsent:
                data = unsent[0]
                written = sock.send(data)
                self.connected = True
                if self.attempt is not None:
                    self.attempt.sent += written
                if written < len(data):
                    unsent[0] = memoryview(data)[written:]
                else:
                    unsent.pop(0)
            if self.length:
                self._send_spool(sock)
        except (BlockingIOError, InterruptedError):
            if self.connected:
                self._note_connected()
                self.deadline.set(self.proxy.send_timeout, self._timed_out)
            return
        except OSError as error:
            if not self.connected:
                self._connect_failed(error.errno or 0)
            elif error.errno in (errno.EPIPE, errno.ECONNRESET):
                # it may have answered before it closed: the answer, if any, is read first
                unsent.clear()
                self.length = 0
                self._read()
            else:
                self._log("error", f"send() failed ({error.errno}: {error.strerror})", SENDING)
                self._next("error")
            return
        self._note_connected()
        body = self.body
        if body is not None and not body.done and not self.proxy.request_buffering:
            body.resume()
            return
        self.sent = True
        self.doing = READING_HEAD
        self.deadline.set(self.proxy.read_timeout, self._timed_out)

    def _send_spool(self, sock: socket.socket) -> None:
        spool = self.body.spool if self.body is not None else None
        assert spool is not None
        while self.length:
            offset = spool.size - self.length
            written = os.sendfile(self.fd, spool.fd, offset, min(self.length, 1 << 20))
            self.length -= written
            if self.attempt is not None:
                self.attempt.sent += written

    def _note_connected(self) -> None:
        attempt = self.attempt
        if attempt is not None and attempt.connected is None:
            attempt.connected = self.r.worker.loop.now
            self.doing = SENDING

    def _timed_out(self) -> None:
        if self.waiting_for_client:
            return
        if not self.connected:
            doing = CONNECTING
        elif self.unsent or self.length:
            doing = SENDING
        else:
            doing = READING if self.reader is not None else READING_HEAD
        self._log("error", "upstream timed out (110: Connection timed out)", doing)
        if self.r.header_sent:
            self._truncated()
        else:
            self._next("timeout")

    # the answer

    def _read(self) -> None:
        sock = self.sock
        for _ in range(_READS_PER_TURN):
            if sock is None or self.sock is not sock:
                return
            try:
                data = sock.recv(_READ_SIZE)
            except (BlockingIOError, InterruptedError):
                self._read_all()
                return
            except OSError as error:
                self._read_failed(error)
                return
            if self.attempt is not None:
                self.attempt.received += len(data)
            if self.reader is not None:
                self._body(data)
            else:
                self._head(data)
            if self.closed or self.sock is not sock or self.waiting_for_client:
                return
            if 0 < len(data) < _READ_SIZE and not self.ended:
                self._read_all()
                return
        self._read_all()
        self.r.worker.loop.post(self._read_on)

    def _read_on(self) -> None:
        if self.sock is not None and not self.closed and not self.waiting_for_client:
            self._read()

    def _read_all(self) -> None:
        if self.reader is not None and (self.r.connection.out or self.r.connection.unsent):
            self._push()
        if not self.closed and self.sent:
            self.deadline.set(self.proxy.read_timeout, self._timed_out)

    def _read_failed(self, error: OSError) -> None:
        doing = READING if self.reader is not None else READING_HEAD
        self._log("error", f"recv() failed ({error.errno}: {error.strerror})", doing)
        if self.r.header_sent:
            self._truncated()
        else:
            self._next("error")

    def _head(self, data: bytes) -> None:
        if not data:
            self._log("error", "upstream prematurely closed connection", READING_HEAD)
            self._next("error")
            return
        buffer = self.buffer = self.buffer + data if self.buffer else data
        try:
            parsed = parse.response_head(buffer)
            if parsed is None or parsed[1] > self.proxy.buffer_size:
                if len(buffer) >= self.proxy.buffer_size:
                    self._log("error", "upstream sent too big header", READING_HEAD)
                    self._next("invalid_header")
                return
            head, end = parsed
            rest = buffer[end:] if end < len(buffer) else b""
            if 100 <= head.status < 200 and head.status != 101:
                self.buffer = b""
                if rest:
                    self._head(rest)
                return
            self._take_head(head, rest, end)
        except BadMessage as bad:
            reason = str(bad)
            suffix = f" while {READING_HEAD}"
            self._log("error", reason.removesuffix(suffix), READING_HEAD)
            self._next("invalid_header")

    def _take_head(self, head: ResponseHead, rest: bytes, head_size: int) -> None:
        r = self.r
        self.head = head
        self.buffer = b""
        attempt = self.attempt
        assert attempt is not None
        attempt.status = head.status
        attempt.header_at = r.worker.loop.now
        if head.status in _NEXT_STATUSES and self._may_try_next(f"http_{head.status}") and self.tries > 1:
            self._next(f"http_{head.status}")
            return
        if (
            head.status >= 300
            and self.proxy.intercept_errors
            and head.status in (r.location.error_pages or ())
        ):
            if head.status == 401 and b"www-authenticate" in head.index:
                r.headers_out.append((b"WWW-Authenticate", head.index[b"www-authenticate"]))
            self._finalize(head.status)
            return
        r.clear_response()
        self.proxy.take_head(r, head)
        if head.status == 101:
            self._upgrade(rest)
            return
        self.reader = self._framing(head)
        if not output.send_header(r):
            return
        self.room = self.proxy.buffer_size - head_size
        if r.header_only:
            if rest and r.method != b"HEAD":
                self.doing = READING
                self._log_surplus(self.reader)
            self._done(complete=self.reader.done and not rest)
            return
        if rest or self.reader.done:
            self.doing = READING if self.proxy.buffering else READING_HEAD
            self._body(rest)
            self.doing = READING

    def _framing(self, head: ResponseHead) -> framing.BodyReader:
        if self.r.method == b"HEAD" or head.status in (204, 304):
            return framing.LengthReader(0)
        if b"transfer-encoding" in head.index:
            return framing.ChunkedReader()
        length = head.index.get(b"content-length")
        return framing.LengthReader(int(length)) if length is not None else framing.UntilCloseReader()

    def _upgrade(self, rest: bytes) -> None:
        """Only an upgrade that was asked for becomes a tunnel."""
        r = self.r
        if b"upgrade" not in r.index or self.sock is None:
            raise BadMessage(502, "upstream sent unexpected 101 response")
        if not output.send_header(r):
            return
        if rest:
            r.connection.queue(rest)
        sock, fd = self.sock, self.fd
        self.sock = None
        self.deadline.clear()
        self.closed = True
        Tunnel(self, sock, fd).start()

    def _body(self, data: bytes) -> None:
        reader = self.reader
        assert reader is not None
        if not data and not reader.done:
            if isinstance(reader, framing.UntilCloseReader):
                output.send_body(self.r, self.held)
                self._done(complete=False)
            else:
                self._log("error", "upstream prematurely closed connection", READING)
                output.send_body(self.r, self.held)
                self._truncated()
            return
        try:
            payload = reader.feed(data)
        except BadMessage:
            self._log("error", "upstream sent invalid chunked response", self.doing)
            self._abort()
            return
        if payload and self.attempt is not None:
            self.attempt.length += len(payload)
        if reader.done:
            if self.held:
                payload, self.held = self.held + payload, b""
            output.send_body(self.r, payload)
            if reader.rest:
                self._log_surplus(reader)
            self._done(complete=not reader.rest)
            return
        if payload and self.proxy.buffering and not isinstance(reader, framing.ChunkedReader):
            payload = self._whole_buffers(payload)
        if payload:
            output.send_body(self.r, payload)
            if len(payload) >= _READ_SIZE // 2:
                self._push()

    def _whole_buffers(self, payload: bytes) -> bytes:
        """What fills its buffers goes on; the rest waits for more (ngx_event_pipe_read_upstream)."""
        if self.held:
            payload = self.held + payload
        if len(payload) < self.room:
            self.held = payload
            return b""
        size = self.proxy.buffer_unit
        whole = self.room + (len(payload) - self.room) // size * size
        self.held = payload[whole:]
        self.room = size
        return payload[:whole]

    def _log_surplus(self, reader: framing.BodyReader) -> None:
        if isinstance(reader, framing.ChunkedReader):
            self._log("warn", "upstream sent data after final chunk", self.doing)
        else:
            self._log("warn", 'upstream sent more data than specified in "Content-Length" header', self.doing)

    def _push(self) -> None:
        """Hand to the client what has come, and mind its pace."""
        connection = self.r.connection
        if connection.flush() or connection.closed:
            return
        proxy = self.proxy
        if not proxy.buffering or not proxy.max_temp_file_size:
            self._wait_for_client()
        elif connection.unsent_memory() > proxy.memory_limit:
            if self.spool is None:
                self.spool = Spool()
                self._log("warn", "an upstream response is buffered to a temporary file", READING)
            connection.spill(self.spool)
            if self.spool.size > proxy.max_temp_file_size:
                self._wait_for_client()

    def _wait_for_client(self) -> None:
        self.waiting_for_client = True
        self.deadline.clear()
        self.r.connection.on_drain = self._client_ready

    def _client_ready(self) -> None:
        self.r.connection.on_drain = None
        self.waiting_for_client = False
        if self.spool is not None:
            self.spool.reset()
        if self.sock is not None and not self.closed:
            self.deadline.set(self.proxy.read_timeout, self._timed_out)
            self._read()

    # the end

    def _done(self, complete: bool) -> None:
        """The upstream's part is over; a connection with nothing left on it may serve again."""
        r, head, sock = self.r, self.head, self.sock
        keep = complete and self.sent and self.group.keepalive > 0 and head is not None and _stays_open(head)
        self._free(failed=False)
        if keep and sock is not None and self.peer is not None:
            self.sock = None
            r.worker.idle.give(self._pool(), self.group, self.peer, sock, self.requests + 1)
        self.close()
        if not r.header_only:
            output.end_body(r)
        r.connection.finish(r)

    def _truncated(self) -> None:
        """The body broke off: the client must not take it for whole."""
        self._free(failed=True)
        self.close()
        r = self.r
        r.keepalive = False
        r.connection.finish(r)

    def _abort(self) -> None:
        """The answer makes no sense: the client gets nothing more of it, not even what is queued."""
        self._free(failed=True)
        self.close()
        self.r.connection.abort(self.r)

    def _may_try_next(self, kind: str) -> bool:
        r = self.r
        proxy = self.proxy
        if kind not in proxy.next_upstream:
            return False
        if self.sent:
            if self.body is not None and not proxy.request_buffering:
                return False
            if r.method in _NON_IDEMPOTENT and "non_idempotent" not in proxy.next_upstream:
                return False
        return not (proxy.next_timeout and r.worker.loop.now - self.started >= proxy.next_timeout)

    def _next(self, kind: str) -> None:
        """This peer has failed: another one, or the failure's status (ngx_http_upstream_next)."""
        status = {"timeout": 504}.get(kind) or (int(kind[5:]) if kind.startswith("http_") else 502)
        retry_reused = self.reused and kind == "error"
        self._free(failed=kind not in ("http_403", "http_404"))
        self._drop_socket()
        if self.attempt is not None and not self.attempt.status:
            self.attempt.status = status
        if not retry_reused:
            self.tries = 0 if self.group.single else self.tries - 1
        if self.tries > 0 and self._may_try_next(kind):
            self._connect()
            return
        self._finalize(status)

    def _free(self, failed: bool) -> None:
        peer = self.peer
        attempt = self.attempt
        now = self.r.worker.loop.now
        if attempt is not None:
            attempt.ended = now
        if peer is not None and self.group.free(peer, now, failed):
            self._log("warn", "upstream server temporarily disabled", self.doing)

    def _finalize(self, status: int) -> None:
        self.close()
        self.r.finalize(status)
        self.r.connection.flush()

    def client_gone(self) -> None:
        """The client left while the upstream was at work (ngx_http_upstream_check_broken_connection)."""
        if self.closed or self.proxy.ignore_client_abort:
            return
        r = self.r
        if r.connection.finishing:
            return
        if self.attempt is not None:
            self._free(failed=False)
        if not r.header_sent:
            r.status = 499
        self._log(
            "info", "client prematurely closed connection, so upstream connection is closed too", READING_HEAD
        )
        self.close()
        r.connection.abort(r)

    def _drop_socket(self) -> None:
        sock, self.sock = self.sock, None
        if sock is not None:
            self.r.worker.loop.forget(self.fd)
            sock.close()

    def close(self) -> None:
        """Let go of the upstream; idempotent."""
        if self.closed:
            return
        self.closed = True
        self.deadline.clear()
        self._drop_socket()
        if self.spool is not None:
            self.spool.close()

    def _log(self, level: str, message: str, doing: str) -> None:
        self.r.log_error(level, f"{message} while {doing}", self.uri_shown or None)

    def log_value(self, attribute: str) -> bytes | None:
        return log_value(self.attempts, attribute)

    def __repr__(self) -> str:
        return f"<Exchange with {self.peer} attempts={len(self.attempts)}>"
