"""The harness itself: its language, its framing, and that real nginx never differs from itself."""

from __future__ import annotations

import socket

import pytest

from .answer import Answer, Reader
from .casefile import CaseError, Exchange, Scene, load
from .client import methods_sent
from .compare import compare
from .differences import NORMALISED, ON_PURPOSE, table
from .drained import End, end
from .script import Step, octets, request_line_steps, steps
from .servers import Command, Pair
from .shrink import case_text, script_lines, smallest
from .test_cases import CASES, SCENES, reference
from .upstream import Loop

ANSWERS = (
    b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n0\r\nT: 1\r\n\r\n"
    b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"
    b"HTTP/1.1 200 OK\r\n\r\nuntil close"
)


def test_a_line_stands_for_itself_and_a_crlf_unless_it_ends_with_a_backslash() -> None:
    assert steps(["a", "b\\", "c\\\\", ""]) == (Step("send", b"a\r\nbc\\\r\n\r\n"),)


def test_steps_part_the_bytes() -> None:
    assert steps(["a", "<split>", "b\\", '<await "x y">', "<signal go>"]) == (
        Step("send", b"a\r\n"),
        Step("split"),
        Step("send", b"b"),
        Step("await", b"x y"),
        Step("signal", b"go"),
    )


def test_escapes_and_repetitions() -> None:
    assert octets(r"\x00\t<<ab*3>>\r\n") == b"\x00\tababab\r\n"
    with pytest.raises(ValueError, match="unknown escape"):
        octets(r"\q")


def test_the_short_form_is_a_whole_request() -> None:
    assert request_line_steps("POST /x | A: 1 || body")[0].data == (
        b"POST /x HTTP/1.1\r\nHost: localhost\r\nA: 1\r\n\r\nbody"
    )
    assert request_line_steps("GET / HTTP/1.0 | nohost")[0].data == b"GET / HTTP/1.0\r\n\r\n"


def test_the_answers_are_the_same_however_the_bytes_are_cut() -> None:
    whole = _read([ANSWERS])
    assert [answer.framing for answer in whole] == ["none", "length", "chunked", "none", "close"]
    assert whole[2].trailers == b"T: 1\r\n"
    for cut in range(1, len(ANSWERS)):
        assert _read([ANSWERS[:cut], ANSWERS[cut:]]) == whole


def _read(pieces: list[bytes]) -> list[Answer]:
    reader = Reader([b"GET"] * 4)
    for piece in pieces:
        reader.feed(piece)
    reader.closed()
    assert all(answer.complete for answer in reader.answers)
    return list(reader.answers)


@pytest.mark.parametrize(
    ("sent", "methods"),
    [
        (b"GET / HTTP/1.1\r\n\r\nHEAD / HTTP/1.1\n\n", [b"GET", b"HEAD"]),
        (b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\n\r\n", [b"POST", b"GET"]),
        (b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nab", []),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nT: 1\r\n\r\n", [b"POST"]),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n", []),
        (b"GET /\r\n", [b"0.9"]),
        (b"GET / HTTP/1.1\r\n", []),
    ],
)
def test_complete_requests_are_counted(sent: bytes, methods: list[bytes]) -> None:
    assert methods_sent(sent) == methods


def test_what_the_other_end_has_not_read_is_known() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()) as client,
        listener.accept()[0] as server,
    ):
        here, there = client.getsockname(), client.getpeername()
        if end(there, here) is None:
            pytest.skip("only Linux tells")
        client.sendall(b"abc")
        assert end(there, here) == End(1, 3)
        server.recv(2)
        assert end(there, here) == End(1, 1)
        server.recv(2)
        server.close()
        closed = end(there, here)
        assert closed is not None
        assert not closed.open


def test_a_file_that_does_not_follow_the_form_is_named(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("cases")
    (folder / "x.case").write_text("--- conf\n--- sned x\n")
    with pytest.raises(CaseError, match=r"x\.case: unknown section `--- sned`"):
        load(folder / "x.case", folder)


def test_there_are_cases_enough() -> None:
    assert sum(len(scene.exchanges) for scene in SCENES) >= 1500


def test_every_difference_has_a_name_of_its_own_a_reason_and_a_case() -> None:
    ids = [item.id for item in (*NORMALISED, *ON_PURPOSE)]
    assert len(ids) == len(set(ids))
    used = {exchange.differs for scene in SCENES for exchange in scene.exchanges if exchange.differs}
    assert used == {item.id for item in ON_PURPOSE}
    assert all(item.reason.endswith(".") for item in (*NORMALISED, *ON_PURPOSE))
    assert table().count("\n") == len(ON_PURPOSE) + 1


@pytest.mark.parametrize("name", ["article/article", "proxy/streaming", "upstream/peers", "logs/access"])
def test_nginx_does_not_differ_from_itself(name: str) -> None:
    scene = next(scene for scene in SCENES if scene.name == name)
    loop = Loop()
    pair = Pair(scene, reference(), Command("again", reference().argv), loop)
    try:
        for exchange in scene.exchanges:
            compare(pair, exchange)
    finally:
        pair.stop()
        loop.stop()


def test_cases_are_where_their_group_says() -> None:
    assert {path.parent.parent for path in CASES.rglob("*.case")} == {CASES}


@pytest.mark.parametrize(
    "data", [b"a\r\nb\r\n\r\n", b"a\n\r", b"<split>\r\n", b"--- x\r\n\\", b"k" * 3000, b"\0\xff"]
)
def test_steps_are_written_as_they_are_read(data: bytes) -> None:
    script = (Step("send", data), Step("split"), Step("send", b"x"), Step("await", b'"'))
    assert steps(script_lines(script)) == script


def test_what_does_not_matter_for_a_failure_is_left_out() -> None:
    conf = "map $a $b { default 1; }\nserver {\n  a;\n  location / {\n    bad;\n    c;\n  }\n}\n"
    send = Step("send", b"GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n\r\n")
    scene = Scene("x", conf, exchanges=[Exchange("one", (send,)), Exchange("two", (send,))])
    least = smallest(scene, lambda each: "bad;" in each.conf and b"Host" in each.exchanges[-1].steps[0].data)
    assert least.conf.split() == ["server", "{", "location", "/", "{", "bad;", "}", "}"]
    assert [each.steps[0].data for each in least.exchanges] == [b"Host: a\r\n\r\n"]
    assert "--- send what was drawn (0)\nHost: a\n" in case_text(least)
