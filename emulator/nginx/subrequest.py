"""A request that another one makes to this server, and whose answer nobody reads (ngx_http_subrequest).

Rules:
- it has the client's head, a URI of its own, the method GET, and no body;
- it shares its variables with the request that made it, and says so in the error log;
- it has the phases of its location but for access, which is the other's;
- it is over when its head is there; what is written to its connection goes nowhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from emulator.nginx.connection import Connection
from emulator.nginx.deadline import Deadline
from emulator.nginx.request import Request
from emulator.nginx.sendqueue import SendQueue


class Subrequest(Request):
    """`on_done` is called once, after its end; `status` is then what it was answered with."""

    subrequest: ClassVar[bool] = True

    def __init__(self, main: Request, path: bytes, on_done: Callable[[], None]) -> None:
        aside = self._aside = Aside(main.connection, self)
        super().__init__(aside, main.server)
        self._main = main
        self._on_done = on_done
        self.done = False
        self.method = b"GET"
        self.path = path
        self.internal = True
        self.unparsed_uri = False
        self.header_only = True
        self.expect_tested = True
        self.head, self.version, self.whole = main.head, main.version, main.whole
        self.request_line, self.raw_uri = main.request_line, main.raw_uri
        self.headers, self.index, self.host = main.headers, main.index, main.host
        self.length_in, self.discarded = main.length_in, main.discarded
        if main.variables is None:
            main.variables = {}
        self.variables = main.variables
        self.cleanups = main.cleanups

    @property
    def main(self) -> Request:
        return self._main

    def start(self) -> None:
        """Run; who made it cancels it in the end."""
        client = self._main.connection
        if client.reader == client.watch_client:
            client.reader = self._aside.wake
        self.run()

    def discard_body(self) -> int:
        """There is none."""
        return 0

    def at_end(self, cleanup: Callable[[], None]) -> None:
        self._main.at_end(cleanup)

    def cancel(self) -> None:
        """Stop without a word, and let go of everything that refers back to this."""
        self._on_done = _forgotten
        upstream, self.upstream = self.upstream, None
        if upstream is not None:
            upstream.close()
        self._aside.let_go()

    def finished(self) -> None:
        """The head is there, and with it the status."""
        self.done = True
        if self.location.log_subrequest:
            for write in self.location.access_logs:
                write(self)
        client = self._main.connection
        if client.reader == self._aside.wake:
            client.reader = client.watch_client
        self._on_done()


class Aside(Connection):
    """The client's connection as a subrequest sees it: who the client is, is true; what is sent, lost."""

    def __init__(self, client: Connection, request: Subrequest) -> None:
        self._client = client
        self.worker, self.listener = client.worker, client.listener
        self.sock, self.fd, self.tls = client.sock, client.fd, client.tls
        self.number, self.requests, self.started = client.number, client.requests, client.started
        self.buffer = b""
        self.out = SendQueue(client.sock, client.fd)
        self.queue = _drop
        self.request: Request | None = request
        self.finishing = self.readable = self.pipelined = self.waiting = False
        self.deadline = Deadline(client.worker.loop, self)
        self.upstream_deadline: Deadline | None = None
        self.on_drain = None
        self.reader = self.watch_client

    @property
    def address(self) -> str:
        return self._client.address

    @address.setter
    def address(self, value: str) -> None:
        self._client.address = value

    @property
    def port(self) -> int:
        return self._client.port

    @port.setter
    def port(self, value: int) -> None:
        self._client.port = value

    @property
    def peer_closed(self) -> bool:  # type: ignore[override]
        return self._client.peer_closed

    @property
    def closed(self) -> bool:  # type: ignore[override]
        return self._client.closed

    def wake(self) -> None:
        """The client's connection has an event."""
        self.reader()

    def let_go(self) -> None:
        """Its request is over."""
        self.request = None
        self.reader = _forgotten
        self.deadline.close()
        if self.upstream_deadline is not None:
            self.upstream_deadline.close()

    def flush(self) -> bool:
        return True

    def finish(self, request: Request) -> None:
        if self.request is request and isinstance(request, Subrequest):
            self.request = None
            request.finished()

    def abort(self, request: Request) -> None:
        """Both requests end: there is no status that the other one could go by."""
        if self.request is request:
            self.request = None
            request.main.status = request.status
            self._client.abort(request.main)

    def time_out(self, request: Request) -> None:
        if self.request is request:
            self.request = None
            request.main.status = request.status
            self._client.time_out(request.main)

    def close(self) -> None:
        self._client.close()

    def __repr__(self) -> str:
        return f"<Aside of {self._client}>"


def _forgotten() -> None:
    """Whom nobody waits for any more."""


def _drop(data: bytes) -> None:
    """What is written to nobody."""
