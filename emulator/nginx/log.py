"""Access log: formats compiled to one join, written once a turn. Error log: nginx's own lines and words."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Container
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from emulator.nginx.conf import ENCODING
from emulator.nginx.fieldgetters import Getter
from emulator.nginx.getters import GETTERS
from emulator.nginx.variables import Template, _known, as_one

if TYPE_CHECKING:
    from emulator.nginx.connection import Connection
    from emulator.nginx.event import Loop, Timer
    from emulator.nginx.request import Request

LEVELS = {
    name: i
    for i, name in enumerate(("stderr", "emerg", "alert", "crit", "error", "warn", "notice", "info", "debug"))
}

_UNSAFE = re.compile(rb'[\x00-\x1f"\\\x7f-\xff]')
_MAX_LINE = 2048  # NGX_MAX_ERROR_STR
_ERRNO_ROOM = 50
_LONG = 1500

_JSON_UNSAFE = re.compile(rb'[\x00-\x1f"\\]')
_JSON_NAMES = {
    b"\n": b"\\n",
    b"\r": b"\\r",
    b"\t": b"\\t",
    b"\b": b"\\b",
    b"\f": b"\\f",
    b'"': b'\\"',
    b"\\": b"\\\\",
}
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_ERRNO = re.compile(r"\([0-9]+: [^()]*\)\Z")
_REFERENCE = re.compile(r"\$(?:\{([A-Za-z0-9_]*)\}|([A-Za-z0-9_]+))")
# variables whose text is always safe: they are not escaped, which spares a pass over each
_SAFE = frozenset(
    ("remote_addr", "time_local", "status", "body_bytes_sent", "bytes_sent", "request_time", "msec")
)


_OF_HEAD = frozenset(("request", "remote_user"))


def _escape_default(value: bytes | None) -> bytes:
    if value is None:
        return b"-"
    return _UNSAFE.sub(lambda found: b"\\x%02X" % found[0][0], value) if _UNSAFE.search(value) else value


def _escape_json(value: bytes | None) -> bytes:
    if not value:
        return b""
    return _JSON_UNSAFE.sub(lambda found: _JSON_NAMES.get(found[0]) or b"\\u%04X" % found[0][0], value)


def _escape_none(value: bytes | None) -> bytes:
    return value or b""


Escape = Callable[[bytes | None], bytes]
Part = bytes | tuple[Getter, str]

_ESCAPES: dict[str, Escape] = {
    "default": _escape_default,
    "json": _escape_json,
    "none": _escape_none,
}


def compile_format(text: str, escape: str = "default", own: Container[str] = ()) -> Template:
    """A log_format's text -> the callable that gives one line, with its newline."""
    # most values come again: the same agent, the same page
    escaped = lru_cache(1024)(_ESCAPES[escape])
    parts: list[Part] = []
    steady: list[Part] = []  # the parts since the last one that another request may have otherwise
    position = 0
    for found in _REFERENCE.finditer(text):
        if found.start() > position:
            steady.append(text[position : found.start()].encode(*ENCODING))
        name = found[1] or found[2]
        part = _known(name, own), "{}(r) or b'-'" if name in _SAFE else "escape({}(r))"
        if _of_head(name.lower(), own):
            steady.append(part)
        else:
            parts += *_once_a_head(steady, escaped), part
            steady = []
        position = found.end()
    steady.append(text[position:].encode(*ENCODING) + b"\n")
    return as_one([*parts, *_once_a_head(steady, escaped)], escape=escaped)


def _of_head(name: str, own: Container[str]) -> bool:
    """Whether a variable's value follows from the octets of the request's head alone."""
    if name in own:
        return False
    return name in _OF_HEAD or (name.startswith("http_") and name not in GETTERS)


def _once_a_head(parts: list[Part], escaped: Escape) -> list[Part]:
    """Parts that are made once for a head that comes again (knownheads.py); each spares a call and a pass."""
    if all(isinstance(part, bytes) for part in parts):
        return parts
    make = as_one(parts, escape=escaped)

    def text_of(r: Request) -> bytes:
        if (head := r.head) is None:
            return make(r)
        text = head.texts.get(make)
        if text is None:
            text = head.texts[make] = make(r)
        return text

    return [(text_of, "{}(r)")]


class Log(Protocol):
    """What takes lines."""

    def write(self, line: bytes) -> None: ...


class LogFile:
    """An open log: lines of one turn of the loop go out in one write; a full disk loses lines, no requests.

    With a `buffer`, lines wait until it is full or `flush` seconds have passed; with `gzip`, each such
    write is a member of a gzip file.
    """

    def __init__(self, path: str, buffer: int = 0, flush: float = 0.0, gzip: int = 0) -> None:
        self.path = path
        self.fd = -1
        self._buffer = buffer
        self._flush_after = flush
        self._gzip = gzip
        self._loop: Loop | None = None
        self._lines: list[bytes] = []
        self._size = 0
        self._timer: Timer | None = None
        self._open()

    def attach(self, loop: Loop) -> None:
        """From now on lines are written at the end of a turn of this loop."""
        self._loop = loop

    def reopen(self) -> None:
        """Open the file again: after a rotation the old one may have been renamed."""
        self.flush()
        self._open()

    def _open(self) -> None:
        if self.path in ("/dev/stdout", "/dev/stderr", "stderr"):
            self.fd = 1 if self.path == "/dev/stdout" else 2
            return
        fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        old, self.fd = self.fd, fd
        if old > 2:
            os.close(old)

    def __del__(self) -> None:
        if getattr(self, "fd", -1) > 2:
            os.close(self.fd)

    def write(self, line: bytes) -> None:
        lines = self._lines
        lines.append(line)
        if self._buffer:
            self._hold(line)
        elif len(lines) == 1:
            if self._loop is None:
                self.flush()
            else:
                self._loop.post(self.flush)

    def _hold(self, line: bytes) -> None:
        self._size += len(line)
        if self._size > self._buffer:
            self._lines.pop()
            self.flush()
            self._lines.append(line)
            self._size = len(line)
        if self._flush_after and self._timer is None and self._loop is not None:
            self._timer = self._loop.call_later(self._flush_after, self.flush)

    def flush(self) -> None:
        """Write what waits."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._lines:
            return
        data = b"".join(self._lines)
        self._lines.clear()
        self._size = 0
        if self._gzip:
            import gzip

            data = gzip.compress(data, self._gzip)
        try:
            os.write(self.fd, data)
        except OSError:
            return


# a message that ends with what was being done
_SAYS_WHAT = re.compile(r"(?<! cycle) while ")


def _as_hex(found: re.Match[str]) -> str:
    return f"\\x{ord(found[0]):02X}"


def _shortened(message: str, before: int) -> str:
    """A long message as nginx cuts it, so that its error number still fits (ngx_log_errno)."""
    found = _ERRNO.search(message)
    room = _MAX_LINE - _ERRNO_ROOM - before
    return f"{message[:room]}... {found[0]}" if found and len(message) > room else message


class ErrorLog:
    """The error logs of a worker: which file takes a line depends on where the request is."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._second = -1
        self._stamp = ""

    def _time(self) -> str:
        now = int(time.time())
        if now != self._second:
            self._second = now
            self._stamp = time.strftime("%Y/%m/%d %H:%M:%S", time.localtime(now))
        return self._stamp

    def line(self, level: str, message: str, number: int | None = None) -> bytes:
        """`2026/11/23 12:00:00 [error] 42#42: *7 message`."""
        star = f" *{number}" if number is not None else ""
        text = f"{self._time()} [{level}] {self.pid}#{self.pid}:{star} {message}".encode(*ENCODING)
        return text[: _MAX_LINE - 1] + b"\n"

    def request(self, r: Request, level: str, message: str) -> None:
        """A line with the request's circumstances, as ngx_http_log_error_handler adds them."""
        rank = LEVELS[level]
        logs = [log for threshold, log in r.main.location.error_logs if rank <= threshold]
        if not logs:
            return
        if r.ctx is not None and (doing := r.ctx.get("doing")) and " while " not in message:
            message = f"{message} while {doing}"
        upstream = r.upstream.circumstances() if r.upstream is not None else None
        if upstream is not None and upstream[0] and _SAYS_WHAT.search(message) is None:
            message = f"{message} while {upstream[0]}"
        if len(message) > _LONG:
            message = _shortened(message, len(self.line(level, "", r.connection.number)) - 1)
        parts = [message, f", client: {r.connection.address}", f", server: {r.server.name.decode(*ENCODING)}"]
        if r.request_line:
            parts.append(f', request: "{r.request_line.decode(*ENCODING)}"')
        if r.subrequest:
            parts.append(f', subrequest: "{r.path.decode(*ENCODING)}"')
        if upstream is not None:
            # one line of the log stays one line, whatever a decoded URI holds
            parts.append(f', upstream: "{_CONTROL.sub(_as_hex, upstream[1])}"')
        if (host := r.index.get(b"host")) is not None:
            parts.append(f', host: "{host.decode(*ENCODING)}"')
        if (referer := r.index.get(b"referer")) is not None:
            parts.append(f', referrer: "{referer.decode(*ENCODING)}"')
        line = self.line(level, "".join(parts), r.connection.number)
        for log in logs:
            log.write(line)

    def plain(self, c: Connection, level: str, message: str) -> None:
        """A line about a connection that names its client itself."""
        line = self.line(level, message, c.number)
        for threshold, log in c.listener.default.location.error_logs:
            if LEVELS[level] <= threshold:
                log.write(line)

    def connection(self, c: Connection, level: str, message: str) -> None:
        """A line about a connection that has no request."""
        rank = LEVELS[level]
        line = self.line(level, f"{message}, client: {c.address}, server: {c.listener.display}", c.number)
        for threshold, log in c.listener.default.location.error_logs:
            if rank <= threshold:
                log.write(line)
