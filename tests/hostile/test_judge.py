"""The judge is judged: what it takes for a request, an answer, a finding; and the corpus says the same."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.oracle.script import Step

from . import answers, requests
from .corpus import ANSWERS, Case, Play, cut, fill, load, plays
from .judge import backend_requests, judge, tunnelled
from .lenient import READERS
from .play import Played, address_of

CASES = load()
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
ONE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def read_one(data: bytes) -> requests.Asked:
    found = requests.read(data)
    assert len(found) == 1
    return found[0]


def post(fields: bytes, body: bytes = b"") -> bytes:
    return b"POST / HTTP/1.1\r\nHost: a\r\n" + fields + b"\r\n\r\n" + body


# the corpus


def test_there_are_more_than_three_hundred_cases_of_each_kind_of_trouble() -> None:
    assert len(CASES) > 1000
    assert len({case.label for case in CASES}) == len(CASES)


_SAYS: dict[str, Callable[[list[requests.Asked]], bool]] = {
    "refuse": lambda found: any(asked.fault for asked in found),
    "sound": lambda found: found[0].sound,
    "either": lambda found: not found or not found[0].fault,
    "cut": lambda found: not found or not found[-1].fault,
}


@pytest.mark.parametrize("kind", _SAYS)
def test_the_strict_reader_says_what_the_corpus_says(kind: str) -> None:
    says = _SAYS[kind]
    assert [
        case.label for case in CASES if case.kind == kind and not says(requests.read(case.octets()))
    ] == []


def test_what_is_whole_and_sound_is_good_and_the_rest_is_not() -> None:
    for case in CASES:
        if case.kind in ANSWERS and case.group == "upstream":
            data = b"".join(step.data for step in case.behind if step.verb == "send")
            ended = any(step.verb in ("close", "reset") for step in case.behind)
            found = [answer for answer in answers.read(data, [b"GET"], ended) if not answer.interim]
            sound = bool(found) and found[0].whole and not found[0].faults and found[0].status != 101
            if case.kind == "good":
                assert sound, case.label


def test_a_cut_sends_the_same_octets() -> None:
    case = next(case for case in CASES if case.label == "pipelining: one that waits for each answer")
    for play in plays(case, 7):
        whole = b"".join(step.data for step in fill(case.steps, play.route, play.number))
        assert b"".join(step.data for step in play.steps if step.verb == "send") == whole


def test_the_rest_of_a_request_is_counted() -> None:
    steps = fill((Step("send", b"Content-Length: {rest}\r\n\r\nhello"),), "/plain", 1)
    assert steps[0].data == b"Content-Length: 5\r\n\r\nhello"


def test_cutting_adds_a_pause_at_each_point() -> None:
    assert [step.data for step in cut((Step("send", b"abcdef"),), [2, 4])] == [b"ab", b"", b"cd", b"", b"ef"]


# requests


def test_requests_follow_each_other_by_their_framing() -> None:
    found = requests.read(
        post(b"Content-Length: 2", b"hi") + post(b"Transfer-Encoding: chunked", b"2\r\nho\r\n0\r\n\r\n") + GET
    )
    assert [asked.body for asked in found] == [b"hi", b"ho", b""]
    assert all(asked.sound for asked in found)


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "3.2 not one Host"),
        (post(b"Content-Length: +5"), "6.3 Content-Length"),
        (post(b"Content-Length: 5\r\nContent-Length: 6"), "6.3 Content-Length"),
        (post(b"Transfer-Encoding: xchunked"), "6.3 chunked is not the final coding"),
        (post(b"Transfer-Encoding : chunked"), "5.1 white space before the colon"),
        (post(b"Transfer-Encoding: chunked", b"5\nhello"), "7.1 a chunk's size"),
        (post(b"Transfer-Encoding: chunked", b"5\r\nhello!"), "7.1 a chunk's end"),
        (b"GET / HTTP/2.0\r\n\r\n", "2.3 version"),
        (b"GET * HTTP/1.1\r\nHost: a\r\n\r\n", "3.2.4 asterisk"),
    ],
)
def test_what_must_be_refused_is_a_fault(data: bytes, fault: str) -> None:
    asked = read_one(data)
    assert asked.fault == fault
    assert asked.closes


@pytest.mark.parametrize(
    "data",
    [
        GET.replace(b"\r\n", b"\n"),
        b"\r\n" + GET,
        post(b"Content-Length: 0, 0"),
        post(b"Content-Length: 0\r\nTransfer-Encoding: chunked", b"0\r\n\r\n"),
        post(b"X: a\r\n b"),
        post(b"X: a\0b"),
    ],
)
def test_what_may_be_put_up_with_is_no_fault_and_not_sound(data: bytes) -> None:
    asked = read_one(data)
    assert asked.whole
    assert not asked.fault
    assert not asked.sound


def test_nothing_is_read_after_both_framings() -> None:
    both = post(b"Content-Length: 99\r\nTransfer-Encoding: chunked", b"0\r\n\r\n")
    assert len(requests.read(both + GET)) == 1


@pytest.mark.parametrize("size", range(len(GET)))
def test_a_part_of_a_request_is_not_whole(size: int) -> None:
    assert not any(asked.whole or asked.fault for asked in requests.read(GET[:size]))


# lenient readers


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("the last Content-Length counts", post(b"Content-Length: 0\r\nContent-Length: 2", b"hi")),
        ("Content-Length before Transfer-Encoding",
         post(b"Content-Length: 2\r\nTransfer-Encoding: chunked", b"0\r\n\r\n")),
        ("a bare LF ends a line", post(b"X: y\nContent-Length: 2", b"hi")),
        ("a bare CR ends a line", post(b"X: y\rContent-Length: 2", b"hi")),
        ("any coding with chunked in it", post(b"Transfer-Encoding: chunked, x", b"2\r\nhi\r\n0\r\n\r\n")),
        ("any name that looks alike", post(b"Content_Length : 2", b"hi")),
        ("a folded line is a line of its own", post(b"X: y\r\n Content-Length: 2", b"hi")),
        ("NUL ends a line", post(b"Content-Length: 2\0, 9", b"hi")),
    ],
)  # fmt: skip
def test_each_lenient_reader_sees_something_else(name: str, data: bytes) -> None:
    plain = next(reader for reader in READERS if reader.name == "the last Content-Length counts")
    reader = next(reader for reader in READERS if reader.name == name)
    first = type(plain)("as it is")
    assert reader.read(data) != first.read(data) or name.startswith(("a folded", "NUL"))
    assert backend_requests(data, 0)[1]


def test_all_readers_agree_on_what_is_sound() -> None:
    data = post(b"X-From: 127.0.0.1 1\r\nContent-Length: 2", b"hi") * 3
    assert backend_requests(data, 0)[1] == []


# answers


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"hello",
    ],
)
def test_an_answer_with_odd_framing_has_a_fault(data: bytes) -> None:
    assert answers.read(data, [b"GET"], ended=True)[0].faults


@pytest.mark.parametrize(
    ("data", "whole"),
    [
        (ONE, True),
        (ONE[:-1], False),
        (b"HTTP/1.1 200 OK\r\n\r\nok", True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n", False),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", True),
    ],
)
def test_an_answer_is_whole_when_its_framing_says_so(data: bytes, whole: bool) -> None:
    found = answers.read(data, [b"GET"], ended=True)
    assert [answer.whole for answer in found] == [whole]
    assert not found[0].faults


# findings


def findings(
    sent: bytes,
    got: bytes,
    kind: str = "either",
    back: bytes = b"",
    behind: bytes = b"",
    ended: bool = False,
    late: bool = False,
) -> list[str]:
    """What the judge finds; `back` is what the backend got."""
    case = Case("group", "name", kind, (Step("send", sent),))
    play = Play(0, case, "/plain", case.steps, (), "whole")
    played = Played(address_of(0), sent, got, ended=ended, late=late)
    seen, texts = backend_requests(back, 0)
    return judge(play, played, seen, behind, True) + [text for _, text in texts]


FROM = f"X-From: {address_of(0)} 1\r\n".encode()
SEEN = b"POST / HTTP/1.1\r\nHost: a\r\n" + FROM


def test_nothing_is_found_in_what_is_sound() -> None:
    assert findings(GET, ONE, "sound", GET[:-2] + FROM + b"\r\n") == []


@pytest.mark.parametrize(
    ("mark", "found"),
    [
        ("(a)", findings(GET, ONE + ONE)),
        ("(a)", findings(post(b"Content-Length: 2", b"hi"), ONE, back=SEEN + b"Content-Length: 1\r\n\r\nh")),
        ("(a)", findings(post(b"Content-Length: 2", b"h"), b"", back=SEEN + b"Content-Length: 1\r\n\r\nh")),
        ("(a)", findings(GET, ONE, back=GET)),
        ("(a)", findings(GET, ONE, back=b"GET / HTTP/1.1\nHost: a\n" + FROM + b"\r\n")),
        ("(b)", findings(GET, ONE[:-2] + b"SECRET-of-somebody-else")),
        ("(c)", findings(GET, ONE[:-1], ended=True)),
        ("(c)", findings(GET, b"HTTP/1.1 101 Switching\r\n\r\n")),
        ("(c)", findings(GET, ONE.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n") + ONE)),
        ("(c)", findings(GET, ONE, "bad", behind=ONE[:-1])),
        ("(d)", findings(GET, b"", late=True)),
        ("(e)", findings(GET, b"", ended=True)),
        ("(e)", findings(GET, ONE.replace(b"OK\r\n", b"OK\r\nX-Seen: 127.9.9.9 1\r\n"))),
        ("(e)", findings(GET, ONE, "good", behind=ONE.replace(b"ok", b"no"))),
        ("(e)", findings(GET, b"HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n", "sound")),
        ("(f)", findings(post(b"Content-Length: x"), ONE)),
        ("(f)", findings(post(b"Content-Length: x"), b"", back=SEEN + b"\r\n")),
        ("(f)", findings(GET[:-2], ONE)),
    ],
)
def test_each_kind_of_trouble_is_found(mark: str, found: list[str]) -> None:
    assert found
    assert {text[:3] for text in found} >= {mark}


def test_a_tunnel_hands_on_what_comes() -> None:
    asked = GET[:-2] + b"Upgrade: x\r\n\r\n"
    case = Case("group", "name", "tunnel", (Step("send", asked),))
    play = Play(0, case, "/ws", case.steps, (), "whole")
    played = Played(address_of(0), asked + b"ping", b"HTTP/1.1 101 S\r\n\r\npong", ended=True)
    assert tunnelled(play, played, b"HTTP/1.1 101 S\r\n\r\npong", b"ping") == []
    assert tunnelled(play, played, b"HTTP/1.1 101 S\r\n\r\npang", b"pin") != []
