"""TLS on both ends of the harness: the client's connection, and what the upstream's servers present."""

from __future__ import annotations

import contextlib
import socket
import ssl
import warnings
from collections.abc import Mapping
from dataclasses import dataclass

from . import certificates

KEYS = frozenset(("tls", "cert", "alpn", "version", "ciphers", "resume"))
SECURE = {"secure": 11, "secure2": 12, "secure3": 13}
_IDENTITIES = {11: "upstream", 12: "selfsigned", 13: "past"}


@dataclass(frozen=True, slots=True)
class Tls:
    """How a client speaks: `name` for SNI ("-": none), a certificate of its own, and what it offers."""

    name: str
    cert: str = ""
    alpn: str = ""
    version: str = ""
    ciphers: str = ""
    resume: bool = False


def options(given: Mapping[str, str]) -> Tls | None:
    """The options of an exchange that speak of TLS."""
    if "tls" not in given:
        return None
    more = {key: given[key] for key in ("cert", "alpn", "version", "ciphers") if key in given}
    return Tls(given["tls"], resume=given.get("resume") == "yes", **more)


class Refused(Exception):
    """The handshake failed; the text is what the client was told."""


class Resumed:
    """The sessions of one side's connections, by name, for those that want to resume."""

    def __init__(self) -> None:
        self.contexts: dict[Tls, ssl.SSLContext] = {}
        self.sessions: dict[str, ssl.SSLSession | None] = {}
        self.context: ssl.SSLContext | None = None


def _context(tls: Tls) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_verify_locations(certificates.folder() / "both.crt")
    context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
    if tls.cert:
        folder = certificates.folder()
        context.load_cert_chain(folder / f"{tls.cert}.crt", folder / f"{tls.cert}.key")
    if tls.alpn:
        context.set_alpn_protocols(tls.alpn.split(","))
    if tls.version:
        if tls.version in ("TLSv1", "TLSv1.1"):
            context.set_ciphers("ALL:@SECLEVEL=0")
        version = getattr(ssl.TLSVersion, tls.version.replace(".", "_"))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = context.maximum_version = version
    if tls.ciphers:
        context.set_ciphers(tls.ciphers)
    return context


class Secure:
    """A socket's octets in TLS; `notified` when the server has ended by close_notify."""

    def __init__(self, sock: socket.socket, tls: Tls, kept: Resumed) -> None:
        session = None
        if tls.resume and kept.context is not None:
            context, session = kept.context, kept.sessions.get("last")
        else:
            context = kept.context = _context(tls)
        self._kept = kept
        self.notified = False
        try:
            self._sock = context.wrap_socket(
                sock,
                server_hostname=None if tls.name == "-" else tls.name,
                session=session,
                suppress_ragged_eofs=False,
            )
        except (ssl.SSLError, ConnectionError) as error:
            raise Refused(_reason(error)) from None

    def describe(self) -> str:
        """One line about what was agreed upon."""
        found = self._sock.getpeercert() or {}
        subject = {key: value for part in found.get("subject", ()) for key, value in part}  # type: ignore[misc,union-attr]
        parts = [self._sock.version() or "", f"certificate {subject.get('commonName')}"]
        if alpn := self._sock.selected_alpn_protocol():
            parts.append(f"alpn {alpn}")
        if self._sock.session_reused:
            parts.append("resumed")
        return ", ".join(parts)

    def fileno(self) -> int:
        return self._sock.fileno()

    def send(self, data: bytes | memoryview) -> int:
        try:
            return self._sock.send(data)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return 0

    def recv(self, size: int) -> bytes:
        try:
            data = self._sock.recv(size)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise BlockingIOError from None
        except ssl.SSLEOFError:
            return b""
        except ssl.SSLError as error:
            raise Refused(_reason(error)) from None
        finally:
            with contextlib.suppress(ValueError):
                self._kept.sessions["last"] = self._sock.session
        self.notified = self.notified or not data
        return data

    def setblocking(self, on: bool) -> None:
        self._sock.setblocking(on)

    def setsockopt(self, level: int, name: int, value: int | bytes) -> None:
        self._sock.setsockopt(level, name, value)

    def shutdown(self, how: int) -> None:
        """FIN only: whoever sends close_notify would not read what follows."""
        socket.socket.shutdown(self._sock, how)

    def close(self) -> None:
        self._sock.close()


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return str(getattr(error, "reason", None) or error).lower().replace("_", " ")
    return "closed"


def server_context(number: int) -> ssl.SSLContext | None:
    """What one of the upstream's servers presents; those that ask for certificates take any of the CA's."""
    name = _IDENTITIES.get(number)
    if name is None:
        return None
    folder = certificates.folder()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / f"{name}.crt", folder / f"{name}.key")
    context.verify_mode = ssl.CERT_OPTIONAL
    context.load_verify_locations(folder / "ca.crt")
    context.sni_callback = _note_name
    return context


def _note_name(connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
    connection.oracle_name = name  # type: ignore[attr-defined]


def describe_server(connection: ssl.SSLObject) -> str:
    """What a client of the upstream has shown of itself."""
    found = connection.getpeercert() or {}
    subject = {key: value for part in found.get("subject", ()) for key, value in part}  # type: ignore[misc,union-attr]
    name = getattr(connection, "oracle_name", None)
    resumed = ", resumed" if connection.session_reused else ""
    return f"{connection.version()}, name {name}, certificate {subject.get('commonName')}{resumed}"
