"""One request on its way: the phases, internal redirects, and how it ends (ngx_http_core_module.c).

A handler takes the request and returns a status to finalize with, OK when its response is complete,
DECLINED to let the next handler try, or AGAIN when it keeps the request and will call
`finalize` (content) or `resume` (earlier phases) itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from emulator.http1.message import BadMessage, Header, RequestHead
from emulator.nginx import output, specialresponse
from emulator.nginx.head import choose_server, may_keep, set_host, validate_host
from emulator.nginx.requestbody import RequestBody, send_continue
from emulator.nginx.uri import normalize

if TYPE_CHECKING:
    import re

    from emulator.nginx.attempt import Upstream
    from emulator.nginx.bodyfilter import BodyFilter
    from emulator.nginx.compile import Server
    from emulator.nginx.connection import Connection
    from emulator.nginx.knownheads import Known
    from emulator.nginx.location import Location
    from emulator.nginx.worker import Worker

OK = 0
ERROR = -1
AGAIN = -2
DECLINED = -5

Handler = Callable[["Request"], int]

MAX_INTERNAL_REDIRECTS = 10
# what no other request with the same head shares
OWN = frozenset(("connection", "started", "sent_before", "headers_out", "known"))
_NO_HEADERS: list[Header] = []
_NO_INDEX: dict[bytes, bytes] = {}
_INVALID_HOST = "client sent invalid host in request line while reading client request line"


class Request:
    """A request and its response; `location` and `path` change with redirects, the head never does."""

    subrequest: ClassVar[bool] = False  # made by another request, which reads no more of it than its head

    head: RequestHead | None = None
    method: bytes = b""
    raw_uri: bytes = b""
    path: bytes = b""
    args: bytes = b""
    version: int = 10
    request_line: bytes = b""
    headers: list[Header] = _NO_HEADERS
    index: dict[bytes, bytes] = _NO_INDEX
    host: bytes | None = None
    keepalive: bool = False
    length_in: int | None = 0  # None: chunked
    body: RequestBody | None = None
    discarded: bool = False
    expect_tested: bool = False
    internal: bool = False
    error_page: bool = False
    uri_changes: int = MAX_INTERNAL_REDIRECTS + 1
    unparsed_uri: bool = True  # the client's own bytes still name what is asked for
    valid_location: bool = True
    phase: int = 0
    quoted: bool = False  # the path was percent-encoded
    captures: tuple[bytes, ...] = ()
    variables: dict[str, bytes] | None = None
    ctx: dict[str, Any] | None = None
    upstream: Upstream | None = None
    cleanups: list[Callable[[], None]] | None = None
    close_after: bool = False  # the connection ends even if the head has said otherwise
    whole: bool = False  # its head was read to the end
    known: Known | None = None  # its head, if that came before
    header_only: bool = False
    header_sent: bool = False
    header_size: int = 0
    disable_not_modified: bool = False
    err_status: int = 0
    trailers_out: list[tuple[bytes, bytes]] | None = None  # a list where the head is to allow some
    transform: BodyFilter | None = None
    gzip_vary: bool = False
    status: int = 0
    status_line: bytes | None = None
    content_type: bytes | None = None
    charset: bytes | None = None  # of the content type, where it is known apart from that
    content_length: int = -1
    last_modified: int = -1
    etag: bytes | None = None
    location_out: bytes | None = None
    chunked: bool = False
    allow_ranges: bool = False
    single_range: bool = False  # more than one of them are not cut out

    def __init__(self, connection: Connection, server: Server) -> None:
        self.connection: Connection = connection
        self.worker: Worker = connection.worker
        self.server: Server = server
        self.location: Location = server.location
        self.started: float = time.time()
        self.sent_before: int = connection.out.sent
        self.headers_out: list[tuple[bytes, bytes]] = []

    @classmethod
    def again(cls, state: dict[str, Any], connection: Connection) -> Request:
        """One more of what had this state, but for what is OWN: set at once in a third of the time."""
        request = cls.__new__(cls)
        request.__dict__.update(state)
        request.connection = connection
        request.started = time.time()
        request.sent_before = connection.out.sent
        request.headers_out = []
        return request

    def clear_response(self) -> None:
        """Forget what a handler put into the response before it failed."""
        self.status = 0
        self.status_line = None
        self.content_type = None
        self.charset = None
        self.content_length = -1
        self.last_modified = -1
        self.etag = None
        self.location_out = None
        self.headers_out = []
        self.chunked = False
        self.allow_ranges = False
        self.single_range = False

    @property
    def main(self) -> Request:
        """The client's own request."""
        return self

    # the head -> server -> location

    def take(self, head: RequestHead) -> None:
        """Adopt a whole head; raises BadMessage where the target cannot be normalised."""
        self.head = head
        self.method = head.method
        self.version = head.version
        self.request_line = head.request_line
        self._take_target(head.raw_uri)
        if head.authority is not None:
            set_host(self, head.authority, _INVALID_HOST)
        self.headers = head.headers
        self.index = head.index

    def _take_target(self, raw: bytes) -> None:
        if raw[:1] != b"/":
            raw = b"/" + raw
        if b"%" in raw or b"//" in raw or b"/." in raw or b"#" in raw:
            self.path, self.args = normalize(raw, self.server.merge_slashes)
            self.quoted = b"%" in raw
        else:
            self.path, _, self.args = raw.partition(b"?")
        self.raw_uri = raw

    def adopt(self, head: RequestHead) -> None:
        """Take what is known of a head that is not whole or not sound."""
        self.head = head
        self.method, self.version = head.method, head.version
        self.request_line = head.request_line
        self.headers, self.index = [], {}
        try:
            self._take_target(head.raw_uri)
        except BadMessage:
            return
        self.headers, self.index = head.headers, head.index
        host = validate_host(head.authority or self.index.get(b"host", b""))
        if host is not None:
            self.host = host
            choose_server(self, host)

    def run(self) -> None:
        """Run the server's own rewrite phase, then find the location and run its phases."""
        for handler in self.server.rewrite:
            self.location = self.server.location
            result = handler(self)
            if result != DECLINED:
                if result != AGAIN:
                    self.finalize(result)
                return
        self.find()

    def find(self) -> None:
        """Find the location of the path and run its phases."""
        location, match = self.server.find(self.path)
        if match is not None:
            self.take_captures(match)
        self.enter(location)

    def take_captures(self, match: re.Match[bytes]) -> None:
        """`$1` and named groups are from now on those of this match."""
        self.captures = tuple(group or b"" for group in match.groups())
        if match.re.groupindex:
            self.set_variables({name: value or b"" for name, value in match.groupdict().items()})

    def set_variables(self, values: dict[str, bytes]) -> None:
        """Give the configuration's own variables their values."""
        if self.variables is None:
            self.variables = values
        else:
            self.variables.update(values)

    def enter(self, location: Location) -> None:
        """Run the phases of a location (ngx_http_core_find_config_phase and after)."""
        self.location = location
        if location.internal and not self.internal:
            self.finalize(404)
            return
        self.keepalive = self.keepalive and may_keep(self)
        limit = location.max_body_size
        length = self.length_in
        if length and limit and length > limit and not self.discarded:
            self.log_error("error", f"client intended to send too large body: {length} bytes")
            self.expect_tested = True
            self.discard_body()
            self.finalize(413)
            return
        self.phase = 0
        self.resume()

    def resume(self) -> None:
        """Go on with the location's handlers after one that said AGAIN."""
        # read anew each time: an `if` that holds changes the location between two handlers
        while self.phase < len(self.location.handlers):
            handler = self.location.handlers[self.phase]
            self.phase += 1
            result = handler(self)
            if result == DECLINED:
                continue
            if result != AGAIN:
                self.finalize(result)
            return
        self._nobody_answers()

    def _nobody_answers(self) -> None:
        if self.path.endswith(b"/"):
            path = self.location.map_path(self)
            self.log_error("error", f'directory index of "{path}" is forbidden')
            self.finalize(403)
            return
        self.finalize(404)

    def redirect(self, path: bytes, args: bytes) -> int:
        """Start over with another URI (ngx_http_internal_redirect)."""
        if not self._may_redirect(path):
            return AGAIN
        if self.upstream is not None:
            self.upstream.moved_on()
        self.path, self.args = path, args
        self.internal = True
        self.valid_location = True
        self.unparsed_uri = False
        self.ctx = None
        self.run()
        return AGAIN

    def redirect_named(self, name: bytes) -> int:
        """Go on in a named location; its URI stays (ngx_http_named_location)."""
        if not self._may_redirect(name):
            return AGAIN
        location = self.server.named.get(name)
        if location is None:
            self.log_error("error", f'could not find named location "{name.decode("latin-1")}"')
            self.finalize(500)
            return AGAIN
        self.internal = True
        self.ctx = None
        self.enter(location)
        return AGAIN

    def _may_redirect(self, target: bytes) -> bool:
        self.uri_changes -= 1
        if self.uri_changes > 0:
            return True
        text = target.decode("latin-1")
        what = "redirecting to named location" if text.startswith("@") else "internally redirecting to"
        self.log_error("error", f'rewrite or internal redirection cycle while {what} "{text}"')
        self.finalize(500)
        return False

    # the end

    def finalize(self, status: int) -> None:
        """End the request with a status: an error page, a redirect, or a response that is complete (OK)."""
        if status == OK:
            self.connection.finish(self)
        elif status < 300 and status not in (201, 204):
            self.connection.abort(self)
        elif status == 444:
            self.status = status
            self.connection.time_out(self)
        elif status in (408, 499):
            self.status = status
            self.connection.abort(self)
        elif self.header_sent:
            self.connection.abort(self)
        else:
            specialresponse.send(self, status)

    # the response

    def respond(self, status: int, content_type: bytes, body: bytes) -> int:
        """A whole response from memory, as ngx_http_send_response gives it."""
        self.status = status
        self.content_type = content_type
        self.content_length = len(body)
        self.send_bytes(body)
        return AGAIN

    def send_bytes(self, body: bytes) -> None:
        """Head and a whole body in one write, then the end."""
        if not output.send_header(self):
            return
        if body and not self.header_only:
            output.send_body(self, body)
        self.finalize_output()

    def finalize_output(self) -> None:
        """The body is complete: write its end and finish."""
        output.end_body(self)
        self.connection.finish(self)

    def discard_body(self) -> int:
        """The body is not wanted: it is read past before the next request (ngx_http_discard_request_body).

        Gives 0, or 400 when what has arrived of the body is no body.
        """
        if self.discarded or self.body is not None:
            return 0
        self.discarded = True
        send_continue(self)
        if self.length_in == 0:
            return 0
        self.body = RequestBody(self)
        return self.body.discard()

    def at_end(self, cleanup: Callable[[], None]) -> None:
        """Call this when the request is over and logged."""
        self.cleanups = [*(self.cleanups or ()), cleanup]

    def clean_up(self) -> None:
        """The request is over; the last cleanup comes first, as in a pool of nginx's."""
        cleanups, self.cleanups = self.cleanups, None
        for cleanup in reversed(cleanups or ()):
            cleanup()

    def client_gone(self) -> None:
        """The client closed its side while it waits for the answer."""
        upstream = self.upstream
        if upstream is not None:
            upstream.client_gone()

    def log_error(self, level: str, message: str) -> None:
        """One line of the error log with this request's circumstances, in nginx's words."""
        self.worker.errors.request(self, level, message)

    def __repr__(self) -> str:
        return f"<Request {self.request_line.decode('latin-1')!r} status={self.status}>"
