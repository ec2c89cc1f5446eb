"""What one request sends to its upstream: the head, and the body from memory, from a file, or as it comes.

A body that is not buffered can be sent once: what has come of it is kept until a peer is connected, so
that another one can be tried as long as the first has seen nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from emulator.http1 import body as framing
from emulator.nginx.requestbody import RequestBody, send_continue

if TYPE_CHECKING:
    from emulator.nginx.proxy import Proxy
    from emulator.nginx.request import Request
    from emulator.nginx.sendqueue import SendQueue
    from emulator.nginx.upstreamsocket import UpstreamSocket

_SMALL = 65536  # up to here copying is cheaper than one more system call


class Outgoing:
    """One request on its way out; `streams` if its body is passed on as it comes."""

    __slots__ = ("_body", "_chunked", "_early", "_proxy", "_r", "_upstream", "streams")

    def __init__(self, r: Request, proxy: Proxy) -> None:
        self._r = r
        self._proxy = proxy
        self._body: RequestBody | None = None
        self._upstream: UpstreamSocket | None = None  # that pieces go to
        self._early: list[bytes] = []
        self._chunked = False
        self.streams = False

    def collect(self, ready: Callable[[], None]) -> None:
        """Read the body, if there is one, as far as it has to be there; then call `ready`."""
        r = self._r
        empty = r.length_in == 0 and (r.location.body_files is None or b"content-length" not in r.index)
        if empty or r.discarded or r.body is not None or r.subrequest:
            if empty:
                send_continue(r)
            self._body = r.body if r.body is not None and r.body.kept else None
            ready()
            return
        body = self._body = r.body = RequestBody(r)
        if not self._may_stream():
            body.collect(ready)
            return
        self.streams = True
        body.stream(self._piece, self._end)
        if not body.closed:
            ready()

    def _may_stream(self) -> bool:
        proxy = self._proxy
        return (
            not proxy.request_buffering
            and proxy.pass_body
            and proxy.set_body is None
            and (self._r.length_in is not None or proxy.http_version == 11)
        )

    def send_to(self, upstream: UpstreamSocket) -> None:
        """Send the request over a new connection, as far as it is there."""
        self._push(upstream)
        upstream.send()

    def _push(self, upstream: UpstreamSocket) -> None:
        out, r, proxy, body = upstream.out, self._r, self._proxy, self._body
        if proxy.set_body is not None:
            data = proxy.set_body(r)
            out.push(proxy.request_head(r, len(data), True) + data)
        elif body is None:
            # a subrequest claims the body of the request that made it, and has none
            length = r.length_in if r.subrequest else 0
            out.push(proxy.request_head(r, length, b"content-length" in r.index))
        elif self.streams:
            self._upstream = upstream
            upstream.more = None if body.done else body.resume
            length = body.size if body.done else r.length_in
            self._chunked = length is None
            out.push(proxy.request_head(r, length, True))
            for piece in self._early:
                out.push(self._framed(piece))
        else:
            out.push(proxy.request_head(r, body.size, True))
            if proxy.pass_body:
                _push_body(out, body)

    def _framed(self, piece: bytes) -> bytes:
        return framing.chunk(piece) if self._chunked else piece

    def _piece(self, piece: bytes) -> None:
        """A piece of a body that is not buffered: on to the upstream, at the upstream's pace."""
        upstream = self._upstream
        if upstream is not None and upstream.connected:
            self._early.clear()
            if upstream.closed:
                return
            upstream.out.push(self._framed(piece))
            upstream.send()
            if not upstream.out.unsent:
                return
        else:
            self._early.append(piece)
            if upstream is not None:
                upstream.out.push(self._framed(piece))
        if self._body is not None:
            self._body.pause()

    def _end(self) -> None:
        upstream = self._upstream
        if upstream is None or upstream.closed:
            return
        upstream.more = None
        if self._chunked:
            upstream.out.push(framing.LAST_CHUNK)
        if upstream.connected:
            upstream.send()


def _push_body(out: SendQueue, body: RequestBody) -> None:
    if body.spool is not None:
        out.push_file(body.spool.fd, 0, body.spool.size)
    elif body.size > _SMALL:
        out.push_each(body.memory)
    else:
        for piece in body.memory:
            out.push(piece)
