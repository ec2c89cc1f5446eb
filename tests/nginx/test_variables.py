"""What `$name` stands for, asked of a real request."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from emulator.nginx.request import Request
from emulator.nginx.variables import (
    GETTERS,
    UnknownVariable,
    compile_getter,
    compile_template,
    constant_of,
    is_implemented,
    names_in,
)

from .serving import Serving

Serve = Callable[[str], Serving]

RAW = (
    b"GET /a%20b?x=1&Y=2&x=3 HTTP/1.1\r\n"
    b"Host: Example.ORG:80\r\n"
    b"User-Agent: test\r\n"
    b"X-Twice: 1\r\n"
    b"X-Twice: 2\r\n"
    b"Cookie: a=1; b=2\r\n"
    b"Cookie: c=3\r\n"
    b"X-Forwarded-For: 10.0.0.9\r\n"
    b"Authorization: Basic dXNlcjpwdw==\r\n"
    b"Content-Type: text/x\r\n\r\n"
)


@pytest.fixture
def r(serve: Serve) -> Request:
    serving = serve("server { listen 8080; server_name first second; root /srv; location / { return 204; } }")
    return serving.requested(RAW)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$scheme://$host:$server_port$request_uri", b"http://example.org:8080/a%20b?x=1&Y=2&x=3"),
        ("$uri $document_uri", b"/a b /a b"),
        ("$args|$query_string|$is_args", b"x=1&Y=2&x=3|x=1&Y=2&x=3|?"),
        ("$arg_x $arg_y $arg_none.", b"1 2 ."),
        ("$http_host $http_user_agent", b"Example.ORG:80 test"),
        ("$http_x_twice", b"1, 2"),
        ("$http_cookie|$cookie_b|$cookie_c|$cookie_none", b"a=1; b=2; c=3|2|3|"),
        ("$request", b"GET /a%20b?x=1&Y=2&x=3 HTTP/1.1"),
        ("$request_method $server_protocol", b"GET HTTP/1.1"),
        ("$server_name $hostname", b"first here"),
        ("$remote_addr $remote_user", b"127.0.0.1 user"),
        ("$content_type $content_length.", b"text/x ."),
        ("$document_root $request_filename", b"/srv /srv/a b"),
        ("$proxy_add_x_forwarded_for", b"10.0.0.9, 127.0.0.1"),
        ("${host}x$hostx", None),
        ("${host}x", b"example.orgx"),
        ("$$", b"$$"),
        ("no variable at all", b"no variable at all"),
        ("$upstream_addr$upstream_status", b""),
        ("$connection_requests $https.", b"1 ."),
        ("$HOST $Request_Method", b"example.org GET"),
    ],
)
def test_a_text_with_variables(r: Request, text: str, value: bytes | None) -> None:
    if value is None:
        with pytest.raises(UnknownVariable, match='unknown "hostx" variable'):
            compile_template(text)
    else:
        assert compile_template(text)(r) == value


@pytest.mark.parametrize("name", sorted(GETTERS))
def test_every_variable_gives_octets_or_nothing(r: Request, name: str) -> None:
    value = compile_getter(name)(r)
    assert value is None or isinstance(value, bytes)


@pytest.mark.parametrize(
    "name", ["arg_none", "cookie_none", "http_none", "sent_http_none", "upstream_http_none"]
)
def test_what_is_not_there_is_told_from_what_is_empty(r: Request, name: str) -> None:
    assert compile_getter(name)(r) is None
    assert compile_getter("is_args")(r) == b"?"
    r.args = b""
    assert compile_getter("is_args")(r) == b""


def test_what_the_response_says_of_itself(r: Request) -> None:
    r.status, r.content_type, r.content_length, r.etag = 200, b"text/plain", 5, b'"x"'
    r.headers_out.append((b"X-Own", b"1"))
    text = "$status $sent_http_content_type $sent_http_content_length $sent_http_etag $sent_http_x_own"
    assert compile_template(text)(r) == b'200 text/plain 5 "x" 1'


def test_captures_and_own_variables_come_from_the_request(r: Request) -> None:
    template = compile_template("$1-$2-$mine.", own=("mine",))
    assert template(r) == b"--."
    r.captures = (b"one", b"two")
    r.set_variables({"mine": b"yes"})
    assert template(r) == b"one-two-yes."


def test_a_request_keeps_its_id(r: Request) -> None:
    first = compile_template("$request_id")(r)
    assert re.fullmatch(rb"[0-9a-f]{32}", first)
    assert compile_template("$request_id")(r) == first


@pytest.mark.parametrize("text", ["$msec", "$request_time", "$connection_time"])
def test_times_have_three_decimals(r: Request, text: str) -> None:
    assert re.fullmatch(rb"[0-9]+\.[0-9]{3}", compile_template(text)(r))


def test_a_text_without_variables_is_a_constant() -> None:
    assert constant_of("a $ b") == b"a $ b"
    assert constant_of("$host") is None
    assert names_in("$a ${b}c $1") == ["a", "b", "1"]


def test_names_with_a_prefix_are_known_whatever_follows() -> None:
    assert is_implemented("http_anything")
    assert is_implemented("host")
    assert not is_implemented("uid_got")
