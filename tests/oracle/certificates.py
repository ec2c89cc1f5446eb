"""The certificates, keys and lists of the TLS cases, made once for a process, in one folder.

A side has them as `tls/` beside its nginx.conf. Names say what they are for: NAME.crt and NAME.key.
"""

from __future__ import annotations

import atexit
import base64
import datetime
import functools
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
START = datetime.datetime(2018, 11, 21, tzinfo=datetime.UTC)
END = datetime.datetime(2068, 11, 21, tzinfo=datetime.UTC)
PAST = datetime.datetime(2019, 11, 21, tzinfo=datetime.UTC)
PASSWORD = "secret"
_FFDHE2048 = (  # RFC 7919, A.1
    "FFFFFFFFFFFFFFFFADF85458A2BB4A9AAFDC5620273D3CF1D8B9C583CE2D3695A9E13641146433FBCC939DCE249B3EF97D2FE363"
    "630C75D8F681B202AEC4617AD3DF1ED5D5FD65612433F51F5F066ED0856365553DED1AF3B557135E7F57C935984F0C70E0E68B77"
    "E2A689DAF3EFE8721DF158A136ADE73530ACCA4F483A797ABC0AB182B324FB61D108A94BB2C8E3FBB96ADAB760D7F4681D4F42A3"
    "DE394DF4AE56EDE76372BB190B07A7C8EE0A6D709E02FCE1CDF7E2ECC03404CD28342F619172FE9CE98583FF8E4F1232EEF28183"
    "C3FE3B1B4C6FAD733BB5FCBC2EC22005C58EF1837D1683B2C6F34A26C1B2EFFA886B423861285C97FFFFFFFFFFFFFFFF"
)


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: Key


def _subject(common: str, *more: tuple[x509.ObjectIdentifier, str]) -> x509.Name:
    attributes = [*more, (NameOID.COMMON_NAME, common)]
    return x509.Name([x509.NameAttribute(kind, value) for kind, value in attributes])


def _key(kind: str = "ec") -> Key:
    return rsa.generate_private_key(65537, 2048) if kind == "rsa" else ec.generate_private_key(ec.SECP256R1())


def _issue(
    subject: x509.Name,
    serial: int,
    issuer: Pair | None = None,
    names: tuple[str, ...] = (),
    authority: bool = False,
    client: bool = False,
    end: datetime.datetime = END,
    kind: str = "ec",
) -> Pair:
    key = _key(kind)
    signer = issuer.key if issuer is not None else key
    above = issuer.certificate.subject if issuer is not None else subject
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(above)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(START)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(authority, None), True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), False)
    if client:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False)
    return Pair(builder.sign(signer, hashes.SHA256()), key)


def _pem(*pairs: Pair) -> bytes:
    return b"".join(pair.certificate.public_bytes(serialization.Encoding.PEM) for pair in pairs)


def _key_pem(key: Key, password: str = "") -> bytes:
    sealed = serialization.BestAvailableEncryption(password.encode()) if password else None
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        sealed or serialization.NoEncryption(),
    )


def _revoked(authority: Pair, *pairs: Pair) -> bytes:
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.certificate.subject)
        .last_update(START)
        .next_update(END)
    )
    for pair in pairs:
        entry = x509.RevokedCertificateBuilder().serial_number(pair.certificate.serial_number)
        builder = builder.add_revoked_certificate(entry.revocation_date(START).build())
    listed = builder.sign(authority.key, hashes.SHA256())
    return listed.public_bytes(serialization.Encoding.PEM)


def _parameters(prime: bytes) -> bytes:
    """A Diffie-Hellman group: a sequence of two integers, the prime and 2."""
    body = b"\x02\x82%b%b\x02\x01\x02" % (len(prime).to_bytes(2, "big"), prime)
    text = base64.encodebytes(b"\x30\x82%b%b" % (len(body).to_bytes(2, "big"), body))
    return b"-----BEGIN DH PARAMETERS-----\n%b-----END DH PARAMETERS-----\n" % text


@functools.cache
def folder() -> Path:
    """The folder with all of them."""
    path = Path(tempfile.mkdtemp(prefix="oracle-tls-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    path.chmod(0o755)
    _write(path)
    return path


def _write(path: Path) -> None:
    authority = _issue(_subject("Oracle CA", (NameOID.ORGANIZATION_NAME, "Oracle")), 1, authority=True)
    other = _issue(_subject("Other CA"), 2, authority=True)
    between = _issue(_subject("Intermediate CA"), 3, authority, authority=True)
    person = ((NameOID.COUNTRY_NAME, "DE"), (NameOID.ORGANIZATION_NAME, 'Flask, "Team" + <B>'))
    pairs = {
        "localhost": _issue(_subject("localhost"), 10, authority, ("localhost",)),
        "a": _issue(_subject("a.example"), 11, authority, ("a.example",)),
        "b": _issue(_subject("b.example"), 12, authority, ("b.example",), kind="rsa"),
        "rsa": _issue(_subject("localhost rsa"), 13, authority, ("localhost",), kind="rsa"),
        "wild": _issue(_subject("*.w.example"), 14, authority, ("*.w.example",)),
        "chained": _issue(_subject("chained.example"), 15, between, ("chained.example",)),
        "client": _issue(_subject("Alice Müller", *person), 0x2A00FF, authority, client=True),
        "revoked": _issue(_subject("Revoked"), 21, authority, client=True),
        "expired": _issue(_subject("Expired"), 22, authority, client=True, end=PAST),
        "stranger": _issue(_subject("Stranger"), 23, other, client=True),
        "deep": _issue(_subject("Deep"), 24, between, client=True),
        "upstream": _issue(_subject("upstream.test"), 30, authority, ("upstream.test", "*.up.test")),
        "selfsigned": _issue(_subject("selfsigned.test"), 31, None, ("selfsigned.test",)),
        "past": _issue(_subject("upstream.test"), 32, authority, ("upstream.test",), end=PAST),
    }
    for name, pair in pairs.items():
        chain = (pair, between) if name in ("chained", "deep") else (pair,)
        (path / f"{name}.crt").write_bytes(_pem(*chain))
        (path / f"{name}.key").write_bytes(_key_pem(pair.key))
    own = pairs["localhost"]
    files = {
        "ca.crt": _pem(authority),
        "other.crt": _pem(other),
        "both.crt": _pem(other, authority),
        "sealed.key": _key_pem(own.key, PASSWORD),
        "whole.pem": _pem(own) + _key_pem(own.key),
        "passwords": f"wrong\n{PASSWORD}\n".encode(),
        "wrong": b"wrong\nworse\n",
        "crl.pem": _revoked(authority, pairs["revoked"]),
        "bad.pem": b"garbage\n",
        "broken.pem": b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "empty.pem": b"",
        "ticket.key": bytes(range(48)),
        "dh.pem": _parameters(bytes.fromhex("00" + _FFDHE2048)),
    }
    for name, content in files.items():
        (path / name).write_bytes(content)
