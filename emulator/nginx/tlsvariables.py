"""The variables of ngx_http_ssl_module, of a connection that speaks TLS; "not found" on any other.

`$ssl_sigalg` and `$ssl_client_sigalg` are never found: Python's ssl does not tell them.
"""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from emulator.nginx import tlsnames
from emulator.nginx.clienthello import chosen_group
from emulator.nginx.fieldgetters import Getter, not_found
from emulator.nginx.verifier import OK

if TYPE_CHECKING:
    from emulator.nginx.request import Request
    from emulator.nginx.tlsconnection import TlsConnection


def _of(value: Callable[[TlsConnection], str | None]) -> Getter:
    def get(r: Request) -> bytes | None:
        connection: Any = r.main.connection
        if getattr(connection, "hello", None) is None:
            return None
        return (value(connection) or "").encode() or None

    return get


def _of_certificate(value: Callable[[bytes], str]) -> Getter:
    return _of(lambda c: value(c.chain[0]) if c.chain else None)


def _of_parts(value: Callable[[dict[str, Any]], str]) -> Getter:
    """Of the certificate as Python takes it apart."""
    return _of(lambda c: value(c.stream.tls.getpeercert() or {}) if c.stream and c.chain else None)


def _tls(value: Callable[[Any], str | None]) -> Getter:
    return _of(lambda c: value(c.stream.tls) if c.stream else None)


def _verify(c: TlsConnection) -> str:
    if not c.chain:
        return "NONE"
    code, text = c.verdict
    return "SUCCESS" if code == OK else f"FAILED:{text}"


def _session_id(tls: Any) -> str:
    session = tls.session
    return session.id.hex() if session is not None else ""


def pem(der: bytes) -> str:
    import base64

    text = base64.encodebytes(der).decode().replace("\n", "")
    lines = "\n".join(text[at : at + 64] for at in range(0, len(text), 64))
    return f"-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n"


def _remaining(c: TlsConnection) -> str:
    if c.stream is None or not c.chain:
        return ""
    end = str((c.stream.tls.getpeercert() or {})["notAfter"])
    return str(max(0, ssl.cert_time_to_seconds(end) - c.worker.time()) // 86400)


def _curve(c: TlsConnection) -> str:
    group = chosen_group(c.stream.flight) if c.stream is not None else None
    return tlsnames.group(group) if group is not None else ""


GETTERS: dict[str, Getter] = {
    "ssl_alpn_protocol": _tls(lambda tls: tls.selected_alpn_protocol()),
    "ssl_cipher": _tls(lambda tls: tls.cipher()[0]),
    "ssl_ciphers": _of(lambda c: tlsnames.ciphers(c.hello.ciphers) if c.hello else ""),
    "ssl_client_cert": _of_certificate(lambda der: pem(der).rstrip("\n").replace("\n", "\n\t")),
    "ssl_client_escaped_cert": _of_certificate(lambda der: quote(pem(der), safe="-._~!'()*")),
    "ssl_client_fingerprint": _of_certificate(lambda der: hashlib.sha1(der).hexdigest()),
    "ssl_client_i_dn": _of_parts(lambda parts: tlsnames.rfc2253(parts["issuer"])),
    "ssl_client_i_dn_legacy": _of_parts(lambda parts: tlsnames.legacy(parts["issuer"])),
    "ssl_client_raw_cert": _of_certificate(pem),
    "ssl_client_s_dn": _of_parts(lambda parts: tlsnames.rfc2253(parts["subject"])),
    "ssl_client_s_dn_legacy": _of_parts(lambda parts: tlsnames.legacy(parts["subject"])),
    "ssl_client_serial": _of_parts(lambda parts: parts["serialNumber"]),
    "ssl_client_sigalg": not_found,
    "ssl_client_v_end": _of_parts(lambda parts: parts["notAfter"]),
    "ssl_client_v_remain": _of(_remaining),
    "ssl_client_v_start": _of_parts(lambda parts: parts["notBefore"]),
    "ssl_client_verify": _of(_verify),
    "ssl_curve": _of(_curve),
    "ssl_curves": _of(lambda c: ":".join(map(tlsnames.group, c.hello.groups)) if c.hello else ""),
    "ssl_early_data": not_found,
    "ssl_ech_outer_server_name": not_found,
    "ssl_ech_status": not_found,
    "ssl_protocol": _tls(lambda tls: tls.version()),
    "ssl_server_name": _of(lambda c: c.hello.name if c.hello else ""),
    "ssl_session_id": _tls(_session_id),
    "ssl_session_reused": _tls(lambda tls: "r" if tls.session_reused else "."),
    "ssl_sigalg": not_found,
    "ssl_sigalgs": _of(lambda c: ":".join(map(tlsnames.signature, c.hello.signatures)) if c.hello else ""),
}
