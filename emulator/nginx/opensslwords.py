"""What OpenSSL's errors are called in nginx's lines: `error:0A0000C1:SSL routines::no shared cipher`."""

from __future__ import annotations

from typing import NamedTuple

_ALERTS = 1000  # an alert that the peer sent is a reason from here on

# of openssl/sslerr.h, what a peer's octets or a configuration can bring about
_REASONS = {
    "NO_SUITABLE_KEY_SHARE": 101,
    "BAD_CHANGE_CIPHER_SPEC": 103,
    "BAD_DIGEST_LENGTH": 111,
    "BAD_EXTENSION": 110,
    "BAD_LEGACY_VERSION": 292,
    "BAD_PACKET": 298,
    "BAD_RECORD_TYPE": 443,
    "BAD_SIGNATURE": 123,
    "BLOCK_CIPHER_PAD_IS_WRONG": 129,
    "CERTIFICATE_VERIFY_FAILED": 134,
    "CCS_RECEIVED_EARLY": 133,
    "DATA_LENGTH_TOO_LONG": 146,
    "DECRYPTION_FAILED_OR_BAD_RECORD_MAC": 281,
    "DH_KEY_TOO_SMALL": 394,
    "DIGEST_CHECK_FAILED": 149,
    "EE_KEY_TOO_SMALL": 399,
    "ENCRYPTED_LENGTH_TOO_LONG": 150,
    "EXCESSIVE_MESSAGE_SIZE": 152,
    "HTTPS_PROXY_REQUEST": 155,
    "HTTP_REQUEST": 156,
    "INAPPROPRIATE_FALLBACK": 373,
    "INVALID_COMPRESSION_LIST": 256,
    "LENGTH_MISMATCH": 159,
    "LENGTH_TOO_SHORT": 160,
    "NO_CIPHERS_SPECIFIED": 183,
    "NO_CIPHER_MATCH": 185,
    "NO_COMPRESSION_SPECIFIED": 187,
    "NO_PROTOCOLS_AVAILABLE": 191,
    "NO_RENEGOTIATION": 339,
    "NO_SHARED_CIPHER": 193,
    "NO_SHARED_GROUPS": 410,
    "NO_SUITABLE_SIGNATURE_ALGORITHM": 118,
    "PACKET_LENGTH_TOO_LONG": 198,
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": 199,
    "RECORD_LENGTH_MISMATCH": 213,
    "TLSV1_ALERT_NO_RENEGOTIATION": 1100,
    "UNEXPECTED_EOF_WHILE_READING": 294,
    "UNEXPECTED_MESSAGE": 244,
    "UNEXPECTED_RECORD": 245,
    "UNKNOWN_ALERT_TYPE": 246,
    "UNKNOWN_PROTOCOL": 252,
    "UNSUPPORTED_PROTOCOL": 258,
    "VERSION_TOO_LOW": 396,
    "WRONG_VERSION_NUMBER": 267,
    "SSLV3_ALERT_UNEXPECTED_MESSAGE": 1010,
    "SSLV3_ALERT_BAD_RECORD_MAC": 1020,
    "TLSV1_ALERT_RECORD_OVERFLOW": 1022,
    "SSLV3_ALERT_HANDSHAKE_FAILURE": 1040,
    "SSLV3_ALERT_NO_CERTIFICATE": 1041,
    "SSLV3_ALERT_BAD_CERTIFICATE": 1042,
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": 1043,
    "SSLV3_ALERT_CERTIFICATE_REVOKED": 1044,
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": 1045,
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": 1046,
    "SSLV3_ALERT_ILLEGAL_PARAMETER": 1047,
    "TLSV1_ALERT_UNKNOWN_CA": 1048,
    "TLSV1_ALERT_ACCESS_DENIED": 1049,
    "TLSV1_ALERT_DECODE_ERROR": 1050,
    "TLSV1_ALERT_DECRYPT_ERROR": 1051,
    "TLSV1_ALERT_PROTOCOL_VERSION": 1070,
    "TLSV1_ALERT_INSUFFICIENT_SECURITY": 1071,
    "TLSV1_ALERT_INTERNAL_ERROR": 1080,
    "TLSV1_ALERT_USER_CANCELLED": 1090,
    "TLSV13_ALERT_MISSING_EXTENSION": 1109,
    "TLSV1_UNSUPPORTED_EXTENSION": 1110,
    "TLSV1_UNRECOGNIZED_NAME": 1112,
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": 1116,
    "TLSV1_ALERT_NO_APPLICATION_PROTOCOL": 1120,
}

# of these nginx blames itself or its configuration (ngx_ssl_connection_error)
_CRITICAL = frozenset(
    ("BAD_DIGEST_LENGTH", "BAD_SIGNATURE", "DH_KEY_TOO_SMALL", "EE_KEY_TOO_SMALL", "NO_PROTOCOLS_AVAILABLE")
)


class Words(NamedTuple):
    """The level and the text of one error."""

    level: str
    text: str


def words(reason: str | None) -> Words:
    """What nginx logs of a reason as Python names it."""
    name = reason or "UNKNOWN"
    number = _REASONS.get(name)
    if number is None:
        return Words("crit", f"(SSL: {name.lower().replace('_', ' ')})")
    text = name.lower().replace("_", " ")
    more = f":SSL alert number {number - _ALERTS}" if number >= _ALERTS else ""
    level = "crit" if name in _CRITICAL else "info"
    return Words(level, f"(SSL: error:0A{number:06X}:SSL routines::{text}{more})")
