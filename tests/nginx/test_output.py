"""What is written: the order of a head's lines, each of them one line, and the framing of its body."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from emulator.nginx import output
from emulator.nginx.output import HeadPrefix, http_date
from emulator.nginx.request import Request

from .serving import Serving

Serve = Callable[[str], Serving]

_SERVER = "server { listen 80; server_name s; location / { return 204; } }"


def queued(r: Request) -> bytes:
    """What has been written for a request, and not yet sent."""
    return b"".join(r.connection.out.staged)


def request(serving: Serving, line: str = "GET / HTTP/1.1", *fields: str) -> Request:
    return serving.requested("\r\n".join((line, "Host: s", *fields, "", "")).encode())


def names(head: bytes) -> list[str]:
    return [line.split(b":")[0].decode() for line in head.split(b"\r\n")[1:] if line]


def test_the_lines_of_a_head_stand_in_nginxs_order(serve: Serve) -> None:
    r = request(serve(_SERVER))
    r.status, r.content_type, r.content_length, r.etag = 200, b"text/plain", 3, b'"x"'
    r.last_modified, r.allow_ranges = 0, True
    r.headers_out.append((b"X-Own", b"1"))
    assert output.send_header(r)
    head = queued(r)
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert names(head) == [
        *("Server", "Date", "Content-Type", "Content-Length", "Last-Modified", "Connection"),
        *("ETag", "X-Own", "Accept-Ranges"),
    ]
    assert head.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("line", "length", "chunked", "keeps"),
    [
        ("GET / HTTP/1.1", 3, False, True),
        ("GET / HTTP/1.1", -1, True, True),
        ("GET / HTTP/1.0", -1, False, False),
        ("HEAD / HTTP/1.1", -1, False, True),
    ],
)
def test_the_framing_follows_from_length_and_version(
    serve: Serve, line: str, length: int, chunked: bool, keeps: bool
) -> None:
    r = request(serve(_SERVER), line)
    r.status, r.content_length = 200, length
    r.keepalive = True
    output.send_header(r)
    head = queued(r)
    assert (b"\r\nTransfer-Encoding: chunked\r\n" in head) is chunked
    assert (b"\r\nConnection: keep-alive\r\n" in head) is keeps


@pytest.mark.parametrize("status", [204, 304])
def test_some_statuses_have_no_body_and_no_framing(serve: Serve, status: int) -> None:
    r = request(serve(_SERVER))
    r.status = status
    output.send_header(r)
    output.send_body(r, b"not this")
    output.end_body(r)
    assert queued(r).endswith(b"\r\n\r\n")
    assert b"Transfer-Encoding" not in queued(r)


def test_http_0_9_gets_the_body_and_nothing_else(serve: Serve) -> None:
    r = serve(_SERVER).requested(b"GET /\r\n")
    r.status = 200
    output.send_header(r)
    output.send_body(r, b"body")
    assert queued(r) == b"body"


def test_a_chunked_body_is_written_in_chunks_with_its_trailers_at_the_end(serve: Serve) -> None:
    r = request(serve(_SERVER))
    r.status = 200
    output.send_header(r)
    head = len(queued(r))
    output.send_body(r, b"x" * 26)
    output.send_body(r, b"")
    r.trailers_out = [(b"X-After", b"1")]
    output.end_body(r)
    assert queued(r)[head:] == b"1a\r\n" + b"x" * 26 + b"\r\n0\r\nX-After: 1\r\n\r\n"


@pytest.mark.parametrize("size", [10, 65536, 65537, 200_000])
def test_a_file_is_sent_whole_whatever_its_size(serve: Serve, tmp_path: Path, size: int) -> None:
    content = bytes(range(250)) * (size // 250 + 1)
    (tmp_path / "file.bin").write_bytes(content[:size])
    serving = serve("server { listen 80; root {root}; }")
    answer = serving.get("/file.bin")
    assert answer.partition(b"\r\n\r\n")[2] == content[:size]


@pytest.mark.parametrize(
    ("settings", "listen", "location"),
    [
        ("", "80", b"http://s/x"),
        ("", "8080", b"http://s:8080/x"),
        ("port_in_redirect off;", "8080", b"http://s/x"),
        ("absolute_redirect off;", "8080", b"/x"),
        ("server_name_in_redirect on;", "80", b"http://first/x"),
    ],
)
def test_a_redirect_to_a_path_names_this_server(
    serve: Serve, settings: str, listen: str, location: bytes
) -> None:
    serving = serve(
        f"server {{ listen {listen}; server_name first; {settings} location / {{ return 302 /x; }} }}"
    )
    assert b"\r\nLocation: %b\r\n" % location in serving.get("/")


def test_the_first_lines_are_made_once_a_second() -> None:
    prefix = HeadPrefix()
    line = prefix.of(200, None)
    assert re.fullmatch(rb"HTTP/1\.1 200 OK\r\nServer: nginx/[0-9.]+\r\nDate: [^\r]+ GMT\r\n", line)
    prefix._until += 10.0
    assert prefix.of(200, None) is prefix.of(200, None)
    assert prefix.of(404, None).startswith(b"HTTP/1.1 404 Not Found\r\n")


def test_a_date_is_written_as_http_wants_it() -> None:
    assert http_date(1542758400) == b"Wed, 21 Nov 2018 00:00:00 GMT"


_SPLITTING = """
upstream there { server 127.0.0.1:{upstream}; }
server {
    listen 80;
    location /return { return 302 $uri; }
    location /page { error_page 404 http://e$uri; return 404; }
    location /add { add_header X $uri; return 204; }
    location /type { default_type $uri; return 200 ok; }
    location /set { proxy_set_header X $uri; proxy_pass http://there; }
    location /pass { proxy_pass http://there$uri; }
    location /method { proxy_method $uri; proxy_pass http://there; }
}
"""
_SPLIT = b"GET /%b%%0d%%0aInjected:%%20y%%0d%%0a%%0d%%0aGET%%20/evil HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.mark.parametrize("name", [b"return", b"page", b"add", b"type"])
def test_a_variable_does_not_split_an_answer(serve: Serve, name: bytes) -> None:
    serving = serve(_SPLITTING)
    answer = serving.answer(serving.client(_SPLIT % name))
    assert answer.startswith(b"HTTP/1.1 ")
    head = answer.partition(b"\r\n\r\n")[0]
    assert b"\nInjected" not in head
    assert b"\nGET" not in answer


@pytest.mark.parametrize("name", [b"set", b"pass", b"method"])
def test_a_variable_does_not_make_two_requests_of_one(serve: Serve, name: bytes) -> None:
    serving = serve(_SPLITTING)
    serving.client(_SPLIT % name)
    with serving.upstream.accept() as upstream:
        request = upstream.recv(65536)
    assert request.count(b"\r\n\r\n") == 1
    assert b"\nInjected" not in request
