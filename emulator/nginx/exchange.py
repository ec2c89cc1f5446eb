"""One request and its upstream: what the answer means, and how it goes on (ngx_http_upstream.c).

Nothing of a response reaches the client before its head is whole and sound; after that, whatever goes
wrong ends the client's connection without the body's end, so that truncation shows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.http1.message import BadMessage, ResponseHead
from emulator.nginx import output
from emulator.nginx.attempt import READING, READING_HEAD
from emulator.nginx.dispatch import Dispatch
from emulator.nginx.pipe import WORTH_A_WRITE, Body, Pipe, framing_of
from emulator.nginx.proxyanswer import accel_redirect, buffers, check, follow, take_head
from emulator.nginx.retries import STATUSES
from emulator.nginx.tunnel import Tunnel, was_asked_for
from emulator.nginx.upstreamhead import INTERIM, final_head, stays_open

if TYPE_CHECKING:
    from emulator.nginx.knownanswers import KnownAnswer
    from emulator.nginx.upstreamsocket import UpstreamSocket


class Exchange(Dispatch):
    """The state of one proxied request; `r.upstream` points here for variables and logs."""

    _held: KnownAnswer | None = None  # its body is still to come, into the buffer that has its head

    def on_empty(self) -> None:
        """A head alone waits for something of a body that is buffered, as nginx's postponed output does."""
        out, pipe = self.r.connection.out, self._pipe
        if pipe is not None and pipe.begun and (out.staged or out.unsent):
            self._push()

    def on_data(self, data: bytes) -> None:
        pipe = self._pipe
        if pipe is None:
            self._read_head(data)
        else:
            self._pass_on(pipe, data)

    # the answer's head

    def _read_head(self, data: bytes) -> None:
        if self._held is not None:
            self._read_held(self._held, data)
            return
        if not data:
            self._fail("error", "upstream prematurely closed connection", READING_HEAD)
            return
        if self._unparsed:
            data = self._unparsed + data
        elif not self._interim:
            end = data.find(b"\r\n\r\n") + 4
            answer = self.proxy.answers.get(data[:end])
            if answer is not None:
                self._know(answer)
                if len(data) == end and answer.fits and self.r.method == b"GET":
                    self._held = answer
                    self.attempts[-1].doing = READING
                else:
                    self._take_known(answer, data[end:])
                return
        try:
            head, rest, size = final_head(data, self.proxy.buffer_size, self)
            if head is None:
                self._unparsed = rest
            else:
                self._take_head(head, rest, size, data)
        except BadMessage as bad:
            attempt = self.attempts[-1]
            attempt.received = min(attempt.received, self.proxy.buffer_size + self._interim)
            self._fail("invalid_header", str(bad), READING_HEAD)

    def on_interim(self, head: ResponseHead, size: int) -> None:
        """A 1xx: a 103 may go on to the client, and its status is the one that is remembered."""
        proxy = self.proxy
        self._interim += size
        if self._interim > INTERIM * proxy.buffer_size:
            raise BadMessage(502, "upstream sent too many interim responses")
        if head.status == 103:
            if head.version < 11:
                raise BadMessage(502, "upstream sent HTTP/1.0 response with early hints")
            self.attempts[-1].status = 103
            if self._interim > proxy.buffer_size:
                self._log("info", "upstream sent too big early hints", READING_HEAD)
            elif proxy.early_hints is not None:
                from emulator.nginx.earlyhints import pass_hints

                pass_hints(proxy, self.r, head)

    def _know(self, answer: KnownAnswer) -> None:
        """The head is one that came before, and was fit to be passed on."""
        attempt = self.attempts[-1]
        self.head = answer.head
        attempt.status = answer.head.status
        attempt.header_at = now = self.r.worker.loop.now
        if self._turn is not None and self._peer is not None:
            self._turn.answered(self._peer, attempt, now)

    def _read_held(self, answer: KnownAnswer, data: bytes) -> None:
        """A small body that comes after its head, as gunicorn sends it: often whole, and nothing more."""
        if len(data) == answer.length:
            self._held = None
            self._take_known(answer, data)
            return
        self._take_held()
        if self._pipe is not None:
            self._pass_on(self._pipe, data)

    def _take_held(self) -> None:
        answer, self._held = self._held, None
        if answer is not None:
            self._take_known(answer, b"")

    def _take_known(self, answer: KnownAnswer, rest: bytes) -> None:
        r, head, attempt = self.r, answer.head, self.attempts[-1]
        if not answer.send_head(r):
            self.close()
        elif len(rest) == answer.length and r.transform is None and not r.header_only:
            attempt.doing = READING
            attempt.length += len(rest)
            output.send_body(r, rest)
            self._done(complete=True)
        else:
            self._begin_body(head, rest, answer.size)

    def _take_head(self, head: ResponseHead, rest: bytes, size: int, data: bytes) -> None:
        r = self.r
        self.head = head
        attempt = self.attempts[-1]
        status = head.status
        if attempt.status != 103:
            attempt.status = status
        attempt.header_at = r.worker.loop.now
        rate = head.index.get(b"x-accel-limit-rate")
        if rate is not None and b"x-accel-limit-rate" not in self.proxy.ignored:
            from emulator.nginx.pace import obey

            obey(r, rate)
        if status in STATUSES and self._has_another(f"http_{status}", 2):
            self._next(f"http_{status}")
            return
        if status >= 300 and self.proxy.intercept_errors and status in (r.location.error_pages or ()):
            if status == 401:
                r.headers_out += [
                    (b"WWW-Authenticate", value)
                    for _, value, lower in head.headers
                    if lower == b"www-authenticate"
                ]
            self._finalize(status)
            return
        target = accel_redirect(self.proxy, head)
        if target is not None:
            check(head)
            self._remember(READING_HEAD)
            self.close()
            follow(self.proxy, r, head, target)
            r.connection.flush()
            return
        if self._turn is not None and self._peer is not None:
            self._turn.answered(self._peer, attempt, r.worker.loop.now)
        first = self.proxy.plain and not r.headers_out and r.content_type is None
        take_head(self.proxy, r, head, self._warn)
        if first and 200 <= status < 300 and size + len(rest) == len(data):
            self.proxy.answers.remember(data[:size], head, self.proxy.buffer_size, r)
        if status == 101:
            self._upgrade(rest)
            return
        if not output.send_header(r):
            self.close()
            return
        self._begin_body(head, rest, size)

    def _begin_body(self, head: ResponseHead, rest: bytes, head_size: int) -> None:
        r, proxy, attempt = self.r, self.proxy, self.attempts[-1]
        reader = framing_of(r, proxy, head)
        buffering = buffers(proxy, head)
        rate = 0
        if proxy.force_ranges:
            from emulator.nginx.rangeslice import slice_body

            slice_body(r)
        if not buffering:
            r.connection.out.lift_limit()
        elif proxy.limit_rate is not None:
            rate = proxy.limit_rate(r)
        pipe = self._pipe = Pipe(
            r, proxy, reader, buffering, proxy.buffer_size - head_size, attempt, self._warn
        )
        if r.header_only:
            if rest and r.method != b"HEAD" and not r.subrequest:
                attempt.doing = READING if buffering else attempt.doing
                attempt.length = len(rest)
                pipe.warn_of_surplus()
            self._done(complete=reader.done and not (rest or (r.subrequest and r.length_in)))
        elif rest or reader.done:
            if buffering:
                attempt.doing = READING
            self._pass_on(pipe, rest)
        attempt.doing = READING
        if rate and self._upstream is not None:
            self._throttle_body(self._upstream, rate)

    def _throttle_body(self, upstream: UpstreamSocket, rate: int) -> None:
        from emulator.nginx.pace import Throttle

        self._throttle = Throttle(upstream, self.r.worker, rate, self.proxy.buffer_unit, self._paid)

    def _upgrade(self, rest: bytes) -> None:
        """Only an upgrade that was asked for becomes a tunnel."""
        r, upstream = self.r, self._upstream
        if upstream is None or not was_asked_for(self):
            r.clear_response()
            raise BadMessage(502, "upstream sent unexpected 101 response")
        if not output.send_header(r):
            self.close()
            return
        if rest:
            r.connection.queue(rest)
        r.connection.out.lift_limit()
        self._upstream = None
        Tunnel(self, upstream).start()

    # the answer's body

    def _pass_on(self, pipe: Pipe, data: bytes) -> None:
        state = pipe.feed(data)
        if state is Body.COMING:
            if self._throttle is not None:
                self._throttle.took(len(data))
                self._push()
            elif len(data) >= WORTH_A_WRITE:
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
            self._log("error", pipe.fault, self.attempts[-1].doing)
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
        """Read on, unless proxy_limit_rate has its say, too."""
        self.r.connection.on_drain = None
        if self._upstream is not None and not (self._throttle is not None and self._throttle.waiting):
            self._upstream.resume()

    def _paid(self) -> None:
        """proxy_limit_rate lets more come in, unless the client is not ready for it."""
        if self._upstream is not None and self.r.connection.on_drain is None:
            self._upstream.resume()

    # the end

    def _done(self, complete: bool) -> None:
        """The upstream's part is over; a connection with nothing left on it may serve again."""
        r, head, group, peer, upstream = self.r, self.head, self.group, self._peer, self._upstream
        if complete and group.keepalive and peer and upstream and upstream.sent and head and stays_open(head):
            self._upstream = None
            served, born = upstream.requests + 1, upstream.born
            r.worker.idle.give(group, self.proxy, self.tls, peer, upstream.release(), served, born)
        self.close()
        if not r.header_only:
            if self.trailers:
                from emulator.nginx.trailers import pass_trailers

                pass_trailers(self.proxy, r, self.trailers)
            output.end_body(r)
        r.connection.finish(r)

    def _truncated(self) -> None:
        """The body broke off: the client must not take it for whole, and no peer is blamed (as in nginx)."""
        self.close()
        r = self.r
        r.keepalive = False
        output.flush_body(r)
        r.connection.finish(r)

    def _abort(self) -> None:
        """The answer makes no sense: the client gets nothing more of it, not even what is queued."""
        self._release(failed=False, last=True)
        self.r.connection.abort(self.r)
