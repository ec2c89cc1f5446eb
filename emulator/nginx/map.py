"""Variables that are computed from others when they are first asked for (ngx_http_map_module.c)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from emulator.nginx.conf import ENCODING
from emulator.nginx.variables import Template, compile_template

if TYPE_CHECKING:
    from emulator.nginx.directives import Block
    from emulator.nginx.modules.map import MapLine
    from emulator.nginx.request import Request


class Computed(NamedTuple):
    """How a variable gets its value; a volatile one is asked again each time."""

    value: Callable[[Request], bytes]
    volatile: bool = False


class _Table:
    """The lines of one map: exact keys, wildcards where they are host names, patterns in their order."""

    def __init__(self, lines: list[MapLine], own: frozenset[str]) -> None:
        self.default: Template = lambda r: b""
        self.exact: dict[bytes, Template] = {}
        self.heads: dict[bytes, Template] = {}
        self.tails: dict[bytes, Template] = {}
        self.patterns: list[tuple[re.Pattern[bytes], Template]] = []
        self.hostnames = any(line.key == "hostnames" and line.value is None for line in lines)
        for line in lines:
            if line.value is not None:
                self._add(line, compile_template(line.value, own))

    def _add(self, line: MapLine, value: Template) -> None:
        if line.pattern is not None:
            self.patterns.append((line.pattern, value))
        elif line.key is None:
            self.default = value
        else:
            key = line.key.lower().encode(*ENCODING)
            if self.hostnames and key.startswith(b"*."):
                self.heads[key[1:]] = value
            elif self.hostnames and key.startswith(b"."):
                self.heads[key] = value
                self.exact[key[1:]] = value
            elif self.hostnames and key.endswith(b".*"):
                self.tails[key[:-1]] = value
            else:
                self.exact[key] = value

    def find(self, r: Request, text: bytes) -> Template:
        key = text.lower()
        if self.hostnames:
            key = key.removesuffix(b".")
        found = self.exact.get(key)
        if found is None and self.hostnames:
            found = self._wildcard(key)
        if found is not None:
            return found
        for pattern, value in self.patterns:
            match = pattern.search(text)
            if match is not None:
                r.captures = tuple(group or b"" for group in match.groups())
                if pattern.groupindex:
                    r.set_variables({name: part or b"" for name, part in match.groupdict().items()})
                return value
        return self.default

    def _wildcard(self, key: bytes) -> Template | None:
        at = key.find(b".", 1)
        while at > 0:
            if (found := self.heads.get(key[at:])) is not None:
                return found
            at = key.find(b".", at + 1)
        at = key.rfind(b".")
        while at > 0:
            if (found := self.tails.get(key[: at + 1])) is not None:
                return found
            at = key.rfind(b".", 0, at)
        return None


def compile_maps(http: Block) -> dict[str, Computed]:
    """The map blocks by the name of the variable that each defines."""
    own = frozenset(http.state.variables)
    return {block.value.name: _compile_map(block, own) for block in http.blocks("map")}


def _compile_map(block: Block, own: frozenset[str]) -> Computed:
    source = compile_template(block.value.source, own)
    table = _Table(block.lines, own)
    volatile = any(line.key == "volatile" and line.value is None for line in block.lines)
    return Computed(lambda r: table.find(r, source(r))(r), volatile)
