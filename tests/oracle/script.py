"""The language of `.case` files for bytes on the wire: text -> steps.

Each line stands for itself and a CRLF. `\\r \\n \\t \\0 \\\\ \\xHH` are octets; a backslash at the end of
a line takes its CRLF away. `<<A*300>>` is 300 times `A`. A line of its own in angle brackets is a step:

    <split>        end this write; go on when the other side has read it
    <await>        read one more answer (an interim one counts)      <await "text">   read until text came
    <signal name>  let whoever waits for `name` go on                <wait name>      wait for that
    <shutdown>     send FIN, keep reading      <close>  close        <reset>          close with RST
    <put PATH "text">   put a new file in the place of one under {root}; <put PATH> an empty one
    <rewrite PATH "text">   the same file gets another content     <remove PATH>   the file or link goes
    <early>        upstream only: answer after the head, without waiting for the body
    <hold>         upstream only: stay silent until the other side closes
    <echo>         upstream only: from here on return what comes, until it closes
    <next>         upstream only: what follows answers the next request on this path
"""

from __future__ import annotations

import re
from dataclasses import dataclass

STEPS = frozenset(
    ["split", "await", "signal", "wait", "shutdown", "close", "reset", "early", "hold", "echo", "next"]
)
FILES = frozenset(["put", "rewrite", "remove"])
_STEP = re.compile(r'<([a-z]+)(?: (?:"((?:[^"\\]|\\.)*)"|([^<>*"]+)))?>\Z')
_FILE_STEP = re.compile(r'<([a-z]+) ([^ ">]+)(?: "((?:[^"\\]|\\.)*)")?>\Z')
_ESCAPE = re.compile(r"\\x([0-9a-fA-F]{2})|\\(.)", re.DOTALL)
_REPEAT = re.compile(rb"<<(.+?)\*([0-9]+)>>", re.DOTALL)
_SIMPLE = {"r": b"\r", "n": b"\n", "t": b"\t", "0": b"\0", "\\": b"\\", "|": b"|"}


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do; `verb` is "send" for bytes, else a word of STEPS or FILES."""

    verb: str
    data: bytes = b""
    path: str = ""


def octets(text: str) -> bytes:
    """Escapes and repetitions of one piece of text, without any CRLF added."""
    out, at = bytearray(), 0
    for match in _ESCAPE.finditer(text):
        out += text[at : match.start()].encode()
        if match[1]:
            out.append(int(match[1], 16))
        elif match[2] in _SIMPLE:
            out += _SIMPLE[match[2]]
        else:
            raise ValueError(f"unknown escape {match[0]!r}")
        at = match.end()
    out += text[at:].encode()
    return _REPEAT.sub(lambda found: found[1] * int(found[2]), bytes(out))


def steps(lines: list[str]) -> tuple[Step, ...]:
    """Lines of a section -> steps, neighbouring bytes joined to one write."""
    out: list[Step] = []
    pending = bytearray()
    for line in lines:
        step = _special(line)
        if step:
            if pending:
                out.append(Step("send", bytes(pending)))
                pending.clear()
            out.append(step)
        elif _continues(line):
            pending += octets(line[:-1])
        else:
            pending += octets(line) + b"\r\n"
    if pending:
        out.append(Step("send", bytes(pending)))
    return tuple(out)


def _special(line: str) -> Step | None:
    found = _FILE_STEP.match(line)
    if found and found[1] in FILES:
        return Step(found[1], octets(found[3] or ""), found[2])
    found = _STEP.match(line)
    return Step(found[1], octets(found[2] or found[3] or "")) if found and found[1] in STEPS else None


def _continues(line: str) -> bool:
    return (len(line) - len(line.rstrip("\\"))) % 2 == 1


def request_line_steps(line: str) -> tuple[Step, ...]:
    """The short form `METHOD TARGET | Header: value … || body` of a whole HTTP/1.1 request."""
    head, _, body = line.partition(" || ")
    parts = re.split(r"(?<!\\) \| ", head)
    headers = [part.strip() for part in parts[1:]]
    if not any(header.lower().startswith(("host:", "nohost")) for header in headers):
        headers.insert(0, "Host: localhost")
    headers = [header for header in headers if header.lower() != "nohost"]
    first = parts[0] if re.search(r" HTTP/\d", parts[0]) else f"{parts[0].strip()} HTTP/1.1"
    data = b"".join(octets(item) + b"\r\n" for item in [first, *headers, ""]) + octets(body)
    return (Step("send", data),)
