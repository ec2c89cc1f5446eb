"""One request and its upstream: which peer, what its answer means, if another follows (ngx_http_upstream.c).

Rules:
- nothing of a response reaches the client before its head is whole and sound; after that, whatever goes
  wrong ends the client's connection without the body's end, so that truncation shows;
- a peer is held from the moment it is picked until the attempt is over, however that comes about.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from emulator.http1.message import BadMessage, ResponseHead
from emulator.nginx import output
from emulator.nginx.attempt import CONNECTING, READING, READING_HEAD, SENDING, Attempt, log_value
from emulator.nginx.outgoing import Outgoing
from emulator.nginx.pipe import WORTH_A_WRITE, Body, Pipe, framing_of
from emulator.nginx.proxyanswer import accel_redirect, buffers, check, follow, take_head
from emulator.nginx.retries import STATUSES, Retries, status_of
from emulator.nginx.tunnel import Tunnel
from emulator.nginx.upstreamhead import final_head, stays_open
from emulator.nginx.upstreamsocket import UpstreamSocket, unix_dial

if TYPE_CHECKING:
    from emulator.namespace import Dial
    from emulator.nginx.proxy import Proxy
    from emulator.nginx.request import Request
    from emulator.nginx.upstream import Group, Peer


class Exchange:
    """The state of one proxied request; `r.upstream` points here for variables and logs."""

    __slots__ = (
        "_dial",
        "_outgoing",
        "_peer",
        "_pipe",
        "_retries",
        "_reused",
        "_tried",
        "_unparsed",
        "_upstream",
        "attempts",
        "closed",
        "group",
        "head",
        "proxy",
        "r",
    )

    def __init__(self, r: Request, proxy: Proxy) -> None:
        self.r: Request = r
        self.proxy: Proxy = proxy
        self.group: Group = proxy.group
        self.attempts: list[Attempt] = []
        self.head: ResponseHead | None = None
        self.closed = False
        self._outgoing = Outgoing(r, proxy)
        self._upstream: UpstreamSocket | None = None
        self._pipe: Pipe | None = None
        self._peer: Peer | None = None
        self._dial: Dial | None = None
        self._unparsed = b""  # what has come of a head
        self._retries: Retries | None = None
        self._tried: set[int] = set()
        self._reused = False

    # towards a peer

    def start(self) -> None:
        """Read the request's body if it has one, then connect."""
        self._outgoing.collect(self._connect)

    def _connect(self) -> None:
        r, group = self.r, self.group
        if r.connection.peer_closed and not self.proxy.ignore_client_abort:
            self.client_gone()
            return
        now = r.worker.loop.now
        attempt = Attempt(now)
        self.attempts.append(attempt)
        peer = self._peer = group.pick(now, self._tried)
        if peer is None:
            attempt.address = group.display
            attempt.status = 502
            self._log("error", "no live upstreams", CONNECTING)
            self._finalize(502)
            return
        attempt.address = peer.display
        idle = r.worker.idle.take(self._pool(), peer) if group.keepalive else None
        self._reused = idle is not None
        self._dial = None
        if idle is not None:
            upstream = self._upstream = UpstreamSocket(self, r.connection, self.proxy, attempt)
            upstream.take_over(idle.sock, idle.requests)
            self._outgoing.send_to(upstream)
        elif peer.host.startswith("unix:"):
            self._open(unix_dial(r.worker.namespace.path(peer.host[5:])))
        else:
            self._dial = r.worker.namespace.dial(peer.host, peer.port)
            self._open(self._dial)

    def _pool(self) -> object:
        """Whose idle connections may serve: the group's, or this location's own (`keepalive … local`)."""
        return self.proxy if self.group.keepalive_local else self.group

    def _open(self, dial: Dial) -> None:
        upstream = self._upstream = UpstreamSocket(self, self.r.connection, self.proxy, self.attempts[-1])
        try:
            code = upstream.connect(dial)
        except OSError as error:
            self._log("alert", f"socket() failed ({error.errno}: {error.strerror})", CONNECTING)
            self._finalize(500)
            return
        if code:
            self.on_connect_failed(code)
        else:
            self._outgoing.send_to(upstream)

    # what the socket reports

    def on_connect_failed(self, code: int) -> None:
        peer, dial = self._peer, self._dial
        if code == errno.ECONNREFUSED and dial is not None and peer is not None:
            again = self._dial = self.r.worker.namespace.refused(dial, peer.host, peer.port)
            if again is not None:
                self._drop_socket()
                self._open(again)
                return
        self._fail("error", f"connect() failed ({code}: {os.strerror(code)})", CONNECTING)

    def on_send_failed(self, error: OSError) -> None:
        self._fail("error", f"send() failed ({error.errno}: {error.strerror})", SENDING)

    def on_read_failed(self, error: OSError) -> None:
        doing = READING if self._pipe is not None else READING_HEAD
        self._fail("error", f"recv() failed ({error.errno}: {error.strerror})", doing)

    def on_timeout(self) -> None:
        self._fail("timeout", "upstream timed out (110: Connection timed out)", self.attempts[-1].doing)

    def on_empty(self) -> None:
        out = self.r.connection.out
        if self._pipe is not None and (out.staged or out.unsent):
            self._push()

    def on_data(self, data: bytes) -> None:
        pipe = self._pipe
        if pipe is None:
            self._read_head(data)
        else:
            self._pass_on(pipe, data)

    def _fail(self, kind: str, message: str, doing: str) -> None:
        self._log("error", message, doing)
        if self.r.header_sent:
            self._truncated()
        else:
            self._next(kind)

    # the answer's head

    def _read_head(self, data: bytes) -> None:
        if not data:
            self._fail("error", "upstream prematurely closed connection", READING_HEAD)
            return
        if self._unparsed:
            data = self._unparsed + data
        try:
            arrived = final_head(data, self.proxy.buffer_size)
            if arrived is None:
                self._unparsed = data
            else:
                self._take_head(*arrived)
        except BadMessage as bad:
            self._fail("invalid_header", str(bad), READING_HEAD)

    def _take_head(self, head: ResponseHead, rest: bytes, size: int) -> None:
        r = self.r
        self.head = head
        attempt = self.attempts[-1]
        attempt.status = status = head.status
        attempt.header_at = r.worker.loop.now
        if status in STATUSES and self._has_another(f"http_{status}", 2):
            self._next(f"http_{status}")
            return
        if status >= 300 and self.proxy.intercept_errors and status in (r.location.error_pages or ()):
            if status == 401 and b"www-authenticate" in head.index:
                r.headers_out.append((b"WWW-Authenticate", head.index[b"www-authenticate"]))
            self._finalize(status)
            return
        target = accel_redirect(self.proxy, head)
        if target is not None:
            check(head)
            self.close()
            follow(r, head, target)
            r.connection.flush()
            return
        r.clear_response()
        take_head(self.proxy, r, head, self._warn)
        if status == 101:
            self._upgrade(rest)
            return
        if not output.send_header(r):
            self.close()
            return
        self._begin_body(head, rest, size)

    def _begin_body(self, head: ResponseHead, rest: bytes, head_size: int) -> None:
        r, proxy, attempt = self.r, self.proxy, self.attempts[-1]
        reader = framing_of(r, head)
        buffering = buffers(proxy, head)
        pipe = self._pipe = Pipe(
            r, proxy, reader, buffering, proxy.buffer_size - head_size, attempt, self._warn
        )
        if r.header_only:
            if rest and r.method != b"HEAD" and not r.subrequest:
                attempt.doing = READING
                pipe.warn_of_surplus()
            self._done(complete=reader.done and not (rest or (r.subrequest and r.length_in)))
        elif rest or reader.done:
            if buffering:
                attempt.doing = READING
            self._pass_on(pipe, rest)
        attempt.doing = READING

    def _upgrade(self, rest: bytes) -> None:
        """Only an upgrade that was asked for becomes a tunnel."""
        r, upstream = self.r, self._upstream
        if b"upgrade" not in r.index or upstream is None or r.subrequest:
            raise BadMessage(502, "upstream sent unexpected 101 response")
        if not output.send_header(r):
            self.close()
            return
        if rest:
            r.connection.queue(rest)
        self._upstream = None
        Tunnel(self, upstream).start()

    # the answer's body

    def _pass_on(self, pipe: Pipe, data: bytes) -> None:
        state = pipe.feed(data)
        if state is Body.COMING:
            if len(data) >= WORTH_A_WRITE:
                self._push()
        elif state is Body.WHOLE:
            self._done(complete=True)
        elif state is Body.SURPLUS:
            pipe.warn_of_surplus()
            self._done(complete=False)
        elif state is Body.CLOSED:
            self._done(complete=False)
        elif state is Body.BROKEN:
            self._log("error", "upstream prematurely closed connection", READING)
            self._truncated()
        else:
            self._log("error", "upstream sent invalid chunked response", self.attempts[-1].doing)
            self._abort()

    def _push(self) -> None:
        """Hand to the client what has come, and mind its pace."""
        pipe, upstream = self._pipe, self._upstream
        if pipe is None or upstream is None:
            return
        try:
            may_go_on = pipe.push()
        except OSError as error:
            self._log("crit", f"pwrite() failed ({error.errno}: {error.strerror})", READING)
            self._abort()
            return
        if not may_go_on:
            upstream.pause()
            self.r.connection.on_drain = self._client_ready

    def _client_ready(self) -> None:
        self.r.connection.on_drain = None
        if self._upstream is not None:
            self._upstream.resume()

    # the end

    def _done(self, complete: bool) -> None:
        """The upstream's part is over; a connection with nothing left on it may serve again."""
        r, head, group, peer, upstream = self.r, self.head, self.group, self._peer, self._upstream
        if complete and group.keepalive and peer and upstream and upstream.sent and head and stays_open(head):
            self._upstream = None
            r.worker.idle.give(self._pool(), group, peer, upstream.release(), upstream.requests + 1)
        self.close()
        if not r.header_only:
            output.end_body(r)
        r.connection.finish(r)

    def _truncated(self) -> None:
        """The body broke off: the client must not take it for whole."""
        self._release(failed=True)
        self.close()
        r = self.r
        r.keepalive = False
        r.connection.finish(r)

    def _abort(self) -> None:
        """The answer makes no sense: the client gets nothing more of it, not even what is queued."""
        self._release(failed=True)
        self.r.connection.abort(self.r)

    def _has_another(self, kind: str, least: int) -> bool:
        """Whether this kind of failure may be repaired by another peer, with `least` tries left."""
        upstream = self._upstream
        begun = upstream is not None and upstream.connected
        if begun and self._outgoing.streams:
            return False
        retries = self._chances()
        return retries.left >= least and retries.allow(kind, self.r.worker.loop.now, begun)

    def _chances(self) -> Retries:
        if self._retries is None:
            group, started = self.group, self.attempts[0].started
            self._retries = Retries(self.proxy, group.tries, group.single, self.r.method, started)
        return self._retries

    def _next(self, kind: str) -> None:
        """This peer has failed: another one, or the failure's status (ngx_http_upstream_next)."""
        self._release(failed=kind not in ("http_403", "http_404"))
        attempt = self.attempts[-1]
        attempt.status = attempt.status or status_of(kind)
        if not (self._reused and kind == "error"):
            self._chances().use_up()
        again = self._has_another(kind, 1)
        self._drop_socket()
        if again:
            self._unparsed = b""
            self._connect()
        else:
            self._finalize(status_of(kind))

    def _release(self, failed: bool) -> None:
        """The attempt is over: the peer is free again."""
        peer, self._peer = self._peer, None
        if peer is None:
            return
        now = self.r.worker.loop.now
        self.attempts[-1].ended = now
        if self.group.free(peer, now, failed):
            self._log("warn", "upstream server temporarily disabled", self.attempts[-1].doing)

    def _finalize(self, status: int) -> None:
        self.close()
        self.r.finalize(status)
        self.r.connection.flush()

    def client_gone(self) -> None:
        """The client left while the upstream was at work (ngx_http_upstream_check_broken_connection)."""
        r = self.r
        if self.closed or self.proxy.ignore_client_abort or r.connection.finishing:
            return
        if not r.header_sent:
            r.status = 499
        message = "client prematurely closed connection, so upstream connection is closed too"
        self._log("info", message, READING_HEAD)
        r.connection.abort(r)

    def _drop_socket(self) -> None:
        upstream, self._upstream = self._upstream, None
        if upstream is not None:
            upstream.close()

    def close(self) -> None:
        """Let go of the upstream; idempotent."""
        if self.closed:
            return
        self.closed = True
        self._release(failed=False)
        if self._upstream is not None:
            self._upstream.close()
            self._upstream = None
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None

    def _log(self, level: str, message: str, doing: str) -> None:
        shown = None
        if self.attempts:
            uri = self.proxy.request_uri(self.r).decode("utf-8", "surrogateescape")
            shown = f"{self.proxy.scheme.decode()}://{self.attempts[-1].address}{uri}"
        self.r.log_error(level, f"{message} while {doing}", shown)

    def _warn(self, message: str) -> None:
        self._log("warn", message, self.attempts[-1].doing)

    def log_value(self, attribute: str) -> bytes | None:
        return log_value(self.attempts, attribute)

    def __repr__(self) -> str:
        return f"<Exchange with {self._peer} attempts={len(self.attempts)}>"
