"""proxy_ssl_… -> how a location speaks to https upstreams (ngx_http_proxy_set_ssl)."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING

from emulator.nginx.conf import ENCODING, ConfError
from emulator.nginx.tlscontext import as_configured
from emulator.nginx.tlsfiles import BadFile, Place, passwords, place_of, trust, use_certificate, use_crl
from emulator.nginx.tlsupstream import TlsClient
from emulator.nginx.variables import UnknownVariable, compile_template
from emulator.nginx.verifier import Verifier, to_judge

if TYPE_CHECKING:
    from emulator.nginx.directives import Block
    from emulator.nginx.request import Request

_MOST = 100  # contexts of certificates whose names have variables


def compile_client(block: Block) -> TlsClient:
    """The TLS of one location; ConfError for what nginx refuses at its start."""
    place = place_of(block)
    get, own = block.inherited, frozenset(block.state.variables)
    try:
        context_of = _contexts(block, place, own)
        client = TlsClient(
            context_of,
            compile_template(get("proxy_ssl_name") or "$proxy_host", own),
            get("proxy_ssl_server_name"),
            get("proxy_ssl_session_reuse"),
        )
        if get("proxy_ssl_verify"):
            client.verifier = _verifier(block, place)
    except (BadFile, UnknownVariable) as error:
        raise ConfError(str(error)) from None
    return client


def _verifier(block: Block, place: Place) -> Verifier:
    get = block.inherited
    trusted, crl = get("proxy_ssl_trusted_certificate"), get("proxy_ssl_crl")
    if trusted is None:
        raise ConfError("no proxy_ssl_trusted_certificate for proxy_ssl_verify")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    trust(context, place, trusted)
    if crl is not None:
        use_crl(context, place, crl)
    to_judge(context)
    return Verifier(context, get("proxy_ssl_verify_depth"))


def _contexts(block: Block, place: Place, own: frozenset[str]) -> Callable[[Request], ssl.SSLContext]:
    certificate, key = block.inherited("proxy_ssl_certificate"), block.inherited("proxy_ssl_certificate_key")
    words = _passwords(block, place)

    def make(pair: tuple[str, str] | None) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # the certificate is judged after the handshake
        get = block.inherited
        as_configured(
            context, get("proxy_ssl_protocols"), get("proxy_ssl_ciphers"), get("proxy_ssl_conf_command")
        )
        if pair is not None:
            use_certificate(context, place, *pair, words)
        return context

    if not certificate:
        plain = make(None)
        return lambda r: plain
    if not key:
        raise ConfError(f'no "proxy_ssl_certificate_key" is defined for certificate "{certificate}"')
    if "$" not in certificate + key:
        constant = make((certificate, key))
        return lambda r: constant
    return _by_variables(make, certificate, key, own)


def _by_variables(
    make: Callable[[tuple[str, str] | None], ssl.SSLContext], certificate: str, key: str, own: frozenset[str]
) -> Callable[[Request], ssl.SSLContext]:
    """A certificate of a name that each request has; none where the name is empty."""
    certificate_of, key_of = compile_template(certificate, own), compile_template(key, own)
    known: dict[tuple[str, str] | None, ssl.SSLContext] = {}

    def choose(r: Request) -> ssl.SSLContext:
        name = certificate_of(r).decode(*ENCODING)
        pair = (name, key_of(r).decode(*ENCODING)) if name else None
        context = known.get(pair)
        if context is None:
            if len(known) >= _MOST:
                known.clear()
            context = known[pair] = make(pair)
        return context

    return choose


def _passwords(block: Block, place: Place) -> tuple[str, ...]:
    name = block.inherited("proxy_ssl_password_file")
    if name is None:
        return ()
    try:
        return passwords(place, name)
    except BadFile as error:
        node = block.written("proxy_ssl_password_file")
        assert node is not None
        raise ConfError(str(error), node.file, node.line) from None
