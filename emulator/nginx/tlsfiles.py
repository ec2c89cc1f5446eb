"""Certificates and keys from files, or from `data:`, into OpenSSL; what is wrong, in nginx's words."""

from __future__ import annotations

import contextlib
import errno
import os
import ssl
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from emulator.nginx.conf import ENCODING

if TYPE_CHECKING:
    from emulator.nginx.directives import Block

_BEGIN = b"-----BEGIN "
_CERTIFICATES = (b"CERTIFICATE-----", b"X509 CERTIFICATE-----", b"TRUSTED CERTIFICATE-----")
_NO_KEY = "error:1E08010C:DECODER routines::unsupported:No supported data to decode. Input type: PEM"
_WRONG_PASSWORD = (
    "error:1C800064:Provider routines::bad decrypt"
    " error:11800074:PKCS12 routines::pkcs12 cipherfinal error:maybe wrong password"
)
_NO_ASN1 = "error:0488000D:PEM routines::ASN1 lib"
_MISMATCH = "error:05800074:x509 certificate routines::key values mismatch"


class BadFile(Exception):
    """A file cannot be used; the text is nginx's."""


class Place(NamedTuple):
    """Where files of the configuration are: relative ones start in its folder."""

    folder: str
    path: Callable[[str], str]

    def shown(self, name: str) -> str:
        return name if name.startswith("data:") else os.path.join(self.folder, name)  # noqa: PTH118

    def read(self, name: str, what: str) -> bytes:
        """The content of a file, or what follows `data:`; `what` begins the sentence should it fail."""
        if name.startswith("data:"):
            return name[5:].encode(*ENCODING)
        shown = self.shown(name)
        try:
            with open(self.path(shown), "rb") as file:  # noqa: PTH123
                return file.read()
        except OSError as error:
            raise BadFile(f"{what} {_no_file(shown, error)}") from None


def place_of(block: Block) -> Place:
    assert block.state.path is not None
    return Place(block.state.folder, block.state.path)


def _no_file(shown: str, error: OSError) -> str:
    number = error.errno or 0
    first = f"error:{0x80000000 + number:08X}:system library::{os.strerror(number)}:calling fopen({shown}, r)"
    second = (
        "error:10000080:BIO routines::no such file"
        if number == errno.ENOENT
        else "error:10080002:BIO routines::system lib"
    )
    return f"(SSL: {first} {second})"


def certificates(place: Place, name: str) -> bytes:
    """A PEM text with at least one certificate."""
    what = f'cannot load certificate "{place.shown(name)}":'
    data = place.read(name, f"{what} BIO_new_file() failed")
    if not any(_BEGIN + mark in data for mark in _CERTIFICATES):
        no_start = "error:0480006C:PEM routines::no start line:Expecting: TRUSTED CERTIFICATE"
        raise BadFile(f"{what} PEM_read_bio_X509_AUX() failed (SSL: {no_start})")
    return data


def _key(place: Place, name: str) -> bytes:
    what = f'cannot load certificate key "{place.shown(name)}":'
    data = place.read(name, f"{what} BIO_new_file() failed")
    if b"PRIVATE KEY-----" not in data:
        raise BadFile(f"{what} PEM_read_bio_PrivateKey() failed (SSL: {_NO_KEY})")
    return data


def use_certificate(
    context: ssl.SSLContext, place: Place, certificate: str, key: str, passwords: tuple[str, ...]
) -> None:
    """As ngx_ssl_certificate; a sealed key is tried with each password."""
    chain, secret = certificates(place, certificate), _key(place, key)
    with _as_file(chain) as chain_path, _as_file(secret) as key_path:
        for password in passwords or ("",):
            try:
                context.load_cert_chain(chain_path, key_path, lambda word=password: word)
                return
            except ssl.SSLError as failed:
                if failed.reason == "KEY_VALUES_MISMATCH":
                    shown = place.shown(key)
                    raise BadFile(f'SSL_CTX_use_PrivateKey("{shown}") failed (SSL: {_MISMATCH})') from None
    raise BadFile(_unusable(place, certificate, key, b"ENCRYPTED" in secret, len(passwords or ("",))))


def _unusable(place: Place, certificate: str, key: str, sealed: bool, tries: int) -> str:
    if sealed:
        what = f'cannot load certificate key "{place.shown(key)}": PEM_read_bio_PrivateKey() failed'
        return f"{what} (SSL: {' '.join([_WRONG_PASSWORD] * tries)})"
    what = f'cannot load certificate "{place.shown(certificate)}": PEM_read_bio_X509_AUX() failed'
    return f"{what} (SSL: {_NO_ASN1})"


@contextlib.contextmanager
def _as_file(data: bytes) -> Iterator[str]:
    """Python's ssl reads keys from files only: one that nobody else sees."""
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("pem")
        try:
            os.write(fd, data)
            yield f"/proc/self/fd/{fd}"
        finally:
            os.close(fd)
        return
    from tempfile import NamedTemporaryFile

    with NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        yield file.name


def trust(context: ssl.SSLContext, place: Place, name: str) -> None:
    """Take the authorities of a file."""
    data = certificates(place, name)
    try:
        context.load_verify_locations(cadata=data.decode("latin-1"))
    except (ssl.SSLError, ValueError):
        what = f'cannot load certificate "{place.shown(name)}": PEM_read_bio_X509_AUX() failed'
        raise BadFile(f"{what} (SSL: {_NO_ASN1})") from None


def use_crl(context: ssl.SSLContext, place: Place, name: str) -> None:
    """Refuse what a list revokes; as nginx has it, every authority needs one then."""
    what = f'cannot load CRL "{place.shown(name)}":'
    data = place.read(name, f"{what} BIO_new_file() failed")
    if _BEGIN + b"X509 CRL-----" not in data:
        no_start = "error:0480006C:PEM routines::no start line:Expecting: X509 CRL"
        raise BadFile(f"{what} PEM_read_bio_X509_CRL() failed (SSL: {no_start})")
    with _as_file(data) as path:
        context.load_verify_locations(path)
    context.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN


def use_dh(context: ssl.SSLContext, place: Place, name: str) -> None:
    """The group of a key exchange with plain Diffie-Hellman."""
    shown = place.shown(name)
    data = place.read(name, f'BIO_new_file("{shown}") failed')
    if _BEGIN + b"DH PARAMETERS-----" not in data:
        no_start = "error:0480006C:PEM routines::no start line:Expecting: DH PARAMETERS"
        raise BadFile(f'PEM_read_bio_DHparams("{shown}") failed (SSL: {no_start})')
    with _as_file(data) as path:
        context.load_dh_params(path)


def passwords(place: Place, name: str) -> tuple[str, ...]:
    """As ngx_ssl_read_password_file: one a line."""
    shown = place.shown(name)
    try:
        with open(place.path(shown), encoding="latin-1") as file:  # noqa: PTH123
            lines = file.read().split("\n")
    except OSError as error:
        raise BadFile(f'open() "{shown}" failed ({error.errno}: {os.strerror(error.errno or 0)})') from None
    return tuple(line.removesuffix("\r") for line in lines if line)
