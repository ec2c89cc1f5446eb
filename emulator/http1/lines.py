"""A head on its way out: a part is a line, whatever a variable has put into it."""

from __future__ import annotations


def join(start: bytes, lines: list[bytes]) -> bytes:
    """`start` as it is, then the lines, each with its CRLF; any other CR or LF in one is dropped.

    A decoded `$uri` may hold them, and would split a response, or make two requests of one.
    """
    head = b"".join(lines)
    count = len(lines)
    if head.count(b"\n") != count or head.count(b"\r") != count:
        head = b"".join([line[:-2].translate(None, b"\r\n") + b"\r\n" for line in lines])
    return start + head
