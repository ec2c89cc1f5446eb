"""stub_status and the `$connections_…` variables; the page is that of Debian's nginx."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from emulator.nginx.conf import ConfError, parse
from emulator.nginx.counters import Counters
from emulator.nginx.directives import validate

from .serving import Serving

Serve = Callable[[str], Serving]

_SERVER = """
server {
    listen 80; root {root};
    location /status { stub_status; }
    location /on { stub_status on; }
    location /variables {
        return 200 "$connections_active $connections_reading $connections_writing $connections_waiting";
    }
    location /if { stub_status; if ($arg_x) { add_header X-If 1; } }
    location /limited { stub_status; limit_except GET { allow all; } }
    location /nested { stub_status; location /nested/in { } }
}
"""
_PAGE = """\
Active connections: {} \n\
server accepts handled requests
 {} {} {} \n\
Reading: {} Writing: {} Waiting: {} \n\
"""


def page(*figures: int) -> bytes:
    return _PAGE.format(*figures).encode()


def body(answer: bytes) -> bytes:
    return answer.partition(b"\r\n\r\n")[2]


def test_the_page_is_plain_text_with_its_length(serve: Serve) -> None:
    answer = serve(_SERVER).get("/status")
    head, _, text = answer.partition(b"\r\n\r\n")
    assert b"\r\nContent-Type: text/plain\r\nContent-Length: 97\r\nConnection: keep-alive" in head
    assert text == page(1, 1, 1, 1, 0, 1, 0)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_only_get_and_head_are_answered(serve: Serve, method: str) -> None:
    serving = serve(_SERVER)
    sent = f"{method} /status HTTP/1.1\r\nHost: s\r\nContent-Length: 0\r\n\r\n".encode()
    assert serving.answer(serving.client(sent)).startswith(b"HTTP/1.1 405 Not Allowed\r\n")


def test_a_head_has_the_length_and_no_page(serve: Serve) -> None:
    serving = serve(_SERVER)
    answer = serving.answer(serving.client(b"HEAD /status HTTP/1.1\r\nHost: s\r\n\r\n"))
    assert b"Content-Length: 97" in answer
    assert body(answer) == b""


def test_a_connection_waits_reads_or_writes(serve: Serve) -> None:
    serving = serve(_SERVER)
    for sent in (b"", b"", b"GET / HT"):
        serving.client(sent)
    assert body(serving.get("/status")) == page(4, 4, 4, 1, 1, 1, 2)


def test_what_is_closed_is_no_longer_active(serve: Serve) -> None:
    serving = serve(_SERVER)
    serving.client().close()
    serving.turn()
    assert body(serving.get("/status")) == page(1, 2, 2, 1, 0, 1, 0)


def test_a_kept_connection_waits_again(serve: Serve) -> None:
    serving = serve(_SERVER)
    serving.get("/status")
    assert body(serving.get("/status")) == page(2, 2, 2, 2, 0, 1, 1)


def test_requests_on_one_connection_all_count_even_bad_ones(serve: Serve) -> None:
    serving = serve(_SERVER)
    serving.answer(serving.client(b"GET /none HTTP/1.1\r\nHost: s\r\n\r\n" * 3))
    serving.answer(serving.client(b"G@T / HTTP/1.1\r\n\r\n"))
    assert body(serving.get("/on"))[-70:] == page(2, 3, 3, 5, 0, 1, 1)[-70:]


def test_the_variables_say_the_same(serve: Serve) -> None:
    serving = serve(_SERVER)
    for sent in (b"", b"GET / HT"):
        serving.client(sent)
    assert body(serving.get("/variables")) == b"3 1 1 1"


def test_an_if_keeps_the_page_and_limit_except_does_not(serve: Serve) -> None:
    serving = serve(_SERVER)
    assert b"X-If: 1" in serving.get("/if?x=1")
    assert body(serving.get("/if?x=1")).startswith(b"Active")
    sent = b"POST /limited HTTP/1.1\r\nHost: s\r\nContent-Length: 0\r\n\r\n"
    assert serving.answer(serving.client(sent)).startswith(b"HTTP/1.1 404 ")
    assert body(serving.get("/limited")).startswith(b"Active")


def test_a_nested_location_does_not_inherit_the_page(serve: Serve) -> None:
    serving = serve(_SERVER)
    assert serving.get("/nested/in").startswith(b"HTTP/1.1 404 ")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("http { stub_status; }", '"stub_status" directive is not allowed here'),
        ("http { server { if ($uri) { stub_status; } } }", '"stub_status" directive is not allowed here'),
        ("http { server { stub_status a b; } }", 'invalid number of arguments in "stub_status" directive'),
    ],
)
def test_it_stands_in_servers_and_locations_with_one_argument_at_most(text: str, complaint: str) -> None:
    with pytest.raises(ConfError, match=complaint):
        validate(parse("nginx.conf", lambda name: text.encode()).nodes)


def test_nothing_is_counted_in_shared_memory_unless_somebody_asks(serve: Serve) -> None:
    assert serve(_SERVER).conf.shared.counters is not None
    assert serve("server { listen 80; location / { return 200 ok; } }").conf.shared.counters is None


def test_workers_are_added_up_and_what_a_dead_one_counted_stays(serve: Serve) -> None:
    serving = serve(_SERVER)
    serving.conf.shared.counters = counters = Counters()
    serving.client()
    other = os.fork()
    if not other:
        counters.publisher(serving.worker)()
        os._exit(0)
    os.waitpid(other, 0)
    assert body(serving.get("/status")) == page(2, 3, 3, 1, 0, 1, 1)
    counters.publisher(serving.worker)()
    assert body(serving.get("/status")) == page(3, 4, 4, 2, 0, 1, 2)
