"""The judge: what was sent, what came back and what the backend saw -> findings. Pure, and knows only RFCs.

(a) one request never becomes two, and none of its octets another's: RFC 9112 sections 6 and 11.2
(b) no octet of a file outside of the root
(c) the framing towards the client is valid, and truncation shows: RFC 9112 sections 6.3 and 8
(d) every exchange ends in bounded time
(e) what follows is answered, by its own answer
(f) what must be refused gets no 2xx: RFC 9112 sections 2.2, 3.2, 5, 6.1, 6.3, 7.1
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from . import answers, lenient, requests
from .corpus import Play
from .play import Played
from .site import SECRET

# what may go on to a backend as it came: it is about one target or one value, and nothing's framing
_HARMLESS = (
    "3.2 octets of the target",
    "3.2 odd Host",
    "3.2.2 absolute form",
    "9110 5.5 controls in a value",
)
_FROM = re.compile(rb"\r\nX-From: ([0-9.]+|gate) ([0-9]+)\r\n")
_LARGE = 8192
_IDEMPOTENT = (b"GET", b"HEAD", b"PUT", b"DELETE", b"OPTIONS")


@dataclass(frozen=True, slots=True)
class Seen:
    """A request at the backend: of which client, its number there, and on which connection it came."""

    address: str
    number: int
    connection: int
    request: requests.Asked


def backend_requests(raw: bytes, connection: int) -> tuple[list[Seen], list[tuple[str, str]]]:
    """What one connection brought, and what is wrong with it for a strict or for a lenient reader.

    A finding comes with the address of the client whose request it is.
    """
    seen: list[Seen] = []
    found: list[tuple[str, str]] = []
    strict = requests.read(raw)
    for asked in strict:
        sender = _FROM.search(asked.raw)
        address, number = (sender[1].decode(), int(sender[2])) if sender else ("nobody", 0)
        if asked.fault:
            found.append((address, f"(a) the backend got no request: {asked.fault}: {asked.raw[-200:]!r}"))
        elif asked.headed and len(asked.values(b"x-from")) != 1:
            found.append(("nobody", f"(a) the backend got a request of nobody: {asked.raw[:200]!r}"))
        elif asked.headed:
            seen.append(Seen(address, number, connection, asked))
            found += [
                (address, f"(a) the backend got {what}: {asked.raw[:300]!r}") for what in _unclean(asked)
            ]
    if not found:
        found += [(seen[-1].address if seen else "nobody", text) for text in _readers_differ(raw, strict)]
    return seen, found


def _readers_differ(raw: bytes, strict: list[requests.Asked]) -> Iterator[str]:
    whole = [(asked.raw.partition(b"\r\n")[0], asked.body) for asked in strict if asked.whole]
    for reader in lenient.READERS:
        if reader.read(raw)[: len(whole) + 1] != whole:
            yield f"(a) a backend sees other requests where {reader.name}: {raw[-300:]!r}"


def _unclean(asked: requests.Asked) -> Iterator[str]:
    for what in asked.allowed:
        if what not in _HARMLESS:
            yield f"what a proxy must not send ({what})"
    head = asked.raw.partition(b"\r\n\r\n")[0]
    if b"\0" in head or b"\r" in head.replace(b"\r\n", b""):
        yield "NUL or CR within a line"


def judge(play: Play, played: Played, seen: list[Seen], sent_back: bytes, back_ended: bool) -> list[str]:
    """All findings of one play."""
    asked = played.asked()
    answered = played.answered(asked)
    finals = [answer for answer in answered if not answer.interim]
    for i, answer in enumerate(finals):
        if answer.status == 101:
            asked = asked[: i + 1]
    found = list(_bounds(played))
    found += _framing(play, played, asked, answered)
    found += _refusals(play, asked, finals)
    found += _owners(played, finals)
    if not (played.left or played.late or played.shut or play.case.kind in ("bad", "any")):
        found += _unanswered(play, asked, finals)
    found += _forwarded(asked, seen, finals)
    if play.case.answers and finals:
        found += _passed_on(play, finals[0], sent_back, back_ended)
    return found


def _bounds(played: Played) -> Iterator[str]:
    if played.late:
        yield f"(d) nothing more happened; so far {played.got[-120:]!r}"
    if SECRET in played.got:
        yield "(b) a file from outside of the root"


def _framing(
    play: Play, played: Played, asked: list[requests.Asked], answered: list[answers.Answered]
) -> Iterator[str]:
    """RFC 9112 sections 4 to 8; RFC 9110 section 7.8 for 101."""
    closing = False
    index = 0
    for answer in answered:
        request = asked[index] if index < len(asked) else None
        for fault in answer.faults:
            yield f"(c) {fault}"
        if closing:
            yield "(c) an answer after one that closes"
        if request is not None and request.version < 11 and request.headed:
            if answer.framing == "chunked":
                yield "(c) a chunked answer to HTTP/1.0"
            if answer.interim:
                yield "(c) an interim answer to HTTP/1.0"
        if answer.status == 101 and request is not None and not request.values(b"upgrade"):
            yield "(c) a 101 that nobody asked for"
        cut_off = answer.framing != "none" and not answer.whole and played.ended
        if cut_off and not (play.case.answers or played.shut or played.left):
            yield f"(c) an answer is cut off: {answer.status} {answer.body[:60]!r}"
        closing = closing or (answer.closes and not answer.interim)
        index += not answer.interim


def _refusals(play: Play, asked: list[requests.Asked], finals: list[answers.Answered]) -> Iterator[str]:
    if len(finals) > len(asked):
        yield f"(a) {len(finals)} answers to {len(asked)} requests"
    for request, answer in zip(asked, finals, strict=False):
        good = 200 <= answer.status < 300
        early = request.headed and not answer.values(b"x-seen")
        if good and request.fault and not (early and request.fault.startswith("7.")):
            yield f"(f) {answer.status} to what must be refused: {request.fault}"
        if good and not request.headed and not request.fault:
            yield f"(f) {answer.status} to half a head"
        if play.case.kind == "sound" and request.sound and answer.status in (400, 500, 502, 504):
            yield f"(e) {answer.status} to a sound request"


def _owners(played: Played, finals: list[answers.Answered]) -> Iterator[str]:
    for i, answer in enumerate(finals):
        for owner in answer.values(b"x-seen"):
            if owner.decode() != f"{played.address} {i + 1}":
                yield f"(e) answer {i + 1} belongs to {owner!r}"


def _unanswered(play: Play, asked: list[requests.Asked], finals: list[answers.Answered]) -> Iterator[str]:
    """RFC 9112 section 9.3: each sound request is answered unless an answer before it closed.

    Who answers before a body has come may also close without having read it, and who refuses what is too
    large may lose the answer by closing (section 9.6).
    """
    for i, request in enumerate(asked):
        before = asked[i - 1] if i else None
        if (
            not request.sound
            or len(request.raw) > _LARGE
            or (i and i <= len(finals) and finals[i - 1].closes)
        ):
            return
        if i >= len(finals):
            unread = before is not None and before.framing != "none" and play.case.kind != "sound"
            if request.whole and not unread:
                yield f"(e) request {i + 1} got no answer: {request.raw[:80]!r}"
            return


def _forwarded(
    asked: list[requests.Asked], seen: list[Seen], finals: list[answers.Answered]
) -> Iterator[str]:
    """RFC 9112 section 11.2: what the backend takes for a request is one that the client has sent."""
    for item in seen:
        if item.number > len(asked):
            yield f"(a) the backend got request {item.number} of {len(asked)}: {item.request.raw[:200]!r}"
            continue
        request, copy = asked[item.number - 1], item.request
        if not copy.whole:
            continue
        if request.fault:
            yield f"(f) the backend got what must be refused: {request.fault}: {copy.raw[:200]!r}"
        elif not request.whole:
            yield f"(a) half a request became a whole one: {copy.raw[:200]!r}"
        elif copy.body != request.body:
            yield f"(a) another body at the backend: {copy.body[:80]!r} for {request.body[:80]!r}"
        elif copy.method != request.method:
            yield f"(a) another method at the backend: {copy.method!r}"
    counts = Counter(item.number for item in seen if item.request.whole)
    for number, count in counts.items():
        if count > 1 and number <= len(asked) and asked[number - 1].method not in _IDEMPOTENT:
            yield f"(a) request {number} came to the backend {count} times"


def _passed_on(play: Play, got: answers.Answered, sent_back: bytes, back_ended: bool) -> Iterator[str]:
    """RFC 9112 section 8: an answer is passed on as it is, or it shows that something is missing."""
    method = play.steps[0].data.partition(b" ")[0]
    back = [answer for answer in answers.read(sent_back, [method], back_ended) if not answer.interim]
    if play.case.kind == "bad" and got.whole and got.status < 500:
        yield f"(c) {got.status} for an answer that is none: {got.body[:80]!r}"
    elif play.case.kind == "good" and back:
        same = got.whole and (got.status, got.body) == (back[0].status, back[0].body)
        if not same:
            yield f"(e) {got.status} {got.body[:80]!r} instead of {back[0].status} {back[0].body[:80]!r}"


def tunnelled(play: Play, played: Played, sent_back: bytes, arrived: bytes | None) -> list[str]:
    """RFC 9110 section 7.8: after a 101 each side gets the other's octets, and without one nothing does."""
    asked = played.asked()
    finals = played.finals(asked)
    last = next((i for i, answer in enumerate(finals) if answer.status == 101), None)
    if last is None:
        return [] if arrived is None or play.case.kind == "bad" else ["(e) a tunnel at the backend alone"]
    mine = played.sent[sum(len(request.raw) for request in asked[: last + 1]) :]
    found = []
    if mine != (arrived or b"") and not played.left:
        found.append(f"(e) {arrived!r} went through the tunnel instead of {mine!r}")
    if not sent_back.endswith(finals[last].body):
        found.append(f"(e) {finals[last].body!r} came out of the tunnel")
    return found
