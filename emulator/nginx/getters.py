"""nginx's own variables: how each is read from a request (ngx_http_variables.c and the modules).

A getter gives bytes, or None where nginx's variable is "not found".
"""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from emulator.nginx import respond
from emulator.nginx.address import packed
from emulator.nginx.conf import ENCODING
from emulator.nginx.fieldgetters import Getter, header, not_found, proxied
from emulator.nginx.head import port_of

if TYPE_CHECKING:
    from emulator.nginx.request import Request


_IPPROTO_TCP, _TCP_INFO, _TCP_INFO_SIZE = 6, 11, 104


def _host(r: Request) -> bytes:
    return r.host if r.host else r.server.name


def _remote_user(r: Request) -> bytes | None:
    authorization = r.index.get(b"authorization")
    if authorization is None:
        return None
    from emulator.nginx.credentials import credentials

    found = credentials(authorization)
    return found.user if found is not None else None


def binary_address(r: Request) -> bytes:
    """$binary_remote_addr."""
    address = r.connection.address
    return packed(address) or address.encode()


def _invalid_referer(r: Request) -> bytes:
    valid = r.location.referers
    if valid is None:
        return b""
    if r.variables is None:
        r.variables = {}
    refused = b"1" if valid.refuses(r.index.get(b"referer")) else b""
    return r.variables.setdefault(" invalid_referer", refused)


def _noted(name: str) -> Getter:
    """What a handler has noted of the request under a name that no variable can have."""
    return lambda r: r.variables.get(name) if r.variables is not None else None


def _counter(figure: str) -> Getter:
    def get(r: Request) -> bytes:
        from emulator.nginx.counters import total

        return b"%d" % getattr(total(r.worker), figure)

    return get


def _request_port(r: Request) -> bytes:
    """The port that the client named, in its target or else in Host."""
    if r.head is None or r.host is None:
        return b""
    authority = r.head.authority
    port = port_of(r.index.get(b"host", b"") if authority is None else authority)
    return b"%d" % port if port else b""


def _tcp_info(index: int) -> Getter:
    """A 32-bit figure of Linux's tcp_info, counted from the first of them."""

    def get(r: Request) -> bytes | None:
        try:
            info = r.connection.sock.getsockopt(_IPPROTO_TCP, _TCP_INFO, _TCP_INFO_SIZE)
            return b"%d" % struct.unpack_from("=I", info, 8 + 4 * index)[0]
        except (OSError, struct.error):
            return None

    return get


def _body_file(r: Request) -> bytes | None:
    """Where a large body is: a file without a name, which the kernel still shows under one."""
    spool = r.body.spool if r.body is not None else None
    if spool is None:
        return None
    return spool.name.encode(*ENCODING) if spool.name else b"/proc/%b/fd/%d" % (r.worker.pid, spool.fd)


def _date(of: Callable[[float], time.struct_time], zone: str) -> Getter:
    text = f"%A, %d-%b-%Y %H:%M:%S {zone}"
    return lambda r: time.strftime(text, of(r.worker.time())).encode()


def _limit_rate(r: Request) -> bytes:
    from emulator.nginx.pace import rate_of

    return b"%d" % rate_of(r)


def _original(r: Request) -> tuple[str, int]:
    from emulator.nginx.realip import original

    return original(r)


def _gzip_ratio(r: Request) -> bytes | None:
    if r.transform is None:
        return None
    from emulator.nginx.gzip import ratio

    return ratio(r)


def _shown_port(port: int) -> bytes:
    return b"%d" % port if port else b""


def _seconds(value: float) -> bytes:
    return b"%d.%03d" % (int(value), int(value * 1000) % 1000)


def _time_local(r: Request) -> bytes:
    return r.worker.time_local()


def _body_bytes_sent(r: Request) -> bytes:
    return b"%d" % max(0, r.connection.sent - r.sent_before - r.header_size)


def _request_length(r: Request) -> bytes:
    if r.head is None:
        return b"0"
    size = r.head.size
    if r.headers is not r.head.headers:  # only the fields before a fault were read
        size = len(r.request_line) + 2 + sum(len(name) + len(value) + 4 for name, value, _ in r.headers)
    return b"%d" % (size + (r.body.octets if r.body is not None else 0))


def _request_id(r: Request) -> bytes:
    if r.variables is None:
        r.variables = {}
    return r.variables.setdefault(" request_id", os.urandom(16).hex().encode())


def _status(r: Request) -> bytes:
    status = r.err_status or r.status
    return b"%03d" % respond.ON_THE_WIRE.get(status, status)


def _upstream(attribute: str) -> Getter:
    def get(r: Request) -> bytes | None:
        if r.upstream is None:
            return None
        value: bytes | None = r.upstream.log_value(attribute)
        return value

    return get


def _request_body(r: Request) -> bytes | None:
    return b"".join(r.body.memory) if r.body is not None and r.body.memory else None


def _document_root(r: Request) -> bytes:
    return r.location.document_root(r)


def _request_filename(r: Request) -> bytes:
    return r.location.map_path(r).encode(*ENCODING)


GETTERS: dict[str, Getter] = {
    "args": lambda r: r.args or None,
    "query_string": lambda r: r.args or None,
    "is_args": lambda r: b"?" if r.args else b"",
    "binary_remote_addr": binary_address,
    "body_bytes_sent": _body_bytes_sent,
    "bytes_sent": lambda r: b"%d" % (r.connection.sent - r.sent_before),
    "connection": lambda r: b"%d" % r.connection.number,
    "connection_requests": lambda r: b"%d" % r.connection.requests,
    "connection_time": lambda r: _seconds(r.worker.loop.now - r.connection.started),
    "connections_active": _counter("active"),
    "connections_reading": _counter("reading"),
    "connections_waiting": _counter("waiting"),
    "connections_writing": _counter("writing"),
    "content_length": lambda r: r.index.get(b"content-length"),
    "content_type": lambda r: r.index.get(b"content-type"),
    "date_gmt": _date(time.gmtime, "GMT"),
    "date_local": _date(time.localtime, "%Z"),
    "document_root": _document_root,
    "document_uri": lambda r: r.path or None,
    "gzip_ratio": _gzip_ratio,
    "host": _host,
    "hostname": lambda r: r.worker.hostname,
    "http2": lambda r: b"",
    "http3": lambda r: b"",
    "https": lambda r: b"on" if r.connection.tls else b"",
    "invalid_referer": _invalid_referer,
    "is_request_port": lambda r: b":" if _request_port(r) else b"",
    "limit_conn_status": _noted(" limit_conn_status"),
    "limit_req_status": _noted(" limit_req_status"),
    "msec": lambda r: _seconds(time.time()),
    "nginx_version": lambda r: respond.VERSION,
    "pid": lambda r: r.worker.pid,
    "pipe": lambda r: b"p" if r.connection.pipelined else b".",
    "proxy_protocol_addr": proxied("source"),
    "proxy_protocol_port": proxied("source_port"),
    "proxy_protocol_server_addr": proxied("target"),
    "proxy_protocol_server_port": proxied("target_port"),
    "realpath_root": lambda r: r.worker.realpath(_document_root(r)),
    "remote_addr": lambda r: r.connection.address.encode(),
    "realip_remote_addr": lambda r: _original(r)[0].encode(),
    "realip_remote_port": lambda r: _shown_port(_original(r)[1]),
    "limit_rate": _limit_rate,
    "remote_port": lambda r: _shown_port(r.connection.port),
    "remote_user": _remote_user,
    "request": lambda r: r.request_line,
    "request_body": _request_body,
    "request_body_file": _body_file,
    "request_completion": lambda r: b"OK" if r.header_sent else b"",
    "request_filename": _request_filename,
    "request_id": _request_id,
    "request_length": _request_length,
    "request_method": lambda r: r.main.method or None,
    "request_port": _request_port,
    "request_time": lambda r: _seconds(max(0.0, time.time() - r.started)),
    "request_uri": lambda r: r.raw_uri or None,
    "scheme": lambda r: b"https" if r.connection.tls else b"http",
    "server_addr": lambda r: r.connection.local_address,
    "server_name": lambda r: r.server.name,
    "server_port": lambda r: b"%d" % r.connection.listener.port,
    "server_protocol": lambda r: r.head.protocol if r.head is not None else None,
    "status": _status,
    "tcpinfo_rcv_space": _tcp_info(22),
    "tcpinfo_rtt": _tcp_info(15),
    "tcpinfo_rttvar": _tcp_info(16),
    "tcpinfo_snd_cwnd": _tcp_info(18),
    "time_iso8601": lambda r: r.worker.time_iso8601(),
    "time_local": _time_local,
    "uri": lambda r: r.path if r.head is not None else None,
    "proxy_host": lambda r: r.location.proxy.host(r) if r.location.proxy else None,
    "proxy_port": lambda r: r.location.proxy.port(r) if r.location.proxy else None,
    "proxy_add_x_forwarded_for": lambda r: _forwarded_for(r),
    "upstream_addr": _upstream("addr"),
    "upstream_cache_etag": not_found,
    "upstream_cache_last_modified": not_found,
    "upstream_cache_status": not_found,
    "upstream_status": _upstream("status"),
    "upstream_response_time": _upstream("response_time"),
    "upstream_connect_time": _upstream("connect_time"),
    "upstream_header_time": _upstream("header_time"),
    "upstream_response_length": _upstream("response_length"),
    "upstream_bytes_received": _upstream("bytes_received"),
    "upstream_bytes_sent": _upstream("bytes_sent"),
}

_x_forwarded_for = header("x_forwarded_for")


def _forwarded_for(r: Request) -> bytes:
    given = _x_forwarded_for(r)
    address = r.connection.address.encode()
    return address if given is None else b"%b, %b" % (given, address)
