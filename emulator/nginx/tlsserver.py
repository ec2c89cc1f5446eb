"""One server's TLS: its certificates, and what it wants to see of its clients'."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING

from emulator.nginx.verifier import OK, OPTIONAL, Verdict, Verifier

if TYPE_CHECKING:
    from emulator.nginx.tlsconnection import TlsConnection, TlsRequest

ALPN = dict.fromkeys((b"http/1.1", b"http/1.0", b"http/0.9")).keys()  # in the order of preference
NOTHING_SHOWN = Verdict(OK, "ok")


class NoCertificate(Exception):
    """A certificate whose name has variables cannot be loaded; the text is nginx's."""


class TlsServer:
    """`context` is None where there is no certificate, or one whose name has variables."""

    __slots__ = ("choose", "context", "record", "rejects", "verifier", "verify")

    def __init__(self, verify: str, record: int, rejects: bool) -> None:
        self.verify = verify
        self.record = record
        self.rejects = rejects
        self.context: ssl.SSLContext | None = None
        self.choose: Callable[[TlsConnection], ssl.SSLContext] | None = None
        self.verifier: Verifier | None = None

    @property
    def has_certificate(self) -> bool:
        return self.context is not None or self.choose is not None

    def context_for(self, connection: TlsConnection) -> ssl.SSLContext:
        """What the handshake of a connection begins with; may raise NoCertificate."""
        if self.context is not None:
            return self.context
        assert self.choose is not None
        return self.choose(connection)

    def objection(self, r: TlsRequest) -> int:
        """The status for a client without the certificate that is asked for, else 0."""
        verify = self.verify
        if verify == "off":
            return 0
        code, text = r.connection.verdict
        if code != OK and not (verify == "optional_no_ca" and code in OPTIONAL):
            _log(r, f"client SSL certificate verify error: ({code}:{text})")
            return 495
        if verify == "on" and not r.connection.chain:
            _log(r, "client sent no required SSL certificate")
            return 496
        return 0


def _log(r: TlsRequest, message: str) -> None:
    r.log_error("info", f"{message} while reading client request headers")
