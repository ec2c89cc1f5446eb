"""A response's body on its way: whole buffers, a client's pace, and every way in which a body can end."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emulator.http1 import parse
from emulator.http1.body import BodyReader, ChunkedReader, LengthReader, UntilCloseReader
from emulator.nginx.attempt import Attempt
from emulator.nginx.pipe import Body, Pipe, framing_of
from emulator.nginx.proxy import Proxy
from emulator.nginx.request import Request

from .serving import Serving

Serve = Callable[[str], Serving]

_SERVER = """
server { listen 80; proxy_buffer_size 4k; proxy_buffers 8 4k; proxy_max_temp_file_size 1m;
    proxy_temp_file_write_size 8k;
    location / { proxy_pass http://127.0.0.1:{upstream}; } }
"""


class Rig:
    """A pipe of a real request; what it lets through is seen before it is sent."""

    def __init__(self, r: Request, proxy: Proxy) -> None:
        self.r, self.proxy = r, proxy
        self.attempt = Attempt(0.0)
        self.warnings: list[str] = []

    def pipe(self, reader: BodyReader, *, buffering: bool = True, room: int = 100) -> Pipe:
        return Pipe(self.r, self.proxy, reader, buffering, room, self.attempt, self.warnings.append)

    def passed(self) -> bytes:
        out = self.r.connection.out
        data = b"".join(out.staged)
        out.staged.clear()
        return data


@pytest.fixture
def rig(serve: Serve) -> Rig:
    serving = serve(_SERVER)
    location, _ = serving.conf.listeners[0].default.find(b"/")
    assert location.proxy is not None
    return Rig(serving.requested(b"GET / HTTP/1.1\r\nHost: s\r\n\r\n"), location.proxy)


def test_what_has_not_filled_its_buffer_waits(rig: Rig) -> None:
    pipe = rig.pipe(LengthReader(20_000))
    assert pipe.feed(b"x" * 99) is Body.COMING
    assert rig.passed() == b""
    pipe.feed(b"y")
    assert len(rig.passed()) == 100
    pipe.feed(b"z" * 4095)
    assert rig.passed() == b""
    pipe.feed(b"z" * 4098)
    assert len(rig.passed()) == 8192


def test_without_buffering_everything_goes_on_at_once(rig: Rig) -> None:
    pipe = rig.pipe(LengthReader(1000), buffering=False)
    pipe.feed(b"x")
    assert rig.passed() == b"x"


def test_chunks_go_on_as_they_come(rig: Rig) -> None:
    pipe = rig.pipe(ChunkedReader())
    pipe.feed(b"3\r\nabc\r\n")
    assert rig.passed() == b"abc"


_READERS: dict[str, Callable[[], BodyReader]] = {
    "three octets": lambda: LengthReader(3),
    "until the end": UntilCloseReader,
    "chunked": ChunkedReader,
}


@pytest.mark.parametrize(
    ("framing", "pieces", "end"),
    [
        ("three octets", [b"a", b"bc"], Body.WHOLE),
        ("three octets", [b"abcd"], Body.SURPLUS),
        ("three octets", [b"ab", b""], Body.BROKEN),
        ("until the end", [b"ab", b""], Body.CLOSED),
        ("chunked", [b"3\r\nab", b"c\r\n0\r\n\r\n"], Body.WHOLE),
        ("chunked", [b"0\r\n\r\nx"], Body.SURPLUS),
        ("chunked", [b"3\r\nab", b""], Body.BROKEN),
        ("chunked", [b"3\r\nabcd"], Body.INVALID),
    ],
    ids=repr,
)
def test_how_a_body_ends_is_told(rig: Rig, framing: str, pieces: list[bytes], end: Body) -> None:
    pipe = rig.pipe(_READERS[framing]())
    states = [pipe.feed(piece) for piece in pieces]
    assert states[:-1] == [Body.COMING] * (len(pieces) - 1)
    assert states[-1] is end
    if end in (Body.BROKEN, Body.CLOSED):
        assert rig.passed() == b"ab", "what there was is passed on even so"


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sizes=st.lists(st.integers(1, 9000), max_size=12), room=st.integers(0, 4096))
def test_nothing_is_lost_and_only_whole_buffers_leave_before_the_end(
    rig: Rig, sizes: list[int], room: int
) -> None:
    text = random.Random(1).randbytes(sum(sizes) + 1)
    pipe = rig.pipe(LengthReader(len(text)), room=room)
    position, passed = 0, b""
    for size in sizes:
        pipe.feed(text[position : position + size])
        position += size
        passed += rig.passed()
        assert passed == b"" or (len(passed) - room) % rig.proxy.buffer_unit == 0
        assert position - len(passed) < max(room, rig.proxy.buffer_unit)
    assert pipe.feed(text[position:]) is Body.WHOLE
    assert passed + rig.passed() == text


def test_a_slow_client_costs_memory_then_a_file_and_then_the_upstream_waits(rig: Rig) -> None:
    pipe = rig.pipe(LengthReader(1 << 30))
    connection = rig.r.connection
    while connection.flush():
        pipe.feed(bytes(65536))
    states = []
    for _ in range(40):
        pipe.feed(bytes(65536))
        states.append(pipe.push())
        assert connection.out.memory() <= rig.proxy.memory_limit + 65536
    assert states[0]
    assert not states[-1]
    assert states == sorted(states, reverse=True)
    assert rig.warnings == ["an upstream response is buffered to a temporary file"]
    pipe.close()
    connection.close()


def test_without_buffering_the_upstream_waits_at_once(rig: Rig) -> None:
    pipe = rig.pipe(LengthReader(1 << 30), buffering=False)
    while rig.r.connection.flush():
        pipe.feed(bytes(65536))
    assert not pipe.push()
    rig.r.connection.close()


@pytest.mark.parametrize(
    ("method", "head", "reader"),
    [
        (b"GET", b"Content-Length: 3\r\n", LengthReader),
        (b"GET", b"Transfer-Encoding: chunked\r\n", ChunkedReader),
        (b"GET", b"", UntilCloseReader),
        (b"HEAD", b"Content-Length: 3\r\n", LengthReader),
    ],
)
def test_the_framing_follows_from_the_head(rig: Rig, method: bytes, head: bytes, reader: type) -> None:
    parsed = parse.response_head(b"HTTP/1.1 200 OK\r\n%b\r\n" % head)
    assert parsed is not None
    rig.r.method = method
    found = framing_of(rig.r, rig.proxy, parsed[0])
    assert isinstance(found, reader)
    assert found.done is (method == b"HEAD")
