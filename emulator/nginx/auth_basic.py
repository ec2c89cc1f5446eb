"""auth_basic: names and passwords from a file (ngx_http_auth_basic_module.c)."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from emulator.nginx.conf import ENCODING
from emulator.nginx.credentials import NoCrypt, credentials, fits
from emulator.nginx.request import DECLINED, OK, Handler, Request
from emulator.nginx.variables import compile_template

if TYPE_CHECKING:
    from emulator.nginx.directives import Block

_BUFFER = 2048  # NGX_HTTP_AUTH_BUF_SIZE: a stored password ends here at the latest
_ENDS = b"\n\r:"


def compile_auth_basic(block: Block, own: frozenset[str]) -> Handler | None:
    """What asks for a password, and says OK, 401, or 403 and 500 for a file that cannot be read."""
    realm, file = block.given("auth_basic"), block.given("auth_basic_user_file")
    if realm is None or file is None or realm == "off":
        return None
    realm_of, file_of = compile_template(realm, own), compile_template(file, own)

    def handler(r: Request) -> int:
        realm = realm_of(r)
        if realm == b"off":
            return DECLINED
        client = credentials(r.index.get(b"authorization"))
        if client is None:
            r.log_error("info", "no user/password was provided for basic authentication")
            return _ask(r, realm)
        path = file_of(r).decode(*ENCODING)
        text = _read(r, path)
        if isinstance(text, int):
            return text
        stored = find_password(text, client.user)
        name = client.user.decode(*ENCODING)
        if stored is None:
            r.log_error("error", f'user "{name}" was not found in "{path}"')
            return _ask(r, realm)
        try:
            if fits(client.password, stored):
                return OK
        except NoCrypt as error:
            r.log_error("crit", f"crypt_r() failed ({error.errno}: {os.strerror(error.errno or 0)})")
            return 500
        r.log_error("error", f'user "{name}": password mismatch')
        return _ask(r, realm)

    return handler


def _ask(r: Request, realm: bytes) -> int:
    r.headers_out.append((b"WWW-Authenticate", b'Basic realm="%b"' % realm))
    return 401


def _read(r: Request, path: str) -> bytes | int:
    """The whole file, or the status of the failure."""
    try:
        fd = os.open(r.worker.namespace.path(path), os.O_RDONLY | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        code = (error.errno if isinstance(error, OSError) else None) or errno.ENOENT
        level, status = ("error", 403) if code == errno.ENOENT else ("crit", 500)
        r.log_error(level, f'open() "{path}" failed ({code}: {os.strerror(code)})')
        return status
    pieces: list[bytes] = []
    try:
        while piece := os.read(fd, 65536):
            pieces.append(piece)
    except OSError as error:
        r.log_error("crit", f'pread() "{path}" failed ({error.errno}: {error.strerror})')
        return 500
    finally:
        os.close(fd)
    return b"".join(pieces)


def find_password(text: bytes, user: bytes) -> bytes | None:
    """What a file has after a name and its colon, up to the next colon or the line's end.

    As nginx reads it: a line that the name begins and that ends early takes the following one with it.
    """
    wanted = user + b":"
    at, size = 0, len(text)
    while at < size:
        if text[at] == 10:
            at += 1
            continue
        matched = 0
        if text[at] not in b"#\r":
            while matched < len(wanted) and at + matched < size and text[at + matched] == wanted[matched]:
                matched += 1
            if matched == len(wanted):
                rest = text[at + matched :][:_BUFFER]
                end = next((place for place, sign in enumerate(rest) if sign in _ENDS), len(rest))
                return rest[:end]
        newline = text.find(b"\n", at + matched + 1)
        if newline < 0:
            return None
        at = newline + 1
    return None
