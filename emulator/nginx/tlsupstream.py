"""Connections to upstreams that speak TLS (ngx_http_upstream_ssl_init_connection and what follows).

The upstream's certificate is judged after the handshake, as nginx does it: then it is known by which words
to refuse it, and nothing of a request has been sent.
"""

from __future__ import annotations

import re
import ssl
from functools import cached_property
from typing import TYPE_CHECKING

from emulator.nginx.attempt import Attempt
from emulator.nginx.opensslwords import words
from emulator.nginx.tlsconnection import TlsSendQueue
from emulator.nginx.tlsstream import HandshakeClosed, TlsStream
from emulator.nginx.upstreamsocket import Owner, Timeouts, UpstreamSocket
from emulator.nginx.verifier import OK, Verdict, Verifier

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from emulator.namespace import Dial
    from emulator.nginx.bind import Local
    from emulator.nginx.connection import Connection
    from emulator.nginx.request import Request
    from emulator.nginx.variables import Template

SHAKING = "SSL handshaking to upstream"
_ADDRESS = re.compile(r"[0-9.]+\Z|\[|.*:.*:")
_MOST = 1000  # how many sessions and names are kept
_NOT_SHOWN = Verdict(1, "unspecified certificate verification error")


class TlsClient:
    """One location's TLS towards its upstreams, with the sessions of its peers."""

    def __init__(
        self, context_of: Callable[[Request], ssl.SSLContext], name: Template, sends_name: bool, reuses: bool
    ) -> None:
        self._context_of = context_of
        self._name = name
        self._sends_name = sends_name
        self._reuses = reuses
        self.verifier: Verifier | None = None
        self._names: dict[bytes, dict[str, object]] = {}  # of the certificates that were shown
        self._sessions: dict[tuple[str, int], ssl.SSLSession] = {}

    def name(self, r: Request) -> str:
        """As ngx_http_upstream_ssl_name: without a port."""
        name = self._name(r).decode("latin-1")
        return name if name.startswith("[") else name.rpartition(":")[0] or name

    def stream(self, sock: socket.socket, r: Request, address: str) -> TlsStream:
        context = self._context_of(r)
        name: str | None = self.name(r)
        if not self._sends_name or not name or _ADDRESS.match(name):
            name = None
        session = self._sessions.get((address, id(context))) if self._reuses else None
        try:
            return TlsStream(sock, context, False, name, session)
        except ValueError:  # no name that could be sent
            return TlsStream(sock, context, False, None, session)

    def keep_session(self, stream: TlsStream, address: str) -> None:
        if not self._reuses or not stream.done:
            return
        if self.verifier is not None and stream.tls.getpeercert(binary_form=True) not in self._names:
            return  # whoever resumes it could not be judged
        session = stream.tls.session
        if session is not None:
            if len(self._sessions) >= _MOST:
                self._sessions.clear()
            self._sessions[address, id(stream.tls.context)] = session

    def open(
        self, owner: Owner, connection: Connection, timeouts: Timeouts, attempt: Attempt, r: Request
    ) -> TlsUpstreamSocket:
        return TlsUpstreamSocket(owner, connection, timeouts, attempt, self, r)

    def complaint(self, stream: TlsStream, r: Request) -> str | None:
        """What is wrong with the certificate, in nginx's words."""
        if self.verifier is None:
            return None
        shown, (code, text) = self._judged(stream, self.verifier)
        if code != OK:
            return f"upstream SSL certificate verify error: ({code}:{text})"
        name = self.name(r)
        fits = matches(self._names[shown], name)
        return None if fits else f'upstream SSL certificate does not match "{name}"'

    def _judged(self, stream: TlsStream, verifier: Verifier) -> tuple[bytes, Verdict]:
        """The upstream's certificate and what is to be said of it; a resumed session's was seen before."""
        found = stream.tls._sslobj.get_unverified_chain()  # type: ignore[attr-defined]
        if found:
            chain = tuple(ssl.PEM_cert_to_DER_cert(each.public_bytes()) for each in found)
            if len(self._names) >= _MOST:
                self._names.clear()
                self._sessions.clear()
            self._names[chain[0]] = found[0].get_info()
            return chain[0], verifier.verdict(chain)
        own = stream.tls.getpeercert(binary_form=True)
        if own is None or own not in self._names:
            return b"", _NOT_SHOWN
        return own, verifier.remembered(own)


def matches(parts: dict[str, object], name: str) -> bool:
    """As X509_check_host: the alternative names, or else the common name; a wildcard is one whole label."""
    alternatives: tuple[tuple[str, str], ...] = parts.get("subjectAltName", ())  # type: ignore[assignment]
    names = [value for kind, value in alternatives if kind == "DNS"]
    if not names:
        subject: tuple[tuple[tuple[str, str], ...], ...] = parts.get("subject", ())  # type: ignore[assignment]
        names = [value for part in subject for kind, value in part if kind == "commonName"]
    return any(_fits(pattern.lower(), name.lower()) for pattern in names)


def _fits(pattern: str, name: str) -> bool:
    if not pattern.startswith("*."):
        return pattern == name
    first, dot, rest = name.partition(".")
    return bool(first and dot) and rest == pattern[2:] and "." in rest


class TlsUpstreamSocket(UpstreamSocket):
    """As its base, with a handshake between connecting and the first octet of a request."""

    __slots__ = ("_client", "_r")

    def __init__(
        self,
        owner: Owner,
        connection: Connection,
        timeouts: Timeouts,
        attempt: Attempt,
        client: TlsClient,
        r: Request,
    ) -> None:
        super().__init__(owner, connection, timeouts, attempt)
        self._client, self._r = client, r

    @property
    def _stream(self) -> TlsStream:
        assert isinstance(self.sock, TlsStream)
        return self.sock

    def take(self, sock: socket.socket) -> None:
        super().take(sock)
        if not isinstance(sock, TlsStream):
            self.sock = self._client.stream(sock, self._r, self.attempt.address)  # type: ignore[assignment]

    @cached_property
    def out(self) -> TlsSendQueue:
        return TlsSendQueue(self._stream, self.fd)

    def send_whole(self, data: bytes) -> None:
        self.out.push(data)
        self.send()

    def connect(self, dial: Dial, local: Local | None = None) -> int:
        code = super().connect(dial, local)
        if not code:
            self._loop.add_room(self.fd)
            self.deadline.set(self._timeouts.connect_timeout, self._owner.on_timeout)
        return code

    def on_event(self, mask: int) -> None:
        if self.connected:
            super().on_event(mask)
        elif not self._stream.started and (code := self._error()):
            self._owner.on_connect_failed(code)
        else:
            self._shake()

    def send(self) -> None:
        if self.connected:
            super().send()
        else:
            self._shake()

    def _shake(self) -> None:
        stream, owner, attempt = self._stream, self._owner, self.attempt
        closed = "peer closed connection in SSL handshake"
        try:
            done = stream.handshake()
        except HandshakeClosed:
            owner.on_handshake_failed(closed)
            return
        except ssl.SSLError as error:
            owner.on_handshake_failed(f"SSL_do_handshake() failed {words(error.reason).text}")
            return
        except OSError as error:
            if stream.started:
                owner.on_handshake_failed(f"{closed} ({error.errno}: {error.strerror})")
            else:
                owner.on_connect_failed(error.errno or 0)
            return
        if stream.started:
            attempt.doing = SHAKING
        if not done:
            return
        if (complaint := self._client.complaint(stream, self._r)) is not None:
            owner.on_handshake_failed(complaint)
            return
        self.connected = True
        attempt.begin(self._loop.now)
        super().send()
        if not self.closed and not self._paused:
            self._read()

    def _read(self) -> None:
        super()._read()
        if not self.closed and not self._paused and not self._ended and self._stream.ended:
            self._ended = True
            super()._read()

    def release(self) -> socket.socket:
        self._client.keep_session(self._stream, self.attempt.address)
        return super().release()

    def close(self) -> None:
        if not self.closed:
            self._client.keep_session(self._stream, self.attempt.address)
        super().close()
