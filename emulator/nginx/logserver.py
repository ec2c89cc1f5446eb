"""Log lines as datagrams to a log server (ngx_syslog.c); what cannot be sent is lost, and said so."""

from __future__ import annotations

import errno
import re
import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from emulator.nginx.conf import ENCODING
from emulator.nginx.syslog import SEVERITIES

if TYPE_CHECKING:
    from emulator.namespace import Namespace
    from emulator.nginx.event import Loop
    from emulator.nginx.request import Request
    from emulator.nginx.syslog import Syslog

Complain = Callable[[str, str], None]  # level, message

_LEVEL = re.compile(rb"\[([a-z]+)\]")


class LogServer:
    """Stands where a LogFile may stand; `complain` writes into the main error log."""

    fd = -1

    def __init__(self, to: Syslog, namespace: Namespace, complain: Complain) -> None:
        self._to = to
        self._namespace = namespace
        self._complain = complain
        self._busy = False  # a complaint about a log server may itself be for a log server
        self._sock: socket.socket | None = None
        self._head = b""
        self._second = -1
        host = f" {namespace.hostname.lower()}" if to.hostname else ""
        self._name = f"{host} {to.tag}: ".encode(*ENCODING)

    def write(self, line: bytes) -> None:
        """A line of an access log, which has the severity of the directive."""
        self.send(self._to.severity, line)

    def write_for(self, r: Request, line: bytes) -> None:
        """A line about a request, whose own error log is told, too, if it could not be sent."""
        if not self.send(self._to.severity, line):
            r.log_error("warn", "send() to syslog failed while logging request")

    def send(self, severity: int, line: bytes) -> bool:
        """One datagram; False if it is lost."""
        if self._busy:
            return True
        self._busy = True
        doing = "connect()"
        try:
            if self._sock is None:
                self._sock = self._connected()
            doing = "send()"
            self._sock.send(self._prefix(severity) + line.removesuffix(b"\n"))
        except OSError as error:
            self._failed(doing, error)
            return False
        finally:
            self._busy = False
        return True

    def _failed(self, doing: str, error: OSError) -> None:
        level = "error" if error.errno == errno.ECONNREFUSED else "alert"
        reason = f"{doing} failed ({error.errno}: {error.strerror})"
        self._complain(level, f"{reason} while logging to syslog, server: {self._to.text}")
        if self._to.server.unix:
            # its server may have made the socket anew
            self._close()

    def _prefix(self, severity: int) -> bytes:
        now = int(time.time())
        if now != self._second:
            self._second = now
            when = time.localtime(now)
            text = f"{time.strftime('%b', when)} {when.tm_mday:2d} {time.strftime('%H:%M:%S', when)}"
            self._head = text.encode("ascii") + self._name
        return b"<%d>%b" % (self._to.facility * 8 + severity, self._head)

    def _connected(self) -> socket.socket:
        server = self._to.server
        if server.unix:
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            address: str | tuple[str, int] = self._namespace.path(server.host)
        else:
            host = server.host.strip("[]")
            host = host if server.literal else next(iter(self._namespace.resolve(host)), host)
            dial = self._namespace.dial(host, server.port)
            sock = socket.socket(dial.family, socket.SOCK_DGRAM)
            address = dial.address
        sock.setblocking(False)
        try:
            sock.connect(address)
        except OSError:
            sock.close()
            raise
        return sock

    def _close(self) -> None:
        if self._sock is not None:
            self._sock.close()
            self._sock = None

    def attach(self, loop: Loop) -> None:
        """A datagram goes at once."""

    def reopen(self) -> None:
        """There is no file."""

    def flush(self) -> None:
        """Nothing waits."""

    def __del__(self) -> None:
        if getattr(self, "_sock", None) is not None:
            self._close()

    def __repr__(self) -> str:
        return f"<LogServer {self._to.text}>"


class ErrorServer(LogServer):
    """For an error log: each line has the severity that it names."""

    def write(self, line: bytes) -> None:
        found = _LEVEL.search(line)
        name = found[1].decode("ascii") if found else ""
        self.send(SEVERITIES.index(name) if name in SEVERITIES else self._to.severity, line)
