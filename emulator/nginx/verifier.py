"""What OpenSSL makes of a client's certificate, without ending the client's connection over it.

nginx lets a handshake pass whatever certificate was shown, and answers a bad one with a page (495). Python
has no such hook, so a handshake is split in two: the client's own, which trusts what the client shows, and
one in memory, in which the very same certificates are shown to OpenSSL under the configured authorities.
The latter ends with the verdict; that the client has the key is what the former proves.
"""

from __future__ import annotations

import ssl
from typing import NamedTuple

# of TLS 1.2, with a cipher and a safe renegotiation
_SERVER_HELLO = b"\3\3" + bytes(32) + b"\0%b\0\0\5\xff\1\0\1\0"
_WITH_ECDSA, _WITH_RSA = b"\xc0\x2b", b"\xc0\x2f"  # ECDHE-ECDSA- and ECDHE-RSA-AES128-GCM-SHA256
_OTHER_KEY = "wrong_certificate_type"


class Verdict(NamedTuple):
    """X509_V_OK or an error's number, and its text."""

    code: int
    text: str


OK = 0
_TOO_LONG = Verdict(22, "certificate chain too long")
_CUT_OFF = Verdict(20, "unable to get local issuer certificate")  # one authority too many
# unlike the others these say only that an authority is not known (ngx_ssl_verify_error_optional)
OPTIONAL = frozenset((18, 19, 20, 21, 27))
_MOST = 1000  # how many certificates are remembered

# the least that a client of TLS 1.2 may say: ciphers, groups and signatures of all kinds
_CLIENT_HELLO = bytes.fromhex(
    "0303" + "00" * 32 + "00"
    "0014" "c02bc02fc02cc030cca9cca8c009c013009c002f"
    "0100"
    "0036"
    "000a000a0008001d001700180019"
    "000b00020100"
    "000d001a0018" "040305030603080408050806040105010601080708080203"
    "00170000"
)  # fmt: skip


def chain_of(message: bytes, tls13: bool) -> tuple[bytes, ...]:
    """The certificates of a Certificate message, the client's own first."""
    at = 4 + (1 + message[4] if tls13 else 0) + 3
    found = []
    while at + 3 <= len(message):
        end = at + 3 + int.from_bytes(message[at : at + 3], "big")
        found.append(message[at + 3 : end])
        at = end + (2 + int.from_bytes(message[end : end + 2], "big") if tls13 else 0)
    return tuple(found)


def to_judge(context: ssl.SSLContext) -> None:
    """Make a context that has its authorities one that judges."""
    context.verify_mode = ssl.CERT_REQUIRED
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ALL:@SECLEVEL=1")


class Verifier:
    """The authorities of one server, and what was said of certificates before."""

    def __init__(self, context: ssl.SSLContext, depth: int) -> None:
        self._context, self._depth = context, depth
        self._known: dict[bytes, Verdict] = {}

    def remembered(self, certificate: bytes) -> Verdict:
        """What was said when a session began that goes on; of its chain only this one is known."""
        return self._known.get(certificate) or self.verdict((certificate,))

    def verdict(self, chain: tuple[bytes, ...]) -> Verdict:
        """Of certificates that were shown just now, which may have expired since they were last seen."""
        found = _ask(self._context, chain, self._depth, _WITH_ECDSA)
        if found.text == _OTHER_KEY:
            found = _ask(self._context, chain, self._depth, _WITH_RSA)
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[chain[0]] = found
        return found


def _ask(context: ssl.SSLContext, chain: tuple[bytes, ...], depth: int, suite: bytes) -> Verdict:
    """Show certificates to OpenSSL: as a client to a server's context, or, with a `suite`, the other way."""
    is_server = context.protocol is ssl.PROTOCOL_TLS_SERVER
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    connection = context.wrap_bio(incoming, outgoing, server_side=is_server)
    listed = b"".join(len(each).to_bytes(3, "big") + each for each in chain)
    hello = _message(1, _CLIENT_HELLO) if is_server else _message(2, _SERVER_HELLO % suite)
    for message in (b"", hello, _message(11, len(listed).to_bytes(3, "big") + listed)):
        incoming.write(_records(message))
        try:
            connection.do_handshake()
        except ssl.SSLWantReadError:
            continue
        except ssl.SSLCertVerificationError as error:
            return Verdict(error.verify_code, error.verify_message)
        except ssl.SSLError as error:
            return Verdict(1, (error.reason or "unspecified certificate verification error").lower())
    verified = connection._sslobj.get_verified_chain()  # type: ignore[attr-defined]
    surplus = len(verified) - 2 - depth if verified is not None else 0
    if surplus > 0:
        return _CUT_OFF if surplus == 1 else _TOO_LONG
    return Verdict(OK, "ok")


def _message(kind: int, body: bytes) -> bytes:
    return b"%c%b%b" % (kind, len(body).to_bytes(3, "big"), body)


def _records(message: bytes) -> bytes:
    pieces = [message[at : at + 16384] for at in range(0, len(message), 16384)]
    return b"".join(b"\x16\x03\x03%b%b" % (len(piece).to_bytes(2, "big"), piece) for piece in pieces)


def show_all(context: ssl.SSLContext) -> None:
    """Let handshakes under this context pass with any certificate; what was shown is kept with each."""
    context.verify_mode = ssl.CERT_OPTIONAL
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | 0x200000  # X509_V_FLAG_NO_CHECK_TIME

    def note(
        connection: ssl.SSLObject, direction: str, version: int, content: int, kind: int, data: bytes
    ) -> None:
        if direction == "read" and kind == 11 and content == 22 and len(data) > 8:
            chain = chain_of(data, version == ssl.TLSVersion.TLSv1_3)
            if chain:
                connection.shown = chain  # type: ignore[attr-defined]
                # in a context of its own: what all clients have shown would never leave a common one
                own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                own.verify_mode = ssl.CERT_OPTIONAL  # or `getpeercert` would not tell what is in it
                own.load_verify_locations(cadata=chain[0])
                connection.context = own

    context._msg_callback = note  # type: ignore[attr-defined]
