"""One request and its upstream, with the test as the upstream: who is tried, what is sent, what is let go."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import pytest

from emulator.nginx.upstream import Group

from .serving import Serving

Serve = Callable[[str], Serving]

REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
_SERVER = """
upstream two { server 127.0.0.1:{refused}; server 127.0.0.1:{upstream2} backup; }
upstream kept { server 127.0.0.1:{upstream}; keepalive 4; }
server {
    listen 80; client_max_body_size 0; proxy_connect_timeout 2s; proxy_read_timeout 9s; proxy_send_timeout 9s;
    location = /plain { proxy_pass http://127.0.0.1:{upstream}; }
    location = /upgraded {
        proxy_pass http://127.0.0.1:{upstream}; proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection upgrade;
    }
    location = /kept { proxy_pass http://kept; proxy_http_version 1.1; proxy_set_header Connection ""; }
    location = /two { proxy_pass http://two; }
    location = /streamed { proxy_pass http://two; proxy_request_buffering off; proxy_http_version 1.1; }
    location = /stream {
        proxy_pass http://127.0.0.1:{upstream}; proxy_request_buffering off; proxy_http_version 1.1;
    }
    location = /slow { proxy_pass http://127.0.0.1:{upstream}; proxy_buffering off; }
    location = /fallback { proxy_pass http://127.0.0.1:{refused}; error_page 502 = @again; }
    location @again { proxy_pass http://127.0.0.1:{upstream2}; proxy_request_buffering off; }
}
"""


@pytest.fixture
def server(serve: Serve) -> Iterator[Serving]:
    """The configuration above; {refused} is a port on which nobody listens."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        yield serve(_SERVER.replace("{refused}", str(nobody.getsockname()[1])))


def request(method: str, target: str, *fields: str, body: bytes = b"") -> bytes:
    return "\r\n".join((f"{method} {target} HTTP/1.1", "Host: s", *fields, "", "")).encode() + body


def received(sock: socket.socket) -> bytes:
    """What has come so far for the upstream."""
    sock.setblocking(False)
    data = b""
    try:
        while more := sock.recv(1 << 20):
            data += more
        data += b"<end>"
    except BlockingIOError:
        pass
    sock.settimeout(5)
    return data


def body(data: bytes) -> bytes:
    return data.partition(b"\r\n\r\n")[2]


def group_of(server: Serving, target: bytes) -> Group:
    proxy = server.conf.listeners[0].default.tree.exact[target].proxy
    assert proxy is not None
    return proxy.group


def answered(server: Serving, client: socket.socket, upstream: socket.socket, reply: bytes = REPLY) -> bytes:
    upstream.sendall(reply)
    server.turn()
    return server.answer(client)


# request bodies


def test_a_body_is_sent_when_it_is_whole(server: Serving) -> None:
    client = server.client(request("POST", "/plain", "Content-Length: 6", body=b"abc"))
    assert not server.upstream.has_caller()
    client.sendall(b"def")
    server.turn()
    with server.upstream.accept() as upstream:
        sent = received(upstream)
        assert b"\r\nContent-Length: 6\r\n" in sent
        assert body(sent) == b"abcdef"


@pytest.mark.parametrize("size", [5, 20_000, 70_000, 300_000])
def test_a_body_of_any_size_reaches_the_second_peer_when_the_first_refuses(
    server: Serving, size: int
) -> None:
    text = bytes(range(250)) * (size // 250 + 1)
    client = server.client(request("PUT", "/two", f"Content-Length: {size}"))
    client.sendall(text[:size])
    server.turn(30)
    with server.upstream2.accept() as upstream:
        server.turn(30)
        assert body(received(upstream)) == text[:size]
        assert answered(server, client, upstream).endswith(b"hi")


def test_an_unbuffered_body_is_passed_on_as_it_comes(server: Serving) -> None:
    client = server.client(request("POST", "/stream", "Content-Length: 6", body=b"abc"))
    with server.upstream.accept() as upstream:
        assert body(received(upstream)) == b"abc"
        client.sendall(b"def")
        server.turn()
        assert received(upstream) == b"def"
        assert answered(server, client, upstream).endswith(b"hi")


def test_an_unbuffered_chunked_body_stays_chunked(server: Serving) -> None:
    client = server.client(request("POST", "/stream", "Transfer-Encoding: chunked", body=b"3\r\nabc\r\n"))
    with server.upstream.accept() as upstream:
        sent = received(upstream)
        assert b"\r\nTransfer-Encoding: chunked\r\n" in sent
        assert body(sent) == b"3\r\nabc\r\n"
        client.sendall(b"2\r\nde\r\n0\r\n\r\n")
        server.turn()
        assert received(upstream) == b"2\r\nde\r\n0\r\n\r\n"
        assert answered(server, client, upstream).endswith(b"hi")


def test_an_unbuffered_body_reaches_the_second_peer_whole_and_once_when_the_first_refuses(
    server: Serving,
) -> None:
    client = server.client(request("PUT", "/streamed", "Content-Length: 6", body=b"abc"))
    with server.upstream2.accept() as upstream:
        sent = received(upstream)
        assert sent.count(b"PUT /streamed HTTP/1.1\r\n") == 1
        assert body(sent) == b"abc"
        client.sendall(b"def")
        server.turn()
        assert received(upstream) == b"def"
        assert answered(server, client, upstream).endswith(b"hi")


def test_a_slow_upload_is_not_cut_off_by_the_connect_timeout(server: Serving) -> None:
    client = server.client(request("POST", "/stream", "Content-Length: 6", body=b"abc"))
    with server.upstream.accept() as upstream:
        server.after(30.0)
        client.sendall(b"def")
        server.turn()
        assert body(received(upstream)) == b"abcdef"
        assert answered(server, client, upstream).endswith(b"hi")


def test_a_body_that_was_kept_is_sent_again_by_the_page_of_an_error(server: Serving) -> None:
    client = server.client(request("PUT", "/fallback", "Content-Length: 3", body=b"abc"))
    with server.upstream2.accept() as upstream:
        assert received(upstream).endswith(b"\r\n\r\nabc")
        assert answered(server, client, upstream).endswith(b"hi")


# the way back


def test_an_unbuffered_response_makes_the_upstream_wait_for_a_client_that_does_not_read(
    server: Serving,
) -> None:
    client = server.client(request("GET", "/slow"))
    with server.upstream.accept() as upstream:
        upstream.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        upstream.setblocking(False)
        piece, total = bytes(65536), 0
        for _ in range(4000):
            try:
                total += upstream.send(piece)
            except BlockingIOError:
                break
            server.turn(1)
        (connection,) = server.worker.connections
        assert total < 32 << 20
        assert connection.out.memory() < 1 << 20
        taken = 0
        client.settimeout(5)
        while taken < total:
            taken += len(client.recv(1 << 20))
            server.turn(1)


def test_an_upstream_that_says_nothing_is_a_504(server: Serving) -> None:
    client = server.client(request("GET", "/plain"))
    server.after(10.0)
    assert server.answer(client).startswith(b"HTTP/1.1 504 ")
    assert (
        "upstream timed out (110: Connection timed out) while reading response header" in server.errors()[-1]
    )


# what is let go


@pytest.mark.parametrize(
    "end", ["answered", "client gone", "client reset", "timed out", "broken off", "tunnel"]
)
def test_a_peer_is_free_again_however_its_request_ended(server: Serving, end: str) -> None:
    upgrade = ("Connection: upgrade", "Upgrade: x") if end == "tunnel" else ()
    path = "/upgraded" if upgrade else "/plain"
    group = group_of(server, path.encode())
    client = server.client(request("GET", path, *upgrade))
    assert [peer.connections for peer in group.peers] == [1]
    with server.upstream.accept() as upstream:
        if end == "answered":
            answered(server, client, upstream)
        elif end == "client gone":
            client.close()
        elif end == "client reset":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            client.close()
        elif end == "timed out":
            server.after(10.0)
        elif end == "broken off":
            upstream.sendall(REPLY[:-1])
            upstream.shutdown(socket.SHUT_WR)
        else:
            upstream.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n")
            server.turn()
            assert [peer.connections for peer in group.peers] == [1]
            client.close()
        server.turn()
        assert [peer.connections for peer in group.peers] == [0]


def test_a_connection_is_kept_and_serves_again(server: Serving) -> None:
    client = server.client(request("GET", "/kept"))
    with server.upstream.accept() as upstream:
        answered(server, client, upstream)
        received(upstream)
        client.sendall(request("GET", "/kept"))
        server.turn()
        assert received(upstream).startswith(b"GET /kept ")
        assert answered(server, client, upstream).endswith(b"hi")
    assert not server.upstream.has_caller()


def test_a_kept_connection_that_was_closed_in_the_meantime_costs_no_error(server: Serving) -> None:
    client = server.client(request("GET", "/kept"))
    with server.upstream.accept() as upstream:
        answered(server, client, upstream)
    client.sendall(request("POST", "/kept", "Content-Length: 0"))
    server.turn()
    with server.upstream.accept() as upstream:
        assert answered(server, client, upstream).endswith(b"hi")


def test_a_kept_connection_that_breaks_under_a_request_is_replaced_by_a_new_one(server: Serving) -> None:
    client = server.client(request("GET", "/kept"))
    with server.upstream.accept() as upstream:
        answered(server, client, upstream)
        client.sendall(request("GET", "/kept"))
        server.turn()
    server.turn()
    with server.upstream.accept() as upstream:
        assert answered(server, client, upstream).endswith(b"hi")


def test_a_tunnel_carries_bytes_both_ways_and_ends_with_either_side(server: Serving) -> None:
    client = server.client(request("GET", "/upgraded", "Connection: upgrade", "Upgrade: x") + b"early")
    with server.upstream.accept() as upstream:
        received(upstream)
        upstream.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nhello")
        server.turn()
        assert server.answer(client).endswith(b"\r\n\r\nhello")
        assert received(upstream) == b"early"
        client.sendall(b"ping" * 100_000)
        server.turn(50)
        assert len(received(upstream)) >= 100_000
    server.turn(10)
    assert server.answer(client).endswith((b"<end>", b"<reset>"))


def test_interim_responses_without_end_are_an_error_and_are_not_kept(server: Serving) -> None:
    client = server.client(request("GET", "/plain"))
    with server.upstream.accept() as upstream:
        upstream.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)
        assert server.answer(client).startswith(b"HTTP/1.1 502 ")
    assert any("too many interim responses" in line for line in server.errors())
