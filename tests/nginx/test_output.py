"""Heads on their way out, to clients and to upstreams: one line each, whatever a variable holds."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .serving import Serving

Serve = Callable[[str], Serving]

_CONF = """
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
    serving = serve(_CONF)
    answer = serving.answer(serving.client(_SPLIT % name))
    assert answer.startswith(b"HTTP/1.1 ")
    head = answer.partition(b"\r\n\r\n")[0]
    assert b"\nInjected" not in head
    assert b"\nGET" not in answer


@pytest.mark.parametrize("name", [b"set", b"pass", b"method"])
def test_a_variable_does_not_make_two_requests_of_one(serve: Serve, name: bytes) -> None:
    serving = serve(_CONF)
    serving.client(_SPLIT % name)
    with serving.upstream.accept() as upstream:
        request = upstream.recv(65536)
    assert request.count(b"\r\n\r\n") == 1
    assert b"\nInjected" not in request
