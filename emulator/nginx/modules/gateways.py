"""The modules that pass requests on in another protocol than HTTP/1: refused, as one.

An application behind gunicorn speaks HTTP; what only these modules could reach has no place in the
architecture. They share most of their directives, so the rows are made from one list of endings.
"""

from __future__ import annotations

from emulator.nginx.directives import Directive
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
    S,
    refused,
    row,
)
from emulator.nginx.values import as_path

_TWO_THREE = frozenset((2, 3))
_ZERO_ONE = frozenset((0, 1))

# ending: arguments (None: one or more) and what it is about
_ENDINGS: dict[str, tuple[frozenset[int] | None, str]] = {
    "bind": (ONE_TWO, "The address from which connections are made."),
    "buffer_size": (ONE, "The buffer for the head of an answer."),
    "buffering": (ONE, "Read answers ahead of the client."),
    "buffers": (TWO, "Buffers for an answer."),
    "busy_buffers_size": (ONE, "How much may be on its way to the client."),
    "cache": (ONE, "Cache answers."),
    "cache_background_update": (ONE, "Renew old answers meanwhile."),
    "cache_bypass": (None, "When the cache is not asked."),
    "cache_key": (ONE, "What cached answers are found by."),
    "cache_lock": (ONE, "Fill the cache by one request at a time."),
    "cache_lock_age": (ONE, "When another one is sent."),
    "cache_lock_timeout": (ONE, "How long others wait for it."),
    "cache_max_range_offset": (ONE, "Up to where ranges are cached."),
    "cache_methods": (None, "Whose answers are cached."),
    "cache_min_uses": (ONE, "Uses before an answer is cached."),
    "cache_revalidate": (ONE, "Ask whether an old answer still holds."),
    "cache_use_stale": (None, "When old answers may be used."),
    "cache_valid": (None, "How long answers are cached."),
    "catch_stderr": (ONE, "Words on stderr that make an answer invalid."),
    "connect_timeout": (ONE, "How long connecting may take."),
    "force_ranges": (ONE, "Answer ranges whatever the server says."),
    "gzip_flag": (ONE, "The flag that marks compressed values."),
    "hide_header": (ONE, "A field of an answer not to pass on."),
    "ignore_client_abort": (ONE, "Go on when the client has gone."),
    "ignore_headers": (None, "Fields of an answer that nginx shall not act on."),
    "index": (ONE, "The file that stands for a folder."),
    "intercept_errors": (ONE, "Let error_page answer for the server's errors."),
    "keep_conn": (ONE, "Keep connections to the server."),
    "limit_rate": (ONE, "Bytes a second to read from the server."),
    "max_temp_file_size": (ONE, "How much of an answer may be kept in a file."),
    "modifier1": (ONE, "A number of the protocol."),
    "modifier2": (ONE, "A number of the protocol."),
    "next_upstream": (None, "When another server is tried."),
    "next_upstream_timeout": (ONE, "For how long others are tried."),
    "next_upstream_tries": (ONE, "How many servers are tried at most."),
    "no_cache": (None, "When an answer is not cached."),
    "param": (_TWO_THREE, "A parameter of the request."),
    "pass_header": (ONE, "A field of an answer to pass on all the same."),
    "pass_request_body": (ONE, "Pass the client's body on."),
    "pass_request_headers": (ONE, "Pass the client's fields on."),
    "read_timeout": (ONE, "How long the server may pause while answering."),
    "request_buffering": (ONE, "Read the whole request body first."),
    "send_lowat": (ONE, "The low mark of a send buffer."),
    "send_timeout": (ONE, "How long the server may take nothing."),
    "set_header": (TWO, "A field of the request that is passed on."),
    "socket_keepalive": (ONE, "TCP keepalive towards the server."),
    "socket_rcvbuf": (ONE, "The socket's receive buffer."),
    "socket_sndbuf": (ONE, "The socket's send buffer."),
    "split_path_info": (ONE, "How a path is taken apart."),
    "ssl_certificate": (ONE, "TLS towards the server."),
    "ssl_certificate_cache": (ONE_THREE, "TLS towards the server."),
    "ssl_certificate_key": (ONE, "TLS towards the server."),
    "ssl_ciphers": (ONE, "TLS towards the server."),
    "ssl_conf_command": (TWO, "TLS towards the server."),
    "ssl_crl": (ONE, "TLS towards the server."),
    "ssl_name": (ONE, "TLS towards the server."),
    "ssl_password_file": (ONE, "TLS towards the server."),
    "ssl_protocols": (None, "TLS towards the server."),
    "ssl_server_name": (ONE, "TLS towards the server."),
    "ssl_session_reuse": (ONE, "TLS towards the server."),
    "ssl_trusted_certificate": (ONE, "TLS towards the server."),
    "ssl_verify": (ONE, "TLS towards the server."),
    "ssl_verify_depth": (ONE, "TLS towards the server."),
    "store": (ONE, "Keep answers as files."),
    "store_access": (ONE_THREE, "The rights of kept files."),
    "string": (ONE, "A text of the protocol."),
    "temp_file_write_size": (ONE, "How much is written to a file at once."),
}

_CONNECTION = """bind socket_keepalive connect_timeout send_timeout buffer_size read_timeout next_upstream
    next_upstream_tries next_upstream_timeout"""
_SOCKETS = "socket_rcvbuf socket_sndbuf"
_HEADERS = "pass_header hide_header ignore_headers"
_BUFFERED = """store store_access buffering request_buffering ignore_client_abort pass_request_headers
    pass_request_body intercept_errors buffers busy_buffers_size force_ranges limit_rate
    max_temp_file_size temp_file_write_size"""
_CACHE = """cache cache_key cache_bypass no_cache cache_valid cache_min_uses cache_max_range_offset
    cache_use_stale cache_methods cache_lock cache_lock_timeout cache_lock_age cache_revalidate
    cache_background_update"""
_TLS = """ssl_session_reuse ssl_protocols ssl_ciphers ssl_name ssl_server_name ssl_verify ssl_verify_depth
    ssl_trusted_certificate ssl_crl ssl_certificate ssl_certificate_key ssl_certificate_cache
    ssl_password_file ssl_conf_command"""
_WHOLE = f"{_CONNECTION} {_SOCKETS} {_HEADERS} {_BUFFERED} {_CACHE} param"

_PROTOCOLS = {
    "fastcgi": f"{_WHOLE} index split_path_info send_lowat catch_stderr keep_conn",
    "uwsgi": f"{_WHOLE} {_TLS} modifier1 modifier2 string",
    "scgi": _WHOLE,
    "grpc": f"{_CONNECTION} {_SOCKETS} {_HEADERS} {_TLS} intercept_errors set_header",
    "memcached": f"{_CONNECTION} gzip_flag",
    "tunnel": f"{_CONNECTION} {_SOCKETS} send_lowat",
}


def _rows(protocol: str, endings: str) -> tuple[Directive, ...]:
    passing = (f"{protocol}_pass", L | LI, ONE, "Where requests are passed.")
    if protocol == "tunnel":
        passing = (f"{protocol}_pass", S | L | LI, _ZERO_ONE, "Where CONNECT requests are passed.")
    why = f"applications are reached over HTTP, not {protocol}"
    caching = row(
        *(f"{protocol}_cache_path", H, None, "Where cached answers are kept.", None, NOT_YET),
        at_least=2,
        why=why,
    )
    rows = refused(
        why,
        HSL,
        (
            passing,
            *((f"{protocol}_{ending}", None, *_ENDINGS[ending]) for ending in endings.split()),
        ),
    )
    if "cache_key" not in endings:
        return rows
    # files for servers without root move all folders, whether anything is passed on in this way or not
    folder = row(
        *(
            f"{protocol}_temp_path",
            HSL,
            ONE_FOUR,
            "Where answers are kept for slow clients.",
            None,
            NO_EFFECT,
        ),
        parse=as_path,
    )
    return (*rows, caching, folder)


GROUPS = tuple(
    (f"ngx_http_{protocol}_module", _rows(protocol, endings)) for protocol, endings in _PROTOCOLS.items()
)
DIRECTIVES: tuple[Directive, ...] = tuple(row for _, rows in GROUPS for row in rows)
