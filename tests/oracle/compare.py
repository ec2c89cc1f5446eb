"""Plays an exchange on both sides and renders each outcome as lines that are equal or show the difference."""

from __future__ import annotations

import difflib
import re
from dataclasses import replace
from pathlib import Path

from .answer import Answer, body_lines, lines, show, unpacked
from .casefile import Exchange
from .client import Client, Transcript, fence
from .differences import explains, normalise
from .servers import Pair, Side
from .upstream import Seen

_ERROR = re.compile(rb"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[(\w+)\] \d+#\d+: (?:\*\d+ )?(.*)\Z", re.DOTALL)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding: *chunked\r\n", re.IGNORECASE)
_LOUD = (b"warn", b"error", b"crit", b"alert", b"emerg")


NOT_BUILT = "is not supported by the emulator yet"


class Different(AssertionError):
    """The two outcomes differ, or do not differ where they should: a diff, nginx first."""


class NotBuilt(Exception):
    """Ours refuses the scene at start since a directive is not built yet, as the docs say."""


def compare(pair: Pair, exchange: Exchange) -> None:
    """Raise Different unless both sides do the same, or differ as the exchange says on purpose."""
    if pair.fault is not None:
        raise (
            NotBuilt(pair.fault) if NOT_BUILT in pair.fault else Different(f"ours does not run: {pair.fault}")
        )
    theirs, ours = outcome(pair.reference, exchange), outcome(pair.candidate, exchange)
    if exchange.differs and pair.candidate.command.argv != pair.reference.command.argv:
        if theirs == ours or not explains(exchange.differs, theirs, ours):
            raise Different(f"{exchange.differs} does not explain this (any more):\n" + diff(theirs, ours))
    elif theirs != ours:
        raise Different(diff(theirs, ours))
    elif "[no end in sight]" in theirs:
        raise Different("both left us waiting:\n" + "\n".join(theirs))


def diff(theirs: list[str], ours: list[str]) -> str:
    found = difflib.unified_diff(theirs, ours, "nginx", "ours", lineterm="", n=30)
    return "\n".join(line for line in found if not line.startswith("@@"))


def outcome(side: Side, exchange: Exchange) -> list[str]:
    """All that one side made of an exchange, normalised and rendered."""
    logs = {name: path.stat().st_size for name, path in side.logs().items()}
    side.upstreams.begin(exchange.octets)
    steps = tuple(replace(step, data=side.fill_bytes(step.data)) for step in exchange.steps)
    port, signals = side.ports[exchange.port], side.upstreams.signals
    client = Client(port, replace(exchange, steps=steps), signals, side.change, side.kept)
    text = _answers(side, client.play())
    if side.upstreams.ports or exchange.checks:
        fence(side.ports["fence"])
    if side.upstreams.ports:
        quiet = side.upstreams.settle()
        text += _seen(side, side.upstreams.take())
        text += [] if quiet else ["<upstream> [busy still]"]
    return text + _logged(side, exchange.checks, logs)


def _answers(side: Side, transcript: Transcript) -> list[str]:
    text = [f"<tls> {transcript.agreed}"] if transcript.agreed else []
    for answer in transcript.answers:
        text += lines(_normal(side, answer))
    for answer in transcript.tail:
        text += ["[after that]", *lines(_normal(side, answer))]
    return [*text, f"[{transcript.end}]"]


def _normal(side: Side, answer: Answer) -> Answer:
    answer = unpacked(answer)
    head = normalise("head", side_normal(side, answer.head))
    body = normalise("body", side_normal(side, bytes(answer.body)))
    return replace(answer, head=head, body=bytearray(body), trailers=side_normal(side, answer.trailers))


def side_normal(side: Side, data: bytes) -> bytes:
    """The side's own ports and paths -> their placeholders."""
    for name, port in side.ports.items():
        number = b"%d" % port
        if number in data:
            data = re.sub(rb"(?<!\d)%b(?!\d)" % number, b"{%b}" % name.encode(), data)
    for name, sid in side.sids().items():
        data = data.replace(sid.encode(), b"{%b}" % name.encode())
    return data.replace(str(side.prefix).encode(), b"{prefix}")


def _seen(side: Side, connections: list[Seen]) -> list[str]:
    text = []
    for seen in connections:
        text.append(f"<upstream {seen.server}> [{'new' if seen.new else 'kept'} connection{seen.agreed}]")
        raw = normalise("upstream", side_normal(side, _dechunked(seen.raw)))
        text += [f"<upstream {seen.server}> {line}" for line in body_lines(raw.replace(b"\r\n", b"\n"))]
        text.append(f"<upstream {seen.server}> [{seen.end}]")
    return text


def _dechunked(raw: bytes) -> bytes:
    """Chunks joined: where nginx cuts them depends on when the client's bytes came."""
    head, mark, rest = raw.partition(b"\r\n\r\n")
    if not _CHUNKED.search(head + mark):
        return raw
    body = bytearray()
    while found := re.match(rb"([0-9a-fA-F]+)\r\n", rest):
        size = int(found[1], 16)
        body += rest[found.end() : found.end() + size]
        rest = rest[found.end() + size + 2 :]
        if size == 0:
            return head + mark + b"{chunks}" + bytes(body) + b"{end}" + (rest and _dechunked(rest))
    return head + mark + b"{chunks}" + bytes(body) + rest


def _logged(side: Side, checks: frozenset[str], sizes: dict[str, int]) -> list[str]:
    text = []
    for name, path in side.logs().items():
        if name == "error" and checks & {"error", "info"}:
            text += [f"<error> {line}" for line in _errors(side, _added(path, sizes.get(name, 0)), checks)]
        elif name != "error" and "access" in checks:
            data = normalise("access", side_normal(side, _added(path, sizes.get(name, 0))))
            text += [f"<{name}> {show(line)}" for line in data.split(b"\n") if line]
    return text


def _added(path: Path, size: int) -> bytes:
    with path.open("rb") as file:
        file.seek(size)
        return file.read()


def _errors(side: Side, data: bytes, checks: frozenset[str]) -> list[str]:
    """The lines of the levels asked for; where one of 2 KiB is cut depends on the digits of the pid."""
    text = []
    for raw in data.split(b"\n"):
        line = normalise("error", side_normal(side, raw if len(raw) < 2040 else raw[:1900]))
        found = _ERROR.match(line)
        if not found:
            text += [show(line)] if line else []
        elif found[1] in _LOUD or ("info" in checks and found[1] == b"info"):
            text.append(f"[{found[1].decode()}] {show(found[2])}")
    return text
