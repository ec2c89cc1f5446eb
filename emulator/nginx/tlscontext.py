"""What both directions have in common: protocols, ciphers and OpenSSL's own commands -> a context."""

from __future__ import annotations

import ssl
import warnings

from emulator.nginx.tlsfiles import BadFile

_VERSIONS = ("tlsv1", "tlsv1.1", "tlsv1.2", "tlsv1.3")
_MEANT = {
    "tlsv1": ssl.TLSVersion.TLSv1,
    "tlsv1.1": ssl.TLSVersion.TLSv1_1,
    "tlsv1.2": ssl.TLSVersion.TLSv1_2,
    "tlsv1.3": ssl.TLSVersion.TLSv1_3,
}
_LEFT_OUT = {"tlsv1.1": ssl.OP_NO_TLSv1_1, "tlsv1.2": ssl.OP_NO_TLSv1_2}
# ngx_ssl_conf_commands -> SSL_CONF_cmd(3): what is known there, and what Python can do of it
_OPTIONS = {
    "sessionticket": (ssl.OP_NO_TICKET, False),
    "serverpreference": (ssl.OP_CIPHER_SERVER_PREFERENCE, True),
    "norenegotiation": (ssl.OP_NO_RENEGOTIATION, True),
    "compression": (ssl.OP_NO_COMPRESSION, False),
    "ecdhsingle": (ssl.OP_SINGLE_ECDH_USE, True),
    "dhsingle": (ssl.OP_SINGLE_DH_USE, True),
    "prioritizechacha": (1 << 21, True),
    "middleboxcompat": (1 << 20, True),
    "ktls": (0, True),
    "emptyfragments": (0, True),
    "bugs": (0, True),
    "noresumptiononrenegotiation": (0, True),
    "unsafelegacyrenegotiation": (0, True),
    "unsafelegacyserverconnect": (0, True),
    "encryptthenmac": (0, True),
    "allownodhekex": (0, True),
    "preferdhekex": (0, True),
    "antireplay": (0, True),
    "extendedmastersecret": (0, True),
    "canames": (0, True),
}
_SUITES = frozenset(
    (
        "TLS_AES_256_GCM_SHA384",
        "TLS_CHACHA20_POLY1305_SHA256",
        "TLS_AES_128_GCM_SHA256",
        "TLS_AES_128_CCM_SHA256",
        "TLS_AES_128_CCM_8_SHA256",
    )
)
_WITHOUT_EFFECT = frozenset(
    (
        *("curves", "groups", "ecdhparameters", "signaturealgorithms", "clientsignaturealgorithms"),
        *("recordpadding", "numtickets", "verifymode", "requestcafile", "requestcapath", "protocol"),
        *("certificate", "privatekey", "chaincapath", "chaincafile", "verifycapath", "verifycafile"),
        *("dhparameters", "serverinfofile", "clientcafile", "clientcapath"),
    )
)


def as_configured(
    context: ssl.SSLContext,
    protocols: frozenset[str],
    ciphers: str,
    commands: tuple[tuple[str, str], ...] = (),
) -> None:
    """Set what the protocols, ciphers and commands say; BadFile for what OpenSSL refuses."""
    context.options |= ssl.OP_IGNORE_UNEXPECTED_EOF
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of what the configuration asks for
        _versions(context, protocols)
    _ciphers(context, ciphers, "SSL_CTX_set_cipher_list")
    for name, value in commands:
        _command(context, name, value)


def _versions(context: ssl.SSLContext, protocols: frozenset[str]) -> None:
    chosen = [name for name in _VERSIONS if name in protocols] or ["tlsv1.2", "tlsv1.3"]
    context.minimum_version, context.maximum_version = _MEANT[chosen[0]], _MEANT[chosen[-1]]
    for name, option in _LEFT_OUT.items():
        if name not in chosen:
            context.options |= option


def _ciphers(context: ssl.SSLContext, ciphers: str, who: str) -> None:
    try:
        context.set_ciphers(ciphers)
    except ssl.SSLError:
        text = "(SSL: error:0A0000B9:SSL routines::no cipher match)"
        raise BadFile(f'{who}("{ciphers}") failed {text}') from None


def _command(context: ssl.SSLContext, name: str, value: str) -> None:
    """As ngx_ssl_conf_commands."""
    command = name.lower()
    complaint = f'SSL_CONF_cmd("{name}", "{value}") failed (SSL: '
    bad = f"error:0A000180:SSL routines::bad value:cmd={name}, value={value})"
    if command == "options":
        for word in value.split(","):
            word = word.strip()
            known = _OPTIONS.get(word.lstrip("+-").lower())
            if known is None:
                raise BadFile(complaint + bad)
            bit, straight = known
            if straight != word.startswith("-"):
                context.options |= bit
            else:
                context.options &= ~bit
    elif command == "cipherstring":
        _ciphers(context, value, "SSL_CTX_set_cipher_list")
    elif command == "ciphersuites":
        if not _SUITES.issuperset(value.split(":")):
            raise BadFile(f"{complaint}error:0A0000B9:SSL routines::no cipher match {bad}")
    elif command in ("minprotocol", "maxprotocol"):
        version = _MEANT.get(value.lower())
        if version is None:
            raise BadFile(complaint + bad)
        if command == "minprotocol":
            context.minimum_version = version
        else:
            context.maximum_version = version
    elif command not in _WITHOUT_EFFECT:
        raise BadFile(f"{complaint}error:0A000182:SSL routines::unknown cmd name:cmd={name})")
