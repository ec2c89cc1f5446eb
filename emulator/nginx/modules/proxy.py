"""ngx_http_proxy_module: passing requests to another server."""

from __future__ import annotations

from emulator.nginx.directives import BadValue, Block, Complaint, Context, Directive, not_yet
from emulator.nginx.modules.http_core import place_rate
from emulator.nginx.proxyvalues import (
    Redirect,
    place_bind,
    place_cookie_domain,
    place_cookie_flags,
    place_cookie_path,
    place_proxy_pass,
    place_redirect,
)
from emulator.nginx.rows import (
    HSL,
    LI,
    NO_EFFECT,
    NOT_YET,
    ONE,
    ONE_FOUR,
    ONE_THREE,
    ONE_TWO,
    TWO,
    H,
    L,
    X,
    buffers,
    flag,
    mask,
    milliseconds,
    number,
    refused,
    row,
    size,
    string,
    text,
    uses_variables,
)
from emulator.nginx.tlsvalues import PROTOCOLS, place_certificate_cache
from emulator.nginx.values import as_path, one_of

MODULE = "ngx_http_proxy_module"

_PAGE = 4096
_NEXT_UPSTREAM = (
    *("error", "timeout", "invalid_header", "non_idempotent"),
    *("http_500", "http_502", "http_503", "http_504", "http_403", "http_404", "http_429", "off"),
)
_BUFFERING = (
    *("proxy_buffer_size", "proxy_buffers", "proxy_busy_buffers_size"),
    *("proxy_temp_file_write_size", "proxy_max_temp_file_size"),
)


def refuse_http2(block: Block, version: str) -> str:
    if version == "2":
        raise not_yet('"proxy_http_version 2"')
    return version


def ignore_send_lowat(block: Block, value: int) -> int:
    block.state.warn('"proxy_send_lowat" is not supported, ignored')
    return value


def busy_size(block: Block) -> int:
    """How much may be on its way to the client while the answer is still being read."""
    length, (_, each) = block.inherited("proxy_buffer_size"), block.inherited("proxy_buffers")
    given: int | None = block.inherited("proxy_busy_buffers_size")
    return 2 * max(length, each) if given is None else given


def merge(block: Block) -> None:
    """As ngx_http_proxy_merge_loc_conf: sizes that do not fit together, then the texts of fields."""
    outer = block.parent if block.context is Context.SERVER else None
    sources = [place.values for place in (block, outer) if place is not None]
    if any(name in values for values in sources for name in _BUFFERING):
        _check_sizes(block)
    for values in sources:
        for _, value in values.get("proxy_set_header", ()):
            uses_variables(block, value)


def _check_sizes(block: Block) -> None:
    length, (count, each) = block.inherited("proxy_buffer_size"), block.inherited("proxy_buffers")
    largest, busy = max(length, each), busy_size(block)
    needed = 'the maximum of the value of "proxy_buffer_size" and one of the "proxy_buffers"'
    if count < 2:
        raise BadValue('there must be at least 2 "proxy_buffers"')
    if busy < largest:
        raise BadValue(f'"proxy_busy_buffers_size" must be equal to or greater than {needed}')
    if busy > (count - 1) * each:
        raise BadValue(
            '"proxy_busy_buffers_size" must be less than the size of all "proxy_buffers" minus one buffer'
        )
    write, temporary = (block.inherited(name) for name in _BUFFERING[3:])
    if write is not None and write < largest:
        raise BadValue(f'"proxy_temp_file_write_size" must be equal to or greater than {needed}')
    if temporary and temporary < largest:
        raise BadValue(
            '"proxy_max_temp_file_size" must be equal to zero to disable temporary files usage or must be '
            f"equal to or greater than {needed}"
        )


_CACHE = "answers always come from the application, so that nothing is ever stale"

_IGNORABLE = (
    *("x-accel-redirect", "x-accel-expires", "x-accel-limit-rate", "x-accel-buffering", "x-accel-charset"),
    *("expires", "cache-control", "set-cookie", "vary"),
)


def place_cache(block: Block, zone: str) -> str:
    """There is no cache, and most who write the directive turn it off."""
    if zone != "off":
        raise Complaint(f"is not supported by the emulator: {_CACHE}")
    return zone


DIRECTIVES: tuple[Directive, ...] = (
    row("proxy_pass", L | LI | X, ONE, "Where requests are passed.", check=place_proxy_pass),
    row(
        *("proxy_redirect", HSL, ONE_TWO, "How Location and Refresh of an answer are rewritten."),
        (Redirect("default"),),
        check=place_redirect,
        repeat=True,
    ),
    row(
        *("proxy_cookie_domain", HSL, ONE_TWO, "Rewrite the domain of cookies.", ()),
        check=place_cookie_domain,
        repeat=True,
    ),
    row(
        *("proxy_cookie_path", HSL, ONE_TWO, "Rewrite the path of cookies.", ()),
        check=place_cookie_path,
        repeat=True,
    ),
    row(
        *("proxy_cookie_flags", HSL, ONE_FOUR, "Set or clear flags of cookies.", ()),
        check=place_cookie_flags,
        repeat=True,
    ),
    row("proxy_store", HSL, ONE, "Keep answers as files.", status=NOT_YET, why=_CACHE),
    row("proxy_store_access", HSL, ONE_THREE, "The rights of kept files.", status=NOT_YET, why=_CACHE),
    flag("proxy_buffering", HSL, "Read answers ahead of the client.", True),
    flag("proxy_request_buffering", HSL, "Read the whole request body before passing it on.", True),
    flag("proxy_ignore_client_abort", HSL, "Go on when the client has gone.", False),
    row(
        *("proxy_bind", HSL, ONE_TWO, "The address from which connections are made."),
        check=place_bind,
    ),
    flag("proxy_socket_keepalive", HSL, "TCP keepalive towards the server.", False, NO_EFFECT),
    size("proxy_socket_rcvbuf", HSL, "The socket's receive buffer.", None, NO_EFFECT),
    size("proxy_socket_sndbuf", HSL, "The socket's send buffer.", None, NO_EFFECT),
    milliseconds("proxy_connect_timeout", HSL, "How long connecting may take.", 60000),
    milliseconds("proxy_send_timeout", HSL, "How long the server may take nothing of a request.", 60000),
    size("proxy_send_lowat", HSL, "The low mark of a send buffer.", 0, NO_EFFECT, check=ignore_send_lowat),
    flag("proxy_intercept_errors", HSL, "Let error_page answer for the server's errors.", False),
    row("proxy_set_header", HSL, TWO, "A field of the request that is passed on.", (), repeat=True),
    number("proxy_headers_hash_max_size", HSL, "A table's size.", 512, NO_EFFECT),
    number("proxy_headers_hash_bucket_size", HSL, "A table's size.", 64, NO_EFFECT),
    text("proxy_set_body", HSL, "The body that is passed on instead of the client's."),
    text("proxy_method", HSL, "The method that is passed on instead of the client's."),
    flag("proxy_pass_request_headers", HSL, "Pass the client's fields on.", True),
    flag("proxy_pass_request_body", HSL, "Pass the client's body on.", True),
    flag("proxy_pass_trailers", HSL, "Pass an answer's trailers on.", False),
    size("proxy_buffer_size", HSL, "The buffer for the head of an answer.", _PAGE),
    milliseconds("proxy_read_timeout", HSL, "How long the server may pause while answering.", 60000),
    buffers("proxy_buffers", HSL, "Buffers for an answer.", (8, _PAGE)),
    size("proxy_busy_buffers_size", HSL, "How much may be on its way to the client.", None, NO_EFFECT),
    flag("proxy_force_ranges", HSL, "Answer ranges whatever the server says.", False),
    row(
        *("proxy_limit_rate", HSL, ONE, "Bytes a second to read from the server.", "0"),
        check=place_rate,
    ),
    size("proxy_max_temp_file_size", HSL, "How much of an answer may be kept in a file.", 1024**3),
    size("proxy_temp_file_write_size", HSL, "How much is written to that file at once.", None, NO_EFFECT),
    row(
        *("proxy_temp_path", HSL, ONE_FOUR, "Where answers are kept for slow clients.", None, NO_EFFECT),
        parse=as_path,
    ),
    mask(
        *("proxy_next_upstream", HSL, (*_NEXT_UPSTREAM, "updating"), "When another server is tried."),
        frozenset(("error", "timeout")),
    ),
    number("proxy_next_upstream_tries", HSL, "How many servers are tried at most; 0: all.", 0),
    milliseconds("proxy_next_upstream_timeout", HSL, "For how long others are tried; 0: no limit.", 0),
    row("proxy_pass_header", HSL, ONE, "A field of an answer to pass on all the same.", (), repeat=True),
    row("proxy_hide_header", HSL, ONE, "A field of an answer not to pass on.", (), repeat=True),
    mask("proxy_ignore_headers", HSL, _IGNORABLE, "Fields of an answer that nginx shall not act on.", None),
    row(
        *("proxy_http_version", HSL, ONE, "The protocol towards the server.", "1.1"),
        parse=one_of("1.0", "1.1", "2"),
        check=refuse_http2,
    ),
    flag("proxy_ssl_session_reuse", HSL, "Go on with the session of the connection before.", True),
    mask("proxy_ssl_protocols", HSL, PROTOCOLS, "Versions of TLS.", frozenset(("tlsv1.2", "tlsv1.3"))),
    string("proxy_ssl_ciphers", HSL, "Ciphers up to TLS 1.2.", "DEFAULT"),
    text("proxy_ssl_name", HSL, "The name that is sent and verified; proxy_pass's otherwise."),
    flag("proxy_ssl_server_name", HSL, "Send that name in the handshake.", False),
    flag("proxy_ssl_verify", HSL, "Verify the server's certificate.", False),
    number("proxy_ssl_verify_depth", HSL, "How many authorities may stand between.", 1),
    string("proxy_ssl_trusted_certificate", HSL, "Who may have signed it."),
    string("proxy_ssl_crl", HSL, "Certificates that were revoked."),
    text("proxy_ssl_certificate", HSL, "The certificate to show to the server."),
    text("proxy_ssl_certificate_key", HSL, "Its key."),
    row(
        *("proxy_ssl_certificate_cache", HSL, ONE_THREE, "Kept certificates whose names have variables."),
        *(None, NO_EFFECT),
        check=place_certificate_cache,
    ),
    string("proxy_ssl_password_file", HSL, "Passwords of keys, one a line."),
    row(
        *("proxy_ssl_conf_command", HSL, TWO, "OpenSSL's own: Options, CipherString, MinProtocol and so on."),
        (),
        repeat=True,
    ),
    row(
        *("proxy_cache_path", H, None, "Where cached answers are kept.", None, NOT_YET),
        at_least=2,
        why=_CACHE,
    ),
    row(
        "proxy_cache",
        HSL,
        ONE,
        "Cache answers: off is all that there is.",
        "off",
        NO_EFFECT,
        check=place_cache,
    ),
    text(
        *("proxy_cache_bypass", HSL, "When the cache is not asked.", (), NO_EFFECT),
        arity=None,
        repeat=True,
    ),
    text("proxy_no_cache", HSL, "When an answer is not cached.", (), NO_EFFECT, arity=None, repeat=True),
    *refused(
        _CACHE,
        HSL,
        (
            ("proxy_cache_key", None, ONE, "What cached answers are found by."),
            ("proxy_cache_valid", None, None, "How long answers are cached."),
            ("proxy_cache_min_uses", None, ONE, "Uses before an answer is cached."),
            ("proxy_cache_max_range_offset", None, ONE, "Up to where ranges are cached."),
            ("proxy_cache_use_stale", None, None, "When old answers may be used."),
            ("proxy_cache_methods", None, None, "Whose answers are cached."),
            ("proxy_cache_lock", None, ONE, "Fill the cache by one request at a time."),
            ("proxy_cache_lock_timeout", None, ONE, "How long others wait for it."),
            ("proxy_cache_lock_age", None, ONE, "When another one is sent."),
            ("proxy_cache_revalidate", None, ONE, "Ask whether an old answer still holds."),
            ("proxy_cache_convert_head", None, ONE, "Ask for the whole when the head is asked for."),
            ("proxy_cache_background_update", None, ONE, "Renew old answers meanwhile."),
        ),
    ),
)
