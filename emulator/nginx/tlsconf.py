"""ngx_http_ssl_module's directives -> a server's TLS (ngx_http_ssl_merge_srv_conf, ngx_http_ssl_init)."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from emulator.nginx.conf import ENCODING, ConfError
from emulator.nginx.tlscontext import as_configured
from emulator.nginx.tlsfiles import (
    BadFile,
    Place,
    passwords,
    place_of,
    trust,
    use_certificate,
    use_crl,
    use_dh,
)
from emulator.nginx.tlsserver import ALPN, NoCertificate, TlsServer
from emulator.nginx.variables import UnknownVariable, compile_template
from emulator.nginx.verifier import Verifier, show_all, to_judge

if TYPE_CHECKING:
    from emulator.nginx.directives import Block
    from emulator.nginx.modules.listen import Listen
    from emulator.nginx.tlsconnection import TlsConnection

_OF_TLS = ("ssl_certificate", "ssl_reject_handshake", "ssl_verify_client")
_GROUPS = frozenset(
    (
        *("auto", "p-256", "prime256v1", "secp256r1", "p-384", "secp384r1", "p-521", "secp521r1"),
        *("x25519", "x448", "ffdhe2048", "ffdhe3072", "ffdhe4096", "ffdhe6144", "ffdhe8192"),
        *("brainpoolp256r1", "brainpoolp384r1", "brainpoolp512r1", "secp256k1", "secp224r1", "p-224"),
        *("x25519mlkem768", "secp256r1mlkem768", "secp384r1mlkem1024", "mlkem768"),
    )
)
_CURVES = {
    **dict.fromkeys(("p-256", "secp256r1", "prime256v1"), "prime256v1"),
    **dict.fromkeys(("p-384", "secp384r1"), "secp384r1"),
    **dict.fromkeys(("p-521", "secp521r1"), "secp521r1"),
}
_MOST = 100  # contexts of certificates whose names have variables


def compile_tls(block: Block) -> TlsServer:
    """A server's TLS; ConfError for files that cannot be used."""
    get = block.inherited
    tls = TlsServer(get("ssl_verify_client"), get("ssl_buffer_size"), get("ssl_reject_handshake"))
    names, keys = get("ssl_certificate"), get("ssl_certificate_key")
    if names and len(keys) < len(names):
        raise ConfError(f'no "ssl_certificate_key" is defined for certificate "{names[len(keys)]}"')
    try:
        if names or tls.rejects:
            _fill(tls, block, place_of(block), tuple(zip(names, keys, strict=False)))
    except (BadFile, UnknownVariable) as error:
        raise ConfError(str(error)) from None
    return tls


def _fill(tls: TlsServer, block: Block, place: Place, pairs: tuple[tuple[str, str], ...]) -> None:
    words = _passwords(block, place)

    def make(values: Iterable[tuple[str, str]]) -> ssl.SSLContext:
        context = _context(block, place)
        for certificate, key in values:
            use_certificate(context, place, certificate, key, words)
        if tls.verify != "off":
            show_all(context)
        return context

    if any("$" in text for pair in pairs for text in pair):
        context = make(())
        tls.choose = _by_variables(block, make, pairs)
    else:
        context = make(pairs)
        if pairs:
            tls.context = context
    _authorities(tls, block, place, make(pairs) if tls.context is not None else context)
    _check_ticket_keys(block, place)


def _passwords(block: Block, place: Place) -> tuple[str, ...]:
    name = block.inherited("ssl_password_file")
    if name is None:
        return ()
    try:
        return passwords(place, name)
    except BadFile as error:
        node = block.written("ssl_password_file")
        assert node is not None
        raise ConfError(str(error), node.file, node.line) from None


def _context(block: Block, place: Place) -> ssl.SSLContext:
    get = block.inherited
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    as_configured(context, get("ssl_protocols"), get("ssl_ciphers"), get("ssl_conf_command"))
    if not get("ssl_prefer_server_ciphers"):
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols([name.decode() for name in ALPN])
    if (name := get("ssl_dhparam")) is not None:
        use_dh(context, place, name)
    _curve(context, get("ssl_ecdh_curve"))
    if not get("ssl_session_tickets"):
        context.options |= ssl.OP_NO_TICKET
        if not any(word.startswith(("shared:", "builtin")) for word in get("ssl_session_cache") or ()):
            context.num_tickets = 0
    return context


def _curve(context: ssl.SSLContext, text: str) -> None:
    """Python can name one curve; of a list OpenSSL chooses as it likes."""
    if not _GROUPS.issuperset(name.lstrip("?*").lower() for name in text.split(":")):
        raise BadFile(f'SSL_CTX_set1_curves_list("{text}") failed')
    if (name := _CURVES.get(text.lower())) is not None:
        context.set_ecdh_curve(name)


def _check_ticket_keys(block: Block, place: Place) -> None:
    """As ngx_ssl_session_ticket_keys, though the keys are of no use here."""
    http = block.parent
    assert http is not None
    for name in block.inherited("ssl_session_ticket_key"):
        shown = place.shown(name)
        try:
            size = os.stat(place.path(shown)).st_size  # noqa: PTH116
        except OSError as error:
            text = f'open() "{shown}" failed ({error.errno}: {os.strerror(error.errno or 0)})'
            raise ConfError(text, http.node.file, http.node.end) from None
        if size not in (48, 80):
            raise ConfError(f'"{shown}" must be 48 or 80 bytes', http.node.file, http.node.end)


def _authorities(tls: TlsServer, block: Block, place: Place, context: ssl.SSLContext) -> None:
    """The context in which clients' certificates are judged."""
    get = block.inherited
    client, trusted, crl = get("ssl_client_certificate"), get("ssl_trusted_certificate"), get("ssl_crl")
    if tls.verify != "off":
        if client is None and trusted is None and tls.verify != "optional_no_ca":
            raise ConfError("no ssl_client_certificate or ssl_trusted_certificate for ssl_verify_client")
        if client is not None:
            trust(context, place, client)
    if trusted is not None:
        trust(context, place, trusted)
    if crl is not None:
        use_crl(context, place, crl)
    if tls.verify != "off":
        context._msg_callback = None  # type: ignore[attr-defined]
        context.verify_flags &= ~(ssl.VERIFY_X509_PARTIAL_CHAIN | 0x200000)
        to_judge(context)
        tls.verifier = Verifier(context, get("ssl_verify_depth"))


def _by_variables(
    block: Block,
    make: Callable[[Iterable[tuple[str, str]]], ssl.SSLContext],
    pairs: tuple[tuple[str, str], ...],
) -> Callable[[TlsConnection], ssl.SSLContext]:
    """Certificates whose names are known with the client's hello; those that were loaded are kept."""
    own = frozenset(block.state.variables)
    templates = [tuple(compile_template(text, own) for text in pair) for pair in pairs]
    known: dict[Any, ssl.SSLContext] = {}

    def choose(connection: TlsConnection) -> ssl.SSLContext:
        r = connection.unasked()
        values = tuple((name(r).decode(*ENCODING), key(r).decode(*ENCODING)) for name, key in templates)
        context = known.get(values)
        if context is None:
            try:
                context = make(values)
            except BadFile as error:
                raise NoCertificate(str(error)) from None
            if len(known) >= _MOST:
                known.clear()
            known[values] = context
        return context

    return choose


def load_servers(http: Block) -> None:
    """The TLS of all servers, then whether each listener has what its handshakes need."""
    for server in http.blocks("server"):
        if any(server.given(name) for name in _OF_TLS):
            server.values["tls"] = compile_tls(server)
    for claims in http.state.listens.values():
        if any(listen.ssl for _, listen in claims):
            _check_listener(claims)


def _check_listener(claims: list[tuple[Block, Listen]]) -> None:
    """Every server that a handshake may choose has a certificate, or refuses."""
    first = next((server for server, listen in claims if listen.default_server), claims[0][0])
    if _stands(first):
        return
    for server in (first, *(server for server, _ in claims)):
        tls: TlsServer | None = server.values.get("tls")
        if not _stands(server) and not (tls is not None and tls.rejects):
            raise ConfError(
                'no "ssl_certificate" is defined for the "listen ... ssl" directive',
                server.node.file,
                server.node.line,
            )


def _stands(server: Block) -> bool:
    tls: TlsServer | None = server.values.get("tls")
    return tls is not None and tls.has_certificate
