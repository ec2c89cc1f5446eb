"""$invalid_referer: whether a request comes from an unexpected place (ngx_http_referer_module.c)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from emulator.nginx.conf import ENCODING
from emulator.nginx.directives import Context
from emulator.nginx.hosttable import HostTable

if TYPE_CHECKING:
    from emulator.nginx.directives import Block
    from emulator.nginx.modules.referer import Referers

_SHORTEST = len(b"http://i.ru")
_LONGEST_HOST = 256
_HOST_END = re.compile(rb"[/:]")

Patterns = tuple[re.Pattern[bytes], ...]


class Valid:
    """What a location takes for valid."""

    __slots__ = ("_blocked", "_hosts", "_names", "_none", "_patterns")

    def __init__(self, block: Block, hostname: str) -> None:
        own = next(each for each in block.around() if "valid_referers" in each.values)
        lines: tuple[Referers, ...] = own.values["valid_referers"]
        self._none = any(line.none for line in lines)
        self._blocked = any(line.blocked for line in lines)
        self._hosts: HostTable[bytes] = HostTable()
        for host, path in (entry for line in lines for entry in line.hosts):
            self._hosts.add(host, path.encode(*ENCODING), wildcards=True)
        if any(line.server_names for line in lines):
            self._add_server(own, hostname)
        self._patterns = _nearest(own, _patterns)
        self._names = _nearest(own, _server_patterns)

    def _add_server(self, block: Block, hostname: str) -> None:
        from emulator.nginx.modules.referer import names_of_server

        for name in names_of_server(block):
            self._hosts.add(hostname if name == "$hostname" else name, b"", wildcards=True)

    def refuses(self, referer: bytes | None) -> bool:
        """Whether a Referer is none of the valid ones."""
        if not (self._hosts or self._patterns or self._names):
            return False
        if referer is None:
            return not self._none
        scheme = next((each for each in (b"http://", b"https://") if referer.lower().startswith(each)), None)
        if scheme is None or len(referer) < _SHORTEST:
            return not self._blocked
        rest = referer[len(scheme) :]
        host = _HOST_END.split(rest, maxsplit=1)[0].lower()
        if len(host) > _LONGEST_HOST:
            return True
        wanted = self._hosts.find(host)
        if wanted is not None:
            at = rest.find(b"/", len(host))
            return not (rest[at:] if at >= 0 else b"").startswith(wanted)
        return not (
            any(pattern.search(host) for pattern in self._names)
            or any(pattern.search(rest) for pattern in self._patterns)
        )


def _nearest(block: Block, patterns_of: Callable[[Block], Patterns]) -> Patterns:
    """Unlike hosts, patterns hold inside as well until others are given."""
    return next((found for each in block.around() if (found := patterns_of(each))), ())


def _patterns(block: Block) -> Patterns:
    return tuple(pattern for line in block.values.get("valid_referers", ()) for pattern in line.patterns)


def _server_patterns(block: Block) -> Patterns:
    if not any(line.server_names for line in block.values.get("valid_referers", ())):
        return ()
    server = next(each for each in block.around() if each.context is Context.SERVER)
    names = (name for group in server.values.get("server_name", ()) for name in group)
    return tuple(name.pattern for name in names if name.pattern is not None)
