"""A client's connection: when requests begin, what a slow client costs, and how it ends."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from emulator.nginx.head import next_head

from .serving import Serving

Serve = Callable[[str], Serving]

OK = b"GET /ok HTTP/1.1\r\nHost: s\r\n\r\n"
_SERVER = """
server {
    listen 80; root {root};
    client_header_timeout 10s; client_body_timeout 10s; send_timeout 10s; keepalive_timeout 30s;
    location = /ok { return 200 ok; }
    location = /444 { return 444; }
    location = /408 { return 408; }
    location = /body { proxy_pass http://127.0.0.1:{upstream}; }
}
"""
_RESETTING = "reset_timedout_connection on;" + _SERVER


def bodies(answer: bytes) -> list[bytes]:
    return [part.partition(b"\r\n\r\n")[2] for part in answer.split(b"HTTP/1.1 ")[1:]]


def test_requests_sent_ahead_are_answered_in_order(serve: Serve) -> None:
    serving = serve(_SERVER)
    client = serving.client(OK + b"GET /none HTTP/1.1\r\nHost: s\r\n\r\n" + OK)
    assert [body[:6] for body in bodies(serving.answer(client))] == [b"ok", b"<html>", b"ok"]


@pytest.mark.parametrize("at", range(1, len(OK)))
def test_a_head_may_be_cut_anywhere(serve: Serve, at: int) -> None:
    serving = serve(_SERVER)
    client = serving.client(OK[:at])
    assert serving.answer(client) == b""
    client.sendall(OK[at:] + OK[:1])
    assert bodies(serving.answer(client)) == [b"ok"]


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /444 HTTP/1.1\r\nHost: s\r\n\r\n",
        b"GET / HT",
        b"POST /body HTTP/1.1\r\nHost: s\r\nContent-Length: 9\r\n\r\nabc",
    ],
)
def test_what_timed_out_is_reset_only_where_that_is_asked_for(serve: Serve, sent: bytes) -> None:
    for conf, end in ((_SERVER, b"<end>"), (_RESETTING, b"<reset>")):
        serving = serve(conf)
        client = serving.client(sent)
        serving.after(11.0)
        assert serving.answer(client) == end


@pytest.mark.parametrize("sent", [b"", b"GET /408 HTTP/1.1\r\nHost: s\r\n\r\n", OK])
def test_an_idle_connection_and_a_returned_408_are_never_reset(serve: Serve, sent: bytes) -> None:
    serving = serve(_RESETTING)
    client = serving.client(sent)
    serving.answer(client)
    serving.after(31.0)
    assert serving.answer(client) == b"<end>"


def test_a_client_that_takes_nothing_is_given_up_and_reset_where_that_is_asked_for(
    serve: Serve, tmp_path: Path
) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.truncate(64 << 20)
    serving = serve(_RESETTING)
    client = serving.client(b"GET /large HTTP/1.1\r\nHost: s\r\n\r\n")
    serving.turn(50)
    serving.after(11.0)
    assert serving.answer(client).endswith(b"<reset>")
    assert "client timed out (110: Connection timed out) while sending response" in serving.errors()[-1]


def test_one_large_file_and_other_clients_take_turns(serve: Serve, tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.truncate(32 << 20)
    serving = serve(_SERVER)
    client = serving.client(b"GET /large HTTP/1.1\r\nHost: s\r\n\r\n")
    assert serving.get("/ok").endswith(b"ok")
    received = serving.answer(client)
    assert len(received.partition(b"\r\n\r\n")[2]) == 32 << 20


def test_nothing_of_a_finished_connection_waits_for_the_garbage_collector(serve: Serve) -> None:
    serving = serve(_SERVER)
    client = serving.client()
    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            client.sendall(b"GET /body HTTP/1.1\r\nHost: s\r\n\r\n")
            serving.turn()
            upstream = serving.upstream.accept()
            upstream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
            serving.turn()
            assert serving.answer(client).endswith(b"hi")
            upstream.close()
        client.close()
        serving.turn()
        assert not serving.worker.connections
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_a_graceful_end_waits_for_requests_and_closes_idle_connections(serve: Serve) -> None:
    serving = serve(_SERVER)
    idle, busy = serving.client(OK), serving.client(b"GET /body HTTP/1.1\r\nHost: s\r\n\r\n")
    serving.answer(idle)
    upstream = serving.upstream.accept()
    serving.worker.quit()
    assert serving.answer(idle) == b"<end>"
    upstream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
    serving.turn()
    assert serving.answer(busy).endswith(b"hi<end>")
    upstream.close()


def test_the_work_for_a_slow_head_grows_with_its_length_only(serve: Serve) -> None:
    serving = serve("large_client_header_buffers 8 8k; server { listen 80; location / { return 200 ok; } }")
    counts = []
    for lines in (400, 800):
        head = b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: %b\r\n" % (b"y" * 35) * lines + b"\r\n"
        done = [0]

        def count(frame: object, event: str, arg: object, done: list[int] = done) -> None:
            done[0] += event == "call"

        partial = _Partial(serving)
        sys.setprofile(count)
        try:
            answered = [partial.take(head[: at + 1]) for at in range(len(head))]
        finally:
            sys.setprofile(None)
        assert answered[-1]
        assert not any(answered[:-1])
        counts.append(done[0])
    assert counts[1] < 2.2 * counts[0]


class _Partial:
    """A head in the hands of `next_head`, as a connection holds it."""

    partial = None
    buffer = b""

    def __init__(self, serving: Serving) -> None:
        self.listener = serving.conf.listeners[0]

    def take(self, buffer: bytes) -> bool:
        self.buffer = buffer
        return next_head(self) is not None  # type: ignore[arg-type]
