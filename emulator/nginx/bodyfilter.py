"""What a response's body goes through on its way out, as nginx's body filters: sub_filter, charset, gzip.

A filter holds back what it cannot decide yet. `flush` gives what it could already send, `end` all the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from emulator.nginx.request import Request


class BodyFilter(Protocol):
    """The filter of one response."""

    def feed(self, data: bytes) -> bytes: ...
    def flush(self) -> bytes: ...
    def end(self) -> bytes: ...


class Chain:
    """Two filters, one after the other."""

    __slots__ = ("first", "then")

    def __init__(self, first: BodyFilter, then: BodyFilter) -> None:
        self.first, self.then = first, then

    def feed(self, data: bytes) -> bytes:
        return self.then.feed(self.first.feed(data))

    def flush(self) -> bytes:
        return self.then.feed(self.first.flush()) + self.then.flush()

    def end(self) -> bytes:
        return self.then.feed(self.first.end()) + self.then.end()


def attach(r: Request, body_filter: BodyFilter) -> None:
    """Let the body go through this filter, after those that it already goes through."""
    r.transform = body_filter if r.transform is None else Chain(r.transform, body_filter)
