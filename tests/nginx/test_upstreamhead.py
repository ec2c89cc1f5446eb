"""The head of an upstream's answer: the final one, in one piece or many, within its buffer."""

from __future__ import annotations

import pytest

from emulator.http1.message import BadMessage, ResponseHead
from emulator.nginx.upstreamhead import final_head, stays_open

FINAL = b"HTTP/1.1 200 OK\r\nA: 1\r\n\r\n"
INTERIM = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"


class Interim:
    """Counts what comes before the final head."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    def on_interim(self, head: ResponseHead, size: int) -> None:
        self.seen.append(head.status)


def test_a_head_comes_with_what_follows_it() -> None:
    arrived = final_head(FINAL + b"body", 4096, Interim())
    head, rest, size = arrived
    assert head is not None
    assert (head.status, rest, size) == (200, b"body", len(FINAL))


def test_interim_heads_are_passed_over() -> None:
    interim = Interim()
    head, _, size = final_head(INTERIM + FINAL, 4096, interim)
    assert head is not None
    assert (head.status, size, interim.seen) == (200, len(FINAL), [100, 103])


def test_what_has_been_passed_over_is_not_read_again() -> None:
    interim = Interim()
    head, rest, _ = final_head(INTERIM + FINAL[:9], 4096, interim)
    assert (head, rest, interim.seen) == (None, FINAL[:9], [100, 103])


def test_switching_protocols_is_final() -> None:
    head, rest, _ = final_head(b"HTTP/1.1 101 Switching Protocols\r\n\r\nraw", 4096, Interim())
    assert head is not None
    assert (head.status, rest) == (101, b"raw")


@pytest.mark.parametrize("data", [FINAL, INTERIM + FINAL])
def test_every_part_of_a_head_is_incomplete(data: bytes) -> None:
    for at in range(len(data)):
        assert final_head(data[:at], 4096, Interim())[0] is None, f"cut after {at}"


def test_a_head_that_outgrows_its_buffer_is_refused_when_the_buffer_is_full() -> None:
    data = b"HTTP/1.1 200 OK\r\nA: " + b"x" * 200
    assert final_head(data, 1000, Interim()) == (None, data, 0)
    with pytest.raises(BadMessage, match="upstream sent too big header"):
        final_head(data, 200, Interim())
    with pytest.raises(BadMessage, match="upstream sent too big header"):
        final_head(data + b"\r\n\r\n", 200, Interim())


def test_what_is_wrong_is_said_without_the_circumstances() -> None:
    with pytest.raises(BadMessage) as caught:
        final_head(b"hello\r\n", 4096, Interim())
    assert str(caught.value) == "upstream sent no valid HTTP/1.0 header"


@pytest.mark.parametrize(
    ("version", "connection", "open_"),
    [
        (b"1.1", b"", True),
        (b"1.1", b"Connection: close\r\n", False),
        (b"1.1", b"Connection: Keep-Alive\r\n", True),
        (b"1.0", b"", False),
        (b"1.0", b"Connection: keep-alive\r\n", False),
    ],
)
def test_only_http_1_1_keeps_a_connection_open_unless_its_field_says_otherwise(
    version: bytes, connection: bytes, open_: bool
) -> None:
    head, _, _ = final_head(b"HTTP/%b 200 OK\r\n%b\r\n" % (version, connection), 4096, Interim())
    assert head is not None
    assert stays_open(head) is open_
