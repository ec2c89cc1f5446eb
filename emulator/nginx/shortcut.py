"""An exchange that goes as an earlier one went: a head that came before, an answer whose head came before.

All in one place, without the queue, the states and the pipe that anything else may need: bought a quarter of
the bytecodes of a small answer from an upstream. The first thing that is not as it was, from a refused
connection to a head of its own, is left to the exchange, which goes on from there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.nginx.attempt import READING, READING_HEAD
from emulator.nginx.deadline import Deadline
from emulator.nginx.event import ERROR, HANGUP, PEER_CLOSED, WRITE
from emulator.nginx.exchange import Exchange
from emulator.nginx.upstreamsocket import UpstreamSocket, connect, open_stream

if TYPE_CHECKING:
    import socket

    from emulator.nginx.connection import Connection
    from emulator.nginx.knownanswers import KnownAnswer
    from emulator.nginx.upstream import Peer

_ENDED = PEER_CLOSED | HANGUP | ERROR


class Shortcut(Exchange):
    """A GET without a body; as long as all goes as usual the socket is its own, with no UpstreamSocket."""

    _sock: socket.socket | None = None
    _fd = -1
    _served = 0  # requests that the connection has served before
    _born = 0.0
    _written = 0

    def start(self) -> None:
        if self.r.connection.peer_closed:
            super().start()
            return
        peer = self._choose()
        if peer is None:
            return
        if self.group.keepalive and self._reuse(peer):
            self._send()
        elif peer.host.startswith("unix:"):
            self._reach(peer)
        else:
            self._dial_peer(peer)

    def _reuse(self, peer: Peer) -> bool:
        worker = self.r.worker
        idle = worker.idle.take(self.group, self.proxy, None, peer)
        if idle is None:
            return False
        self._reused = True
        self._sock, self._fd = idle.sock, idle.fd
        self._served, self._born = idle.requests, idle.born
        worker.loop.watch(idle.fd, self._on_event)
        return True

    def _dial_peer(self, peer: Peer) -> None:
        worker = self.r.worker
        dial = self._dial = worker.namespace.dial(peer.host, peer.port)
        try:
            sock = open_stream(dial.family)
        except OSError:
            self._open(dial)  # which says why
            return
        code = connect(sock, dial)
        self._sock, self._fd, self._born = sock, sock.fileno(), worker.loop.now
        if code:
            self._opened(self._leave(), code)
            return
        worker.loop.add_arrivals(self._fd, self._on_event)
        self._send()

    def _send(self) -> None:
        head = self.proxy.bodiless_head(self.r)
        assert self._sock is not None
        try:
            written = self._sock.send(head)
        except BlockingIOError:
            written = 0
        except OSError as error:
            self._leave().send_failed(error)
            return
        if written < len(head):
            self._leave().send_rest(head, written)
            return
        connection, attempt = self.r.connection, self.attempts[-1]
        self._written = attempt.sent = written
        attempt.connected = connection.worker.loop.now
        attempt.doing = READING_HEAD
        if connection.upstream_deadline is None:
            connection.upstream_deadline = Deadline(connection.worker.loop, connection)
        connection.upstream_deadline.set(self.proxy.read_timeout, self.on_timeout)

    def _on_event(self, mask: int) -> None:
        if mask == WRITE or self._sock is None:
            return
        try:
            data = self._sock.recv(self.proxy.read_size)
        except BlockingIOError:
            return
        except OSError as error:
            self._leave()
            self.on_read_failed(error)
            return
        attempt = self.attempts[-1]
        attempt.received += len(data)
        answer = self._held
        if answer is not None:
            rest = data
        else:
            end = data.find(b"\r\n\r\n") + 4
            answer = self.proxy.answers.get(data[:end])
            if answer is None:
                self._leave().go_on(data, bool(mask & _ENDED))
                return
            if len(data) == end and answer.fits and not mask & _ENDED:
                self._hold(answer)
                return
            rest = data[end:]
        if len(rest) == answer.length:
            self._answer(answer, rest)
        else:
            self._leave().go_on(data, bool(mask & _ENDED))

    def _hold(self, answer: KnownAnswer) -> None:
        """The body is still to come, into the buffer that has the head."""
        self._know(answer)
        self._held = answer
        self.attempts[-1].doing = READING
        deadline = self.r.connection.upstream_deadline
        assert deadline is not None
        deadline.set(self.proxy.read_timeout, self.on_timeout)

    def _answer(self, answer: KnownAnswer, body: bytes) -> None:
        """All of it is there: send it, and let go of the upstream."""
        r, attempt = self.r, self.attempts[-1]
        if self._held is None:
            self._know(answer)
        self._held = None
        if not answer.send_head(r):
            self.close()
            return
        if r.chunked or r.header_only or r.transform is not None:
            self._leave()
            self._begin_body(answer.head, body, answer.size)
            return
        attempt.doing = READING
        attempt.length = len(body)
        connection = r.connection
        connection.queue(body)
        self._part(answer.stays_open)
        if connection.readable or connection.buffer or connection.out.unsent or r.close_after:
            connection.finish(r)
        else:
            self._end(connection)

    def _end(self, c: Connection) -> None:
        """As the connection ends a request after which there is nothing to be read or sent."""
        r = self.r
        c.finishing = True
        if not c.flush():
            return
        if not r.keepalive or r.worker.quitting:
            c.finish(r)
            return
        c.finishing = r.keepalive = c.pipelined = False
        r.worker.log(r)
        c.request = r.upstream = None
        c.await_next(r.location)

    def _part(self, stays_open: bool) -> None:
        """The connection may serve again, or is closed."""
        sock, self._sock = self._sock, None
        peer, connection = self._peer, self.r.connection
        worker, deadline = connection.worker, connection.upstream_deadline
        assert sock is not None
        assert deadline is not None
        deadline.clear()
        if stays_open and self.group.keepalive and peer is not None:
            worker.idle.give(self.group, self.proxy, None, peer, sock, self._served + 1, self._born)
        else:
            worker.loop.forget(self._fd)
            sock.close()
        self.closed = True
        self._release(failed=False, last=True)

    # what is not as usual

    def _leave(self) -> UpstreamSocket:
        """Go on as an exchange does, with a socket that can do more; nothing where that is so already."""
        sock, self._sock = self._sock, None
        if sock is not None:
            r = self.r
            upstream = self._upstream = UpstreamSocket(self, r.connection, self.proxy, self.attempts[-1])
            upstream.take(sock)
            upstream.requests, upstream.born = self._served, self._born
            upstream.sent = self._written > 0
            upstream.connected = upstream.sent or self._reused
            r.worker.loop.watch(self._fd, upstream.on_event)
        assert self._upstream is not None
        return self._upstream

    def on_timeout(self) -> None:
        self._leave()
        super().on_timeout()

    def client_gone(self) -> None:
        if self._sock is not None:
            self._leave()
        super().client_gone()

    def close(self) -> None:
        if self._sock is not None:
            self._leave()
        super().close()
