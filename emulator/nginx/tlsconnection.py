"""A client's connection to a listener that speaks TLS (ngx_http_ssl_handshake and what follows).

The client's first octets tell what it speaks, and the name in them which server it means: the handshake
begins with that server's certificates. What was plain HTTP goes on as that, and is told so by a 497.
"""

from __future__ import annotations

import contextlib
import errno
import os
import ssl
from typing import TYPE_CHECKING

from emulator.nginx.clienthello import BadHello, ClientHello, client_hello
from emulator.nginx.connection import Connection
from emulator.nginx.head import validate_host
from emulator.nginx.listener import Captures, Listener
from emulator.nginx.opensslwords import words
from emulator.nginx.request import Request
from emulator.nginx.sendqueue import FilePart, SendQueue
from emulator.nginx.tlsserver import ALPN, NOTHING_SHOWN, NoCertificate
from emulator.nginx.tlsstream import HandshakeClosed, TlsStream

if TYPE_CHECKING:
    import socket

    from emulator.nginx.compile import Server
    from emulator.nginx.tlsserver import TlsServer
    from emulator.nginx.verifier import Verdict
    from emulator.nginx.worker import Worker

_HANDSHAKE = 0x16
_OLD_HELLO = 0x80  # of SSL 2.0
_UNRECOGNIZED_NAME, _NO_APPLICATION_PROTOCOL, _INTERNAL_ERROR = 112, 120, 80
_PART = 65536
_READ_SIZE = 16384


class TlsSendQueue(SendQueue):
    """Parts of files go through memory, to be encrypted there."""

    __slots__ = ()

    def __init__(self, stream: TlsStream, fd: int) -> None:
        super().__init__(stream, fd)  # type: ignore[arg-type]  # it has a socket's manners

    def _send_part(self, part: FilePart) -> None:
        data = os.pread(part.fd, min(part.count, _PART), part.offset)
        if not data:
            raise OSError(errno.EIO, "file was truncated")
        written = self._send(data)
        self.sent += written
        part.offset += written
        part.count -= written
        if not part.count:
            self.unsent.pop(0)
            part.close()


class Negotiated(Listener):
    """A listener as a connection sees it whose client has named a server in its handshake."""

    __slots__ = ("_all", "_captures", "_name")

    def __init__(self, whole: Listener, name: bytes, server: Server, captures: Captures | None) -> None:
        for attribute in Listener.__slots__:
            setattr(self, attribute, getattr(whole, attribute))
        self.default = server
        self.single = None
        self._all, self._name, self._captures = whole, name, captures

    def find(self, host: bytes) -> tuple[Server, Captures | None]:
        if host == self._name:
            return self.default, self._captures
        server, captures = self._all.find(host)
        return (self.default, None) if _verifies(server) else (server, captures)

    def misdirected(self, host: bytes) -> bool:
        """Whether a request asks for a server that would have wanted to see a certificate."""
        return host != self._name and _verifies(self._all.find(host)[0])


def _verifies(server: Server) -> bool:
    return server.tls is not None and server.tls.verify != "off"


class TlsRequest(Request):
    """A request that is first asked how it came."""

    __slots__ = ()

    connection: TlsConnection

    def run(self) -> None:
        status = 0 if self.internal else self.connection.objection(self)
        if status:
            self.finalize(status)
        else:
            super().run()


def _log_misdirected(r: TlsRequest) -> None:
    """As ngx_http_set_virtual_server, which leaves the request with what was read before its host."""
    where = "headers"
    if r.head is not None and r.head.authority is not None:
        where, r.headers, r.index = "line", [], {}
    r.host, r.keepalive = None, False
    what = "client attempted to request the server name different from the one that was negotiated"
    r.log_error("info", f"{what} while reading client request {where}")


class TlsConnection(Connection):
    """`stream` is None until the client has said hello; `tls` is set when the handshake is done."""

    __slots__ = ("_client", "base", "hello", "stream")

    writing = "SSL_write()"

    def __init__(
        self, worker: Worker, sock: socket.socket, peer: tuple[str, int] | str, listener: Listener
    ) -> None:
        super().__init__(worker, sock, peer, listener)
        self.stream: TlsStream | None = None
        self.hello: ClientHello | None = None
        self.base = listener
        self._client: tuple[tuple[bytes, ...], Verdict] | None = None
        self.reader = self._read_hello
        self.deadline.set(listener.default.client_header_timeout, self._handshake_timeout)

    # the handshake

    def _read_hello(self) -> None:
        while (data := self.receive(_READ_SIZE)) is not None:
            if not data:
                self._fail("info", "client closed connection")
                return
            if not self.buffer and data[0] != _HANDSHAKE and not data[0] & _OLD_HELLO:
                self._speak_plain(data)
                return
            self.buffer += data
            try:
                self.hello = client_hello(self.buffer)
            except BadHello:
                self._begin()
                return
            if self.hello is not None:
                self._choose(self.hello)
                return

    def _speak_plain(self, data: bytes) -> None:
        self.buffer = data
        self.reader = self._read_head
        self.deadline.set(self.listener.default.client_header_timeout, self._head_timeout)
        self._next_requests()

    def _choose(self, hello: ClientHello) -> None:
        """As ngx_http_ssl_servername; a name that no server has changes nothing, nor where one is alone."""
        name = validate_host(hello.name.encode("latin-1")) if hello.name else None
        if name is not None and self.listener.single is None:
            server, captures = self.listener.find(name)
            if captures is not None or self.listener.is_name(name):
                self.listener = Negotiated(self.listener, name, server, captures)
        tls = self.listener.default.tls
        if tls is not None and tls.rejects:
            self._refuse(_UNRECOGNIZED_NAME, "info", "handshake rejected")
        elif hello.alpn and ALPN.isdisjoint(hello.alpn):
            text = "(SSL: error:0A0000EB:SSL routines::no application protocol)"
            self._refuse(_NO_APPLICATION_PROTOCOL, "info", f"SSL_do_handshake() failed {text}")
        else:
            self._begin()

    def _settings(self) -> TlsServer:
        """Those of the chosen server, or of the default one where it has no certificate."""
        own = self.listener.default.tls
        if own is None or not own.has_certificate:
            own = self.base.default.tls
        assert own is not None
        return own

    def _begin(self) -> None:
        settings = self._settings()
        first, self.buffer = self.buffer, b""
        try:
            context = settings.context_for(self)
        except NoCertificate as error:
            self.worker.errors.connection(self, "error", f"{error} while SSL handshaking")
            self._refuse(
                _INTERNAL_ERROR,
                "info",
                "SSL_do_handshake() failed (SSL: error:0A000179:SSL routines::cert cb error)",
            )
            return
        self.stream = TlsStream(self.sock, context, True, first=first, record=settings.record)
        self.reader = self._handshake
        self._handshake()

    def _handshake(self) -> None:
        stream = self.stream
        assert stream is not None
        try:
            done = stream.handshake()
        except HandshakeClosed:
            self._fail("info", "peer closed connection in SSL handshake")
            return
        except ssl.SSLError as error:
            level, text = words(error.reason)
            self._fail(level, f"SSL_do_handshake() failed {text}")
            return
        except OSError as error:
            self._fail("info", f"peer closed connection in SSL handshake ({error.errno}: {error.strerror})")
            return
        if done:
            self._established(stream)

    def _established(self, stream: TlsStream) -> None:
        self.tls = True
        self.sock = stream  # type: ignore[assignment]  # it has a socket's manners
        self.out = TlsSendQueue(stream, self.fd)
        self.queue = self.out.push
        self.reader = self._read_head
        self.deadline.set(self.listener.default.client_header_timeout, self._head_timeout)
        self._read_head()

    def _refuse(self, alert: int, level: str, message: str) -> None:
        """End a handshake by an alert of our own."""
        with contextlib.suppress(OSError):
            self.sock.send(b"\x15\x03\x03\x00\x02\x02%c" % alert)
        self._fail(level, message)

    def _fail(self, level: str, message: str) -> None:
        self.worker.errors.connection(self, level, f"{message} while SSL handshaking")
        self.close()

    def _handshake_timeout(self) -> None:
        self._fail("info", "client timed out (110: Connection timed out)")

    def receive(self, size: int = _READ_SIZE) -> bytes | None:
        data = super().receive(size)
        if data and self.stream is not None and self.stream.ended:
            self.readable = True  # the end is still to be read
        return data

    # what is known of the client

    @property
    def chain(self) -> tuple[bytes, ...]:
        """The certificates that the client has shown, its own first."""
        return self._known()[0]

    @property
    def verdict(self) -> Verdict:
        """What OpenSSL says of them; all is well where none was shown."""
        return self._known()[1]

    def _known(self) -> tuple[tuple[bytes, ...], Verdict]:
        found = self._client
        if found is None:
            found = self._client = self._look()
        return found

    def _look(self) -> tuple[tuple[bytes, ...], Verdict]:
        verifier = self._settings().verifier
        if self.stream is None or verifier is None:
            return (), NOTHING_SHOWN
        chain: tuple[bytes, ...] = getattr(self.stream.tls, "shown", ())
        if chain:
            return chain, verifier.verdict(chain)
        own = self.stream.tls.getpeercert(binary_form=True)
        return ((own,), verifier.remembered(own)) if own else ((), NOTHING_SHOWN)

    def unasked(self) -> Request:
        """A request that nobody sent, for variables that are read in a handshake."""
        return TlsRequest(self, self.listener.default)

    # requests

    def begin(self) -> Request:
        self.waiting = False
        self.requests += 1
        self.worker.requests += 1
        self.reader = self.watch_client
        request = self.request = TlsRequest(self, self.listener.default)
        return request

    def objection(self, r: TlsRequest) -> int:
        """The status for a request that must not be served over this connection, else 0."""
        if not self.tls:
            r.log_error(
                "info", "client sent plain HTTP request to HTTPS port while reading client request headers"
            )
            return 497
        listener = self.listener
        if isinstance(listener, Negotiated) and listener.misdirected(r.host or b""):
            _log_misdirected(r)
            return 421
        tls = r.server.tls
        return tls.objection(r) if tls is not None else 0

    def time_out(self, request: Request) -> None:
        if self.stream is not None:
            self.stream.be_quiet()
        super().time_out(request)

    def close(self) -> None:
        if not self.closed:
            super().close()
            self.stream = None

    def __repr__(self) -> str:
        return f"<TlsConnection {self.number} from {self.address}:{self.port} requests={self.requests}>"
