"""Heads that never became a request: what nginx logs of them, and what it answers (400, 408, 414, 494)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from emulator.http1 import parse
from emulator.http1.message import BadMessage
from emulator.nginx.head import HeaderTooLarge
from emulator.nginx.request import Request

if TYPE_CHECKING:
    from emulator.nginx.connection import Connection

_LINE_END = re.compile(rb"[\r\n]")


def closed_early(connection: Connection) -> None:
    """The client left before its head was whole."""
    buffer = connection.buffer
    if not buffer:
        errors = connection.worker.errors
        if connection.requests:
            errors.plain(connection, "info", f"client {connection.address} closed keepalive connection")
        else:
            errors.connection(connection, "info", "client closed connection while waiting for request")
        connection.close()
        return
    what = "headers" if b"\n" in buffer else "line"
    request = _half_request(connection)
    request.log_error("info", f"client prematurely closed connection while reading client request {what}")
    if what == "headers":
        request.status = 400
        connection.abort(request)
    else:
        connection.close()


def timed_out(connection: Connection) -> None:
    """The head took too long, or never began."""
    words = "client timed out (110: Connection timed out) while"
    if not connection.buffer:
        connection.worker.errors.connection(connection, "info", f"{words} waiting for request")
        connection.close()
        return
    what = "headers" if b"\n" in connection.buffer else "line"
    request = _half_request(connection)
    request.log_error("info", f"{words} reading client request {what}")
    request.status = 408
    connection.time_out(request)


def reject(connection: Connection, bad: BadMessage | HeaderTooLarge) -> None:
    """Answer what cannot become a request, and close."""
    if isinstance(bad, HeaderTooLarge):
        connection.buffer = connection.buffer[: bad.known]
    request = _half_request(connection)
    if bad.head is not None:
        request.adopt(bad.head)
        request.header_only = request.header_only and request.version != 9
    elif not isinstance(bad, HeaderTooLarge):
        request.headers, request.index = [], {}
    refuse(request, bad)


def refuse(request: Request, bad: BadMessage | HeaderTooLarge) -> None:
    """Answer a request that is one only by its form."""
    request.keepalive = False
    request.discarded = True
    request.log_error("info", str(bad))
    request.finalize(bad.status)
    request.connection.flush()


def log_ignored(request: Request, ignored: list[tuple[bytes, int]]) -> None:
    """Dropped field lines are logged with what was known of the request when each was read."""
    headers, index = request.headers, request.index
    for line, before in ignored:
        request.headers = headers[:before]
        request.index = {lower: value for _, value, lower in request.headers}
        request.log_error("info", parse.INVALID_HEADER % line.decode("utf-8", "surrogateescape"))
    request.headers, request.index = headers, index


def _half_request(connection: Connection) -> Request:
    """A request made of what has arrived of its head, for the logs and for nginx's answer to it."""
    request = connection.begin()
    request.discarded = True
    buffer, connection.buffer = connection.buffer, b""
    try:
        head = parse.partial_head(buffer)
    except BadMessage:
        head = None
    request.request_line = _LINE_END.split(buffer, maxsplit=1)[0]
    if head is not None:
        request.adopt(head)
    request.header_only = request.version != 9 and buffer.startswith(b"HEAD ")
    return request
