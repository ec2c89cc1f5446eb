"""The head of an upstream's response as it comes in (ngx_http_upstream_process_header). Pure."""

from __future__ import annotations

from typing import Protocol

from emulator.http1 import parse
from emulator.http1.message import BadMessage, ResponseHead

INTERIM = 4  # times the limit of one head is what all 1xx before the final one may take together
_WHILE = " while reading response header from upstream"


def stays_open(head: ResponseHead) -> bool:
    """Whether the connection can serve again after the response."""
    return head.version >= 11 and b"close" not in head.index.get(b"connection", b"").lower()


class Reader(Protocol):
    """Who wants to know of what comes before the final head."""

    def on_interim(self, head: ResponseHead, size: int) -> None: ...


def final_head(data: bytes, limit: int, reader: Reader) -> tuple[ResponseHead | None, bytes, int]:
    """The head at the start of `data`, past those of 1xx (101 is final), with what follows it and its size.

    While more is needed: None, with what there is of it. BadMessage with nginx's reason where it gives up.
    """
    try:
        while True:
            parsed = parse.response_head(data)
            if parsed is None or parsed[1] > limit:
                if len(data) >= limit:
                    raise BadMessage(502, "upstream sent too big header")
                return None, data, 0
            head, size = parsed
            rest = data[size:]
            if head.status >= 200 or head.status == 101:
                return head, rest, size
            data = rest
            reader.on_interim(head, size)
    except BadMessage as bad:
        raise BadMessage(bad.status, str(bad).removesuffix(_WHILE)) from None
