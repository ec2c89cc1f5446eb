"""One range of a body that comes from an upstream (proxy_force_ranges, ngx_http_range_singlepart_body)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.nginx.bodyfilter import attach

if TYPE_CHECKING:
    from emulator.nginx.request import Request


class RangeSlice:
    """Lets through what lies between two offsets."""

    __slots__ = ("_at", "_end", "_start")

    def __init__(self, start: int, end: int) -> None:
        self._start, self._end = start, end
        self._at = 0

    def feed(self, data: bytes) -> bytes:
        at = self._at
        self._at += len(data)
        return data[max(0, self._start - at) : max(0, self._end - at)]

    def flush(self) -> bytes:
        return b""

    def end(self) -> bytes:
        return b""


def slice_body(r: Request) -> None:
    """Cut the body to the range that the head promises, if it does."""
    if r.status == 206 and r.ctx is not None and "ranges" in r.ctx:
        ((_, start, end),) = r.ctx["ranges"]
        attach(r, RangeSlice(start, end))
