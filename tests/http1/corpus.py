"""The corpus: a file holds a message, a line of dashes, and what the parser makes of it.

In the message a line end counts only where it is written: `\\r`, `\\n`, `\\x00`, `\\t` and `\\\\` are the
only escapes. Below the dashes stand the parts of a head, one a line, or the status and reason of a refusal.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from emulator.http1.message import BadMessage, Header, RequestHead, ResponseHead

FOLDER = Path(__file__).parent / "corpus"
_ESCAPE = re.compile(rb"\\(r|n|t|\\|x[0-9a-f]{2})")
_LETTERS = {b"r": b"\r", b"n": b"\n", b"t": b"\t", b"\\": b"\\"}


@dataclass(frozen=True, slots=True)
class Case:
    """One file of the corpus."""

    name: str
    message: bytes
    expected: str


def cases(folder: str) -> list[Case]:
    """All cases below a folder; the tests run each of them."""
    found = []
    for path in sorted((FOLDER / folder).glob("*.http")):
        text, dashes, expected = path.read_bytes().partition(b"----\n")
        assert dashes, f"{path} says nothing of what is expected"
        message = _ESCAPE.sub(_unescape, text.replace(b"\n", b""))
        found.append(Case(path.stem, message, expected.decode().rstrip("\n")))
    assert found, f"no case in {folder}"
    return found


def _unescape(found: re.Match[bytes]) -> bytes:
    code = found[1]
    return _LETTERS[code] if code in _LETTERS else bytes.fromhex(code[1:].decode())


def _text(data: bytes) -> str:
    return repr(data)[2:-1]


def _fields(headers: list[Header]) -> list[str]:
    return [f"{_text(name)}: {_text(value)}" for name, value, _ in headers]


def request(head: RequestHead, rest: bytes) -> str:
    """A request head as the corpus writes it."""
    lines = [
        f"{_text(head.method)} {_text(head.raw_uri)} version={head.version} {_text(head.protocol)}".rstrip()
    ]
    if head.authority is not None:
        lines.append(f"authority={_text(head.authority)} scheme={_text(head.scheme or b'')}")
    lines += _fields(head.headers)
    lines += [f"ignored after {before}: {_text(line)}" for line, before in head.ignored or ()]
    return "\n".join([*lines, *([f"rest={_text(rest)}"] if rest else [])])


def response(head: ResponseHead, rest: bytes) -> str:
    """A response head as the corpus writes it."""
    reason = "without reason" if head.reason is None else f"reason={_text(head.reason)}."
    lines = [f"{head.status} version={head.version} {reason}", *_fields(head.headers)]
    return "\n".join([*lines, *([f"rest={_text(rest)}"] if rest else [])])


def refusal(bad: BadMessage) -> str:
    """A refusal as the corpus writes it."""
    return f"{bad.status} {bad}"
