"""ngx_http_ssl_module: TLS towards the client."""

from __future__ import annotations

from emulator.nginx.directives import BadValue, Block, Directive
from emulator.nginx.rows import (
    HS,
    NO_EFFECT,
    ONE,
    ONE_THREE,
    ONE_TWO,
    TWO,
    flag,
    mask,
    number,
    row,
    seconds,
    size,
    string,
    text,
    uses_variables,
)
from emulator.nginx.tlsvalues import PROTOCOLS, announce, place_certificate_cache
from emulator.nginx.values import number as as_number
from emulator.nginx.values import one_of
from emulator.nginx.values import size as as_size

MODULE = "ngx_http_ssl_module"

CIPHERS = "HIGH:!aNULL:!MD5"
_LEAST_CACHE = 8 * 4096


def place_certificate(block: Block, name: str) -> str:
    announce(block, name)
    uses_variables(block, name)
    return name


def place_session_cache(block: Block, args: tuple[str, ...]) -> tuple[str, ...]:
    """As ngx_http_ssl_session_cache."""
    for arg in args:
        if arg in ("off", "none", "builtin"):
            continue
        kind, colon, rest = arg.partition(":")
        if kind == "builtin" and colon and as_number(rest) is not None:
            continue
        name, colon, length = rest.partition(":")
        octets = as_size(length) if kind == "shared" and name and colon else None
        if octets is None:
            raise BadValue(f'invalid session cache "{arg}"')
        if octets < _LEAST_CACHE:
            raise BadValue(f'session cache "{arg}" is too small')
    return args


def place_ocsp_cache(block: Block, value: str) -> str:
    """As ngx_http_ssl_ocsp_cache."""
    if value == "off":
        return value
    kind, _, rest = value.partition(":")
    name, colon, length = rest.partition(":")
    octets = as_size(length) if kind == "shared" and name and colon else None
    if octets is None:
        raise BadValue(f'invalid OCSP cache "{value}"')
    if octets < _LEAST_CACHE:
        raise BadValue(f'OCSP cache "{value}" is too small')
    return value


def warn_of_compression(block: Block, on: bool) -> bool:
    if on:
        block.state.warn_nowhere("SSL_CTX_compress_certs() failed, ignored")
    return on


def warn_of_ech(block: Block, name: str) -> str:
    block.state.warn_nowhere('"ssl_ech_file" is not supported on this platform, ignored')
    return name


def warn_of_stapling(block: Block, on: bool) -> bool:
    if on:
        block.state.warn('"ssl_stapling" is accepted, but the emulator sends no OCSP answer')
    return on


_OCSP = "The emulator asks nobody whether a certificate was revoked."

DIRECTIVES: tuple[Directive, ...] = (
    row(
        *("ssl_certificate", HS, ONE, "The certificate with its chain: a file, or `data:`.", ()),
        check=place_certificate,
        repeat=True,
    ),
    text("ssl_certificate_key", HS, "The certificate's key.", (), repeat=True),
    row(
        *("ssl_certificate_cache", HS, ONE_THREE, "Kept certificates whose names have variables."),
        *(None, NO_EFFECT),
        check=place_certificate_cache,
    ),
    string(
        *("ssl_ech_file", HS, "Keys for encrypted client hello.", (), NO_EFFECT),
        check=warn_of_ech,
        repeat=True,
    ),
    string("ssl_password_file", HS, "Passwords of keys, one a line."),
    flag(
        *("ssl_certificate_compression", HS, "Compressed certificates: OpenSSL 3.3 has none.", False),
        NO_EFFECT,
        check=warn_of_compression,
    ),
    string("ssl_dhparam", HS, "The group of a plain Diffie-Hellman key exchange."),
    string("ssl_ecdh_curve", HS, "The curve of a key exchange; of several, OpenSSL's own choice.", "auto"),
    mask("ssl_protocols", HS, PROTOCOLS, "Versions of TLS.", frozenset(("tlsv1.2", "tlsv1.3"))),
    string("ssl_ciphers", HS, "Ciphers up to TLS 1.2.", CIPHERS),
    size("ssl_buffer_size", HS, "The most that is encrypted in one record.", 16384),
    row(
        *(
            "ssl_verify_client",
            HS,
            ONE,
            "Ask clients for a certificate, and answer a bad one with 495.",
            "off",
        ),
        parse=one_of("off", "on", "optional", "optional_no_ca"),
        check=announce,
    ),
    number("ssl_verify_depth", HS, "How many authorities may stand between.", 1),
    string("ssl_client_certificate", HS, "Who may have signed theirs."),
    string("ssl_trusted_certificate", HS, "Who else may have signed theirs."),
    flag("ssl_prefer_server_ciphers", HS, "The server's order of ciphers counts.", False),
    row(
        *(
            "ssl_session_cache",
            HS,
            ONE_TWO,
            "Sessions are kept by tickets; one that is here, by each worker.",
        ),
        check=place_session_cache,
    ),
    flag("ssl_session_tickets", HS, "Let clients keep sessions.", True),
    string(
        *("ssl_session_ticket_key", HS, "What such sessions are sealed with: a new key at each start.", ()),
        NO_EFFECT,
        repeat=True,
    ),
    seconds("ssl_session_timeout", HS, "How long a session holds: five minutes.", 300, NO_EFFECT),
    string("ssl_crl", HS, "Certificates that were revoked."),
    row("ssl_ocsp", HS, ONE, _OCSP, "off", NO_EFFECT, parse=one_of("off", "on", "leaf")),
    string("ssl_ocsp_responder", HS, _OCSP, None, NO_EFFECT),
    row("ssl_ocsp_cache", HS, ONE, _OCSP, None, NO_EFFECT, check=place_ocsp_cache),
    flag(
        *("ssl_stapling", HS, "An OCSP answer about our own certificate is not sent; with a notice.", False),
        NO_EFFECT,
        check=warn_of_stapling,
    ),
    string("ssl_stapling_file", HS, "Where that answer would be.", None, NO_EFFECT),
    string("ssl_stapling_responder", HS, "Whom to ask for it.", None, NO_EFFECT),
    flag("ssl_stapling_verify", HS, "Check it first.", False, NO_EFFECT),
    flag("ssl_early_data", HS, "Requests before the handshake is done: none are taken.", False, NO_EFFECT),
    row(
        *("ssl_conf_command", HS, TWO, "OpenSSL's own: Options, CipherString, MinProtocol, MaxProtocol.", ()),
        repeat=True,
    ),
    flag("ssl_reject_handshake", HS, "Refuse every handshake.", False, check=announce),
)
