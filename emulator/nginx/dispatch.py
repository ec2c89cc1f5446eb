"""One request on its way to its upstream: which peer, and if another follows (ngx_http_upstream.c).

A peer is held from the moment it is picked until the attempt is over, however that comes about.
"""

from __future__ import annotations

import errno
import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

from emulator.nginx.attempt import ANSWERING, CONNECTING, READING, READING_HEAD, SENDING, Attempt, log_value
from emulator.nginx.outgoing import Outgoing
from emulator.nginx.requestbody import send_continue
from emulator.nginx.retries import Retries, status_of
from emulator.nginx.upstreamsocket import NotBound, UpstreamSocket, pending_error, unix_dial

if TYPE_CHECKING:
    from emulator.http1.message import Header, ResponseHead
    from emulator.namespace import Dial
    from emulator.nginx.bind import Local
    from emulator.nginx.pace import Throttle
    from emulator.nginx.pipe import Pipe
    from emulator.nginx.proxy import Proxy
    from emulator.nginx.request import Request
    from emulator.nginx.resolver import Lookup
    from emulator.nginx.tlsupstream import TlsClient
    from emulator.nginx.upstream import Choosing, Group, Peer


_CLIENT_GONE = (
    "epoll_wait() reported that client prematurely closed connection, so upstream connection is closed too"
)
_UNREACHABLE = frozenset(
    (
        *(errno.ECONNREFUSED, errno.EAGAIN, errno.ECONNRESET, errno.ENETDOWN),
        *(errno.ENETUNREACH, errno.EHOSTDOWN, errno.EHOSTUNREACH),
    )
)


class Dispatch(ABC):
    """The half of an exchange that finds a peer to answer; what comes back is the other half's."""

    before: tuple[Attempt | None, ...] = ()  # what another location has tried
    head: ResponseHead | None = None
    trailers: list[Header] | None = None
    closed = False
    _outgoing: Outgoing | None = None  # where there is more to send than a head
    _upstream: UpstreamSocket | None = None
    _pipe: Pipe | None = None
    _peer: Peer | None = None
    _dial: Dial | None = None
    _lookup: Lookup | None = None
    _unparsed = b""  # what has come of a head
    _interim = 0  # octets of 1xx before it
    _local: Local | None = None  # the address of ours to connect from
    _retries: Retries | None = None
    _turn: Choosing | None = None  # where there is more than one peer
    _reused = False
    _past: tuple[str, str] | None = None  # what the error log says of it once it is over
    _throttle: Throttle | None = None  # where proxy_limit_rate slows the answer down

    def __init__(self, r: Request, proxy: Proxy) -> None:
        self.r: Request = r
        self.proxy: Proxy = proxy
        self.group: Group = proxy.group
        self.tls: TlsClient | None = proxy.tls
        self.attempts: list[Attempt] = []

    # towards a peer

    def start(self) -> None:
        """Read the request's body if it has one, then connect."""
        r, proxy = self.r, self.proxy
        go_on = self._connect if self._lookup is None else self._look_up
        if r.length_in == 0 and proxy.set_body is None and r.body is None and r.location.body_files is None:
            send_continue(r)
            go_on()
            return
        self._outgoing = Outgoing(r, proxy)
        self._outgoing.collect(go_on)

    def _send_to(self, upstream: UpstreamSocket) -> None:
        if self._outgoing is not None:
            self._outgoing.send_to(upstream)
            return
        upstream.send_whole(self.proxy.bodiless_head(self.r))

    def to(self, where: Group | Lookup) -> None:
        """A proxy_pass with variables leads to this group, or to a name that is yet to be looked up."""
        if isinstance(where, tuple):
            self._lookup = where
        else:
            self.group = where

    def _look_up(self) -> None:
        assert self._lookup is not None
        self._lookup.find(self.r, self._found)

    def _found(self, group: Group | str) -> None:
        if self.closed:
            return
        if isinstance(group, str):
            self.r.log_error("error", f"{group} while {ANSWERING}" if self.before else group)
            self._finalize(502)
            return
        self.group = group
        self._connect()

    def _connect(self) -> None:
        r = self.r
        if r.connection.peer_closed and not self.proxy.ignore_client_abort:
            self.client_gone()
            return
        if self.proxy.bind is not None and not self.attempts:
            self._local = self.proxy.bind.local(r)
        peer = self._choose()
        if peer is not None:
            self._reach(peer)

    def _choose(self) -> Peer | None:
        """Begin an attempt with the peer whose turn it is; None: there is none, and this was it."""
        group, now = self.group, self.r.worker.loop.now
        attempt = Attempt(now)
        self.attempts.append(attempt)
        peer = self._peer = group.only() if group.begin is None else self._next_peer(group, now)
        if peer is None:
            attempt.address = group.display
            attempt.status = 502
            self._log("error", "no live upstreams", CONNECTING)
            self._finalize(502)
            return None
        attempt.address = peer.display
        return peer

    def _reach(self, peer: Peer) -> None:
        """By a connection that was kept, or a new one."""
        r, group = self.r, self.group
        idle = r.worker.idle.take(group, self.proxy, self.tls, peer) if group.keepalive else None
        self._reused = idle is not None
        self._dial = None
        if idle is not None:
            upstream = self._upstream = self._socket()
            upstream.take_over(idle.sock, idle.requests, idle.born)
            self._send_to(upstream)
        elif peer.host.startswith("unix:"):
            self._open(unix_dial(r.worker.namespace.path(peer.host[5:])))
        else:
            self._dial = r.worker.namespace.dial(peer.host, peer.port)
            self._open(self._dial)

    def _next_peer(self, group: Group, now: float) -> Peer | None:
        turn = self._turn
        if turn is None:
            assert group.begin is not None
            turn = self._turn = group.begin(self.r)
        return turn.next(now)

    def _socket(self) -> UpstreamSocket:
        r, proxy, attempt = self.r, self.proxy, self.attempts[-1]
        if self.tls is None:
            return UpstreamSocket(self, r.connection, proxy, attempt)
        return self.tls.open(self, r.connection, proxy, attempt, r)

    def _open(self, dial: Dial) -> None:
        upstream = self._upstream = self._socket()
        try:
            code = upstream.connect(dial, self._local)
        except NotBound as error:
            self._log(error.level, str(error), CONNECTING)
            self._finalize(500)
            return
        except OSError as error:
            self._log("alert", f"socket() failed ({error.errno}: {error.strerror})", CONNECTING)
            self._finalize(500)
            return
        self._opened(upstream, code)

    def _opened(self, upstream: UpstreamSocket, code: int) -> None:
        """It connects, or it cannot."""
        if code == errno.ECONNREFUSED and self._dial is not None:
            self.on_connect_failed(code)
        elif code:
            name, why = self.attempts[-1].address, f"{code}: {os.strerror(code)}"
            level = "error" if code in _UNREACHABLE else "crit"
            self._fail("error", f"connect() to {name} failed ({why})", CONNECTING, level)
        else:
            self._send_to(upstream)

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

    def on_handshake_failed(self, message: str) -> None:
        self._fail("error", message, "SSL handshaking to upstream")

    def on_send_failed(self, error: OSError) -> None:
        self._fail("error", f"send() failed ({error.errno}: {error.strerror})", SENDING)

    def on_read_failed(self, error: OSError) -> None:
        self._take_held()
        pipe, call, doing = self._pipe, "recv()", READING_HEAD
        if pipe is not None:
            call, doing = "readv()" if pipe.buffering else call, READING
        self._fail("error", f"{call} failed ({error.errno}: {error.strerror})", doing)

    def on_timeout(self) -> None:
        self._take_held()
        self._fail("timeout", "upstream timed out (110: Connection timed out)", self.attempts[-1].doing)

    @abstractmethod
    def on_data(self, data: bytes) -> None:
        """Something of the answer arrived; b"" is the end."""

    @abstractmethod
    def on_empty(self) -> None:
        """All that has arrived of the answer has been read."""

    @abstractmethod
    def _take_held(self) -> None:
        """Nothing more comes of an answer of which something is held back."""

    @abstractmethod
    def _truncated(self) -> None:
        """The answer broke off after its head had gone on."""

    def _fail(self, kind: str, message: str, doing: str, level: str = "error") -> None:
        self._log(level, message, doing)
        if self.r.header_sent:
            self._truncated()
        else:
            self._next(kind)

    # the end of an attempt

    def _has_another(self, kind: str, least: int) -> bool:
        """Whether this kind of failure may be repaired by another peer, with `least` tries left."""
        upstream = self._upstream
        begun = upstream is not None and upstream.connected
        if begun and self._outgoing is not None and self._outgoing.streams:
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
        attempt.status = status_of(kind)
        if not (self._reused and kind == "error"):
            self._chances().use_up()
        again = self._has_another(kind, 1)
        self._drop_socket()
        if again:
            self._unparsed, self.head = b"", None
            self._connect()
        else:
            self._finalize(status_of(kind))

    def _release(self, failed: bool, last: bool = False) -> None:
        """The attempt is over: the peer is free again; `last`: no other peer was meant to follow."""
        peer, self._peer = self._peer, None
        if peer is None:
            return
        attempt, turn = self.attempts[-1], self._turn
        attempt.ended = now = self.r.worker.loop.now
        if turn is None:
            peer.connections -= 1
        elif turn.free(peer, now, failed, attempt if last else None):
            self._log("warn", "upstream server temporarily disabled", attempt.doing)

    def _finalize(self, status: int) -> None:
        self._remember(ANSWERING)
        self.close()
        self.r.finalize(status)
        self.r.connection.flush()

    def client_gone(self) -> None:
        """The client left while the upstream was at work (ngx_http_upstream_check_broken_connection)."""
        r = self.r
        if self.closed or self.proxy.ignore_client_abort or r.connection.finishing:
            return
        if r.connection.sent == r.sent_before:
            r.status = 499
        code = pending_error(r.connection.sock)
        reason = f" ({code}: {os.strerror(code)})" if code else ""
        doing = self.attempts[-1].doing if self.attempts else ""
        if doing is READING_HEAD and not self.attempts[-1].received:
            doing = SENDING  # nothing has been read yet
        self._log("info", _CLIENT_GONE + reason, doing)
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
        self._release(failed=False, last=True)
        if self._upstream is not None:
            self._upstream.close()
            self._upstream = None
        if self._pipe is not None:
            self._pipe.close()
            self._pipe = None
        if self._throttle is not None:
            self._throttle.close()

    def _log(self, level: str, message: str, doing: str) -> None:
        self.r.log_error(level, f"{message} while {doing}" if doing else message)

    def circumstances(self) -> tuple[str, str] | None:
        if self._past is not None or not self.attempts:
            return self._past
        attempt = self.attempts[-1]
        uri = self.proxy.request_uri(self.r).decode("utf-8", "surrogateescape")
        if attempt.address.startswith("unix:"):
            uri = f":{uri}"
        return attempt.doing, f"{'http' if self.tls is None else 'https'}://{attempt.address}{uri}"

    def moved_on(self) -> None:
        self._remember("")

    def _remember(self, doing: str) -> None:
        """The request goes on elsewhere, where its URI may be another."""
        past = self.circumstances()
        if past is not None:
            self._past = (doing, past[1])

    def _warn(self, message: str) -> None:
        self._log("warn", message, self.attempts[-1].doing)

    def tries(self) -> Sequence[Attempt | None]:
        return (*self.before, *self.attempts) if self.before else self.attempts

    def log_value(self, attribute: str) -> bytes | None:
        return log_value(self.tries(), attribute)

    def __repr__(self) -> str:
        return f"<Exchange with {self._peer} attempts={len(self.attempts)}>"
