"""A fault of ours: it ends one connection, is logged, and all others are served."""

from __future__ import annotations

from collections.abc import Callable

from emulator.nginx.guard import summary
from emulator.nginx.hold import hold
from emulator.nginx.location import Location
from emulator.nginx.request import Request

from .serving import Serving

Serve = Callable[[str], Serving]

_CONF = """
upstream two { server 127.0.0.1:{upstream} max_conns=1; server 127.0.0.1:{upstream2} backup; }
server {
    listen 80;
    location = /bad { return 204; }
    location = /good { return 200 good; }
    location = /proxied { proxy_pass http://two; }
}
"""


def location(serving: Serving, name: bytes) -> Location:
    return serving.conf.listeners[0].default.tree.exact[name]


def boom(r: Request) -> int:
    raise LookupError("a fault\nof ours")


def alerts(serving: Serving) -> list[str]:
    return [line for line in serving.errors() if line.startswith("[alert]")]


def test_a_fault_in_a_handler_ends_its_connection_and_no_other(serve: Serve) -> None:
    serving = serve(_CONF)
    location(serving, b"/bad").handlers = (boom,)
    waiting = serving.client()
    assert serving.get("/bad") == b"<end>"
    waiting.sendall(b"GET /good HTTP/1.1\r\nHost: s\r\n\r\n")
    assert serving.answer(waiting).endswith(b"\r\n\r\ngood")
    assert serving.get("/good").endswith(b"\r\n\r\ngood")


def test_a_fault_is_logged_with_what_happened_where_and_for_whom(serve: Serve) -> None:
    serving = serve(_CONF)
    location(serving, b"/bad").handlers = (boom,)
    serving.get("/bad?x")
    (line,) = alerts(serving)
    assert "LookupError: a fault of ours at test_guard.py:" in line
    assert " in boom <- request.py:" in line
    assert 'client: 127.0.0.1, server: , request: "GET /bad?x HTTP/1.1"' in line


def test_a_fault_while_an_upstream_answers_lets_go_of_the_upstream(serve: Serve) -> None:
    serving = serve(_CONF)
    location(serving, b"/proxied").filter_head = boom  # type: ignore[assignment]
    client = serving.client(b"GET /proxied HTTP/1.1\r\nHost: s\r\n\r\n")
    upstream = serving.upstream.accept()
    upstream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
    serving.turn()
    assert serving.answer(client) == b"<end>"
    upstream.recv(65536)
    assert upstream.recv(1) == b""
    assert len(alerts(serving)) == 1
    serving.client(b"GET /proxied HTTP/1.1\r\nHost: s\r\n\r\n")
    assert serving.upstream.has_caller(), "the first peer, of one connection at most, was not free again"
    upstream.close()


def test_a_fault_in_a_deadline_ends_the_connection_that_it_is_for(serve: Serve) -> None:
    serving = serve(_CONF)
    client = serving.client()
    (connection,) = serving.worker.connections
    connection.deadline.set(1.0, lambda: boom(None))  # type: ignore[arg-type]
    serving.after(2.0)
    assert serving.answer(client) == b"<end>"
    assert len(alerts(serving)) == 1


def test_a_fault_that_belongs_to_no_connection_is_logged_and_the_turn_goes_on(serve: Serve) -> None:
    serving = serve(_CONF)
    done: list[int] = []

    def fail() -> None:
        raise ValueError("of nobody")

    serving.worker.loop.post(fail)
    serving.worker.loop.post(lambda: done.append(1))
    serving.turn()
    assert done == [1]
    (line,) = alerts(serving)
    assert "ValueError: of nobody at test_guard.py:" in line


def test_a_fault_in_the_log_of_a_fault_still_closes_the_connection(serve: Serve) -> None:
    serving = serve(_CONF)
    bad = location(serving, b"/bad")
    bad.handlers = (boom,)
    bad.access_logs = (boom,)  # type: ignore[assignment]
    assert serving.get("/bad") == b"<end>"
    assert not serving.worker.connections
    assert "; then LookupError" in alerts(serving)[-1]


def test_a_summary_shows_the_four_innermost_frames() -> None:
    def deep(left: int) -> None:
        if left == 0:
            raise KeyError("x")
        deep(left - 1)

    try:
        deep(10)
    except KeyError as error:
        text = summary(error)
    assert text.startswith("KeyError: 'x' at test_guard.py:")
    assert text.count(" in deep") == 4


def test_a_fault_after_a_delay_ends_the_connection_that_was_held(serve: Serve) -> None:
    serving = serve(_CONF)
    location(serving, b"/bad").handlers = (lambda r: hold(r, 1, lambda: boom(r)),)
    held = serving.client(b"GET /bad HTTP/1.1\r\nHost: a\r\n\r\n")
    serving.after(2)
    assert serving.answer(held) == b"<end>"
    assert len(alerts(serving)) == 1


def test_a_connection_that_is_closed_under_a_request_leaves_nothing_of_it(serve: Serve) -> None:
    serving = serve(_CONF)
    serving.client(b"GET /proxied HTTP/1.1\r\nHost: s\r\n\r\n")
    (connection,) = serving.worker.connections
    assert connection.request is not None
    ended: list[str] = []
    connection.request.at_end(lambda: ended.append("request"))
    connection.close()
    assert ended == ["request"]
