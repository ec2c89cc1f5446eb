"""How much may leave in a second."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from emulator.nginx.pace import Pace, allowance

from .serving import Serving

Serve = Callable[[str], Serving]


@pytest.mark.parametrize(("seconds", "sent", "left"), [(0, 0, 10), (0, 10, 0), (1, 10, 10), (3, 45, -5)])
def test_each_second_that_has_begun_brings_the_rate_once_more(seconds: int, sent: int, left: int) -> None:
    assert allowance(10, seconds, sent) == left


def test_a_slow_answer_leaves_nothing_behind_for_the_next_on_its_connection(serve: Serve) -> None:
    serving = serve("""server { listen 80;
        location /slow { limit_rate 100k; return 200 slow; }
        location / { return 200 fast; } }""")
    client = serving.client(b"GET /slow HTTP/1.1\r\nHost: s\r\n\r\nGET / HTTP/1.1\r\nHost: s\r\n\r\n")
    answer = serving.answer(client)
    assert (answer.count(b"slow"), answer.count(b"fast")) == (1, 1)


def test_a_piece_is_cut_where_the_rate_ends_and_joined_to_nothing(serve: Serve) -> None:
    serving = serve("server { listen 80; location / { return 200; } }")
    r = serving.requested(b"GET / HTTP/1.1\r\nHost: s\r\n\r\n")
    pace = Pace(r, 1)
    for piece in (b"abc", b"defg"):
        pace.push(piece)
    rest = pace._cut(5)
    assert b"".join(bytes(piece) for piece in pace.unsent) == b"abcde"  # type: ignore[arg-type]
    assert b"".join(bytes(piece) for piece in rest) == b"fg"  # type: ignore[arg-type]


def test_the_connection_has_its_own_queue_back_when_the_request_is_over(serve: Serve) -> None:
    serving = serve("server { listen 80; location / { limit_rate 100k; return 200 abc; } }")
    client = serving.client(b"GET / HTTP/1.1\r\nHost: s\r\n\r\n")
    (connection,) = serving.worker.connections
    assert serving.answer(client).endswith(b"abc")
    assert not isinstance(connection.out, Pace)
