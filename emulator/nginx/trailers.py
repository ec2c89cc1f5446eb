"""The trailers of an upstream's answer, for proxy_pass_trailers (ngx_http_proxy_process_trailer)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.http1 import parse
from emulator.http1.body import ChunkedReader
from emulator.http1.message import BadMessage, Header
from emulator.nginx.proxy import FRAMING

if TYPE_CHECKING:
    from emulator.nginx.proxy import Proxy
    from emulator.nginx.request import Request

_RULES = parse.HeaderRules(ignore_invalid=False, underscores=True)
_INVALID = 'upstream sent invalid trailer: "%s"'


class TrailerReader(ChunkedReader):
    """A chunked body whose trailers are kept, of `most` octets in all; lines may end as in a head."""

    __slots__ = ("_most", "trailers")

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most
        self.trailers: list[Header] = []

    def _trailer(self, data: bytes, position: int, payload: list[bytes]) -> int:
        end = data.find(b"\n", position)
        size = (len(data) if end < 0 else end + 1) - position
        if size > self._most:
            raise BadMessage(502, "upstream sent too big trailers")
        if end < 0:
            return -1
        self._most -= size
        line = data[position:end]
        if line in (b"", b"\r"):
            self.done = True
        else:
            field = parse.header_line(line, _RULES, _INVALID)
            if field is not None:
                self.trailers.append(field)
        return end + 1

    _STEPS = (*ChunkedReader._STEPS[:3], _trailer)  # type: ignore[assignment]


def pass_trailers(proxy: Proxy, r: Request, trailers: list[Header]) -> None:
    """Let the client have them after the body, but for those that are hidden."""
    if r.trailers_out is not None:
        hidden = proxy.hidden - FRAMING
        r.trailers_out.extend((name, value) for name, value, lower in trailers if lower not in hidden)
