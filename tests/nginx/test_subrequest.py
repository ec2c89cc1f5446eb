"""A request that another one makes: auth_request's, and what ends it before its time."""

from __future__ import annotations

import gc
import socket
from collections.abc import Callable, Iterator

import pytest

from emulator.nginx.auth_request import Question
from emulator.nginx.subrequest import Aside, Subrequest

from .serving import Serving

Serve = Callable[[str], Serving]

_SERVER = """
limit_req_zone $server_name zone=one:1m rate=1r/s;
server {
    listen 80; root {root}; server_name s;
    location /app { auth_request /ask; proxy_pass http://127.0.0.1:{upstream2}; }
    location /page {
        auth_request /ask;
        auth_request_set $who $upstream_http_x_who;
        add_header X-Who $who;
        try_files /none =204;
    }
    location /at-once { auth_request /yes; try_files /none =204; }
    location /slow { auth_request /limited; try_files /none =204; }
    location /close { auth_request /closing; try_files /none =204; }
    location /ask { internal; proxy_pass http://127.0.0.1:{upstream}; proxy_read_timeout 10s; }
    location /yes { return 204; }
    location /limited { limit_req zone=one burst=5; try_files /none =204; }
    location /closing { return 444; }
}
"""


def request(path: str, more: str = "") -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: s\r\n{more}\r\n".encode()


class Asked:
    """Clients whose requests wait for the one who is asked, and that one's sockets."""

    def __init__(self) -> None:
        self._open: list[socket.socket] = []

    def __call__(self, serving: Serving, sent: bytes) -> tuple[socket.socket, socket.socket]:
        client = serving.client(sent)
        upstream = self.keep(serving.upstream.accept())
        serving.turn()
        return client, upstream

    def keep(self, sock: socket.socket) -> socket.socket:
        self._open.append(sock)
        return sock

    def close(self) -> None:
        for sock in self._open:
            sock.close()


@pytest.fixture
def asked() -> Iterator[Asked]:
    made = Asked()
    yield made
    made.close()


def test_the_answer_decides_and_its_body_goes_nowhere(serve: Serve, asked: Asked) -> None:
    serving = serve(_SERVER)
    client, upstream = asked(serving, request("/page"))
    assert upstream.recv(999).startswith(b"GET /ask HTTP/1.1\r\n")
    upstream.sendall(b"HTTP/1.1 200 OK\r\nX-Who: me\r\nContent-Length: 4\r\n\r\nbody")
    serving.turn()
    answer = serving.answer(client)
    assert answer.startswith(b"HTTP/1.1 204 No Content\r\n")
    assert b"X-Who: me\r\n" in answer
    assert b"body" not in answer


@pytest.mark.parametrize("at", [1, 12, 17, 30])
def test_an_answer_may_come_in_pieces(serve: Serve, asked: Asked, at: int) -> None:
    serving = serve(_SERVER)
    client, upstream = asked(serving, request("/page"))
    sent = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
    upstream.sendall(sent[:at])
    assert serving.answer(client) == b""
    upstream.sendall(sent[at:])
    assert serving.answer(client).startswith(b"HTTP/1.1 403 Forbidden\r\n")


def test_an_answer_at_once_needs_no_turn_of_the_loop(serve: Serve) -> None:
    assert serve(_SERVER).get("/at-once").startswith(b"HTTP/1.1 204 ")


def test_requests_sent_ahead_wait_their_turn(serve: Serve, asked: Asked) -> None:
    serving = serve(_SERVER)
    client, upstream = asked(serving, request("/page") + request("/at-once"))
    assert serving.answer(client) == b""
    upstream.sendall(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")
    answer = serving.answer(client)
    assert answer.index(b"HTTP/1.1 403 ") < answer.index(b"HTTP/1.1 204 ")


def test_a_client_that_leaves_takes_the_question_with_it(serve: Serve, asked: Asked) -> None:
    serving = serve(_SERVER)
    client, upstream = asked(serving, request("/page"))
    upstream.recv(999)
    client.close()
    serving.turn()
    assert upstream.recv(999) == b""
    assert not serving.worker.connections
    assert any('subrequest: "/ask"' in line for line in serving.errors())


def test_one_who_does_not_answer_costs_the_timeout(serve: Serve, asked: Asked) -> None:
    serving = serve(_SERVER)
    client, _ = asked(serving, request("/page"))
    serving.after(11)
    assert serving.answer(client).startswith(b"HTTP/1.1 500 ")
    assert any("auth request unexpected status: 504" in line for line in serving.errors())


def test_a_question_may_be_held_back(serve: Serve) -> None:
    serving = serve(_SERVER)
    assert serving.get("/slow").startswith(b"HTTP/1.1 204 ")
    client = serving.client(request("/slow"))
    assert serving.answer(client) == b""
    serving.after(1.1)
    assert serving.answer(client).startswith(b"HTTP/1.1 204 ")


def test_a_client_that_leaves_while_its_question_is_held_back_is_noticed(serve: Serve) -> None:
    serving = serve(_SERVER)
    serving.get("/slow")
    client = serving.client(request("/slow"))
    client.close()
    serving.turn()
    serving.after(2)
    assert [line for line in serving.errors() if "client prematurely closed connection" in line]


def test_an_answer_that_is_none_ends_both(serve: Serve) -> None:
    serving = serve(_SERVER)
    assert serving.answer(serving.client(request("/close"))) == b"<end>"
    assert not serving.worker.connections


def test_a_body_is_read_by_the_request_that_has_it(serve: Serve, asked: Asked) -> None:
    serving = serve(_SERVER)
    sent = b"POST /app HTTP/1.1\r\nHost: s\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    client, upstream = asked(serving, sent)
    assert b"abc" not in upstream.recv(999)
    upstream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    serving.turn()
    app = asked.keep(serving.upstream2.accept())
    serving.turn()
    assert app.recv(999).endswith(b"\r\n\r\nabc")
    app.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    assert serving.answer(client).endswith(b"ok")


def test_a_fault_in_a_question_ends_the_connection_and_not_the_worker(
    serve: Serve, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    serving = serve(_SERVER)
    client, upstream = asked(serving, request("/page"))

    def fail(self: Subrequest) -> None:
        raise ZeroDivisionError("on purpose")

    monkeypatch.setattr(Subrequest, "finished", fail)
    upstream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    serving.turn()
    assert serving.answer(client) in (b"<end>", b"<reset>")
    assert any("ZeroDivisionError: on purpose" in line for line in serving.errors())
    monkeypatch.undo()
    assert serving.get("/at-once").startswith(b"HTTP/1.1 204 ")


def test_nothing_of_a_question_waits_for_the_garbage_collector(serve: Serve, asked: Asked) -> None:
    serving = serve(_SERVER)
    gc.collect()
    gc.disable()
    try:
        client, upstream = asked(serving, request("/page", "Connection: close\r\n"))
        upstream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        serving.answer(client)
        serving.get("/at-once")
        kinds = (Question, Subrequest, Aside)
        assert not [each for each in gc.get_objects() if isinstance(each, kinds)]
    finally:
        gc.enable()
