"""Names and passwords: an Authorization field, a line of a password file, and whether they fit.

As ngx_http_auth_basic_user (ngx_http_core_module.c) and ngx_crypt (ngx_crypt.c): {PLAIN}, {SHA}, {SSHA},
Apache's MD5, and whatever crypt(3) of this machine knows.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

_BASE64 = re.compile(rb"[A-Za-z0-9+/]*")
_SHA1_SIZE = 20
_MD5_SIZE = 16
_DIGITS = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
LIBRARIES: tuple[str | None, ...] = ("libcrypt.so.1", "libcrypt.so.2", None)  # None: the C library itself


class Credentials(NamedTuple):
    """What a client says that it is."""

    user: bytes
    password: bytes


class NoCrypt(OSError):
    """crypt(3) could not be asked, or did not answer."""


def credentials(authorization: bytes | None) -> Credentials | None:
    """What a field's value says; None for another scheme, bad base64, no colon or no name."""
    if authorization is None or authorization[:6].lower() != b"basic ":
        return None
    decoded = decode_base64(authorization[6:].lstrip(b" "))
    if not decoded:
        return None
    user, colon, password = decoded.partition(b":")
    return Credentials(user, password) if user and colon else None


def decode_base64(text: bytes) -> bytes | None:
    """As ngx_decode_base64: what follows the first "=" does not count, nor does missing padding."""
    digits = text.partition(b"=")[0]
    if not _BASE64.fullmatch(digits) or len(digits) % 4 == 1:
        return None
    return binascii.a2b_base64(digits + b"=" * (-len(digits) % 4))


def fits(password: bytes, stored: bytes, libraries: Sequence[str | None] = LIBRARIES) -> bool:
    """Whether a password is the one that was stored; raises NoCrypt. Both end at a NUL, as C strings do."""
    password, stored = password.partition(b"\0")[0], stored.partition(b"\0")[0]
    encrypt = next((each for prefix, each in _KINDS.items() if stored.startswith(prefix)), None)
    return (encrypt(password, stored) if encrypt else _libc(password, stored, libraries)) == stored


def _plain(password: bytes, stored: bytes) -> bytes:
    return b"{PLAIN}" + password


def _sha(password: bytes, stored: bytes) -> bytes:
    return b"{SHA}" + _encoded(_sha1(password))


def _ssha(password: bytes, stored: bytes) -> bytes:
    decoded = decode_base64(stored[len(b"{SSHA}") :]) or b""
    salt = decoded[_SHA1_SIZE:]
    return b"{SSHA}" + _encoded(_sha1(password + salt) + salt)


def _sha1(data: bytes) -> bytes:
    import hashlib

    return hashlib.sha1(data, usedforsecurity=False).digest()


def _encoded(data: bytes) -> bytes:
    return binascii.b2a_base64(data, newline=False)


def _apr1(password: bytes, stored: bytes) -> bytes:
    """Poul-Henning Kamp's MD5 crypt with Apache's mark: a thousand rounds that differ in what they mix in."""
    import hashlib

    def md5(*parts: bytes) -> bytes:
        return hashlib.md5(b"".join(parts), usedforsecurity=False).digest()

    salt = stored[len(b"$apr1$") :].partition(b"$")[0][:8]
    size = len(password)
    inner = md5(password, salt, password)
    mixed = [password, b"$apr1$", salt, (inner * (size // _MD5_SIZE + 1))[:size]]
    while size:
        mixed.append(b"\0" if size & 1 else password[:1])
        size >>= 1
    final = md5(*mixed)
    for turn in range(1000):
        final = md5(
            password if turn & 1 else final,
            salt if turn % 3 else b"",
            password if turn % 7 else b"",
            final if turn & 1 else password,
        )
    return b"$apr1$%b$%b" % (salt, _md5_digits(final))


def _md5_digits(final: bytes) -> bytes:
    out = bytearray()
    for high, middle, low in ((0, 6, 12), (1, 7, 13), (2, 8, 14), (3, 9, 15), (4, 10, 5)):
        out += _digits(final[high] << 16 | final[middle] << 8 | final[low], 4)
    return bytes(out) + _digits(final[11], 2)


def _digits(value: int, count: int) -> bytes:
    return bytes(_DIGITS[value >> 6 * place & 63] for place in range(count))


def _libc(password: bytes, stored: bytes, libraries: Sequence[str | None]) -> bytes:
    """crypt(3): DES, $1$, $2…$, $5$, $6$ and what else the first library that has it knows."""
    import ctypes
    import errno

    for name in libraries:
        try:
            crypt = ctypes.CDLL(name, use_errno=True).crypt
        except (OSError, AttributeError):
            continue
        crypt.restype, crypt.argtypes = ctypes.c_char_p, (ctypes.c_char_p, ctypes.c_char_p)
        found: bytes | None = crypt(password, stored)
        if found is None:
            raise NoCrypt(ctypes.get_errno(), "")
        return found
    raise NoCrypt(errno.ENOSYS, "")


_KINDS: dict[bytes, Callable[[bytes, bytes], bytes]] = {
    b"$apr1$": _apr1,
    b"{PLAIN}": _plain,
    b"{SSHA}": _ssha,
    b"{SHA}": _sha,
}
