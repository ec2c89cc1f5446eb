"""Variables that are computed from others when they are first asked for (ngx_http_map_module.c)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from emulator.nginx.hosttable import HostTable
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
    """The lines of one map: keys, with wildcards where they are host names, and patterns in their order."""

    def __init__(self, lines: list[MapLine], own: frozenset[str]) -> None:
        self.default: Template = lambda r: b""
        self.keys: HostTable[Template] = HostTable()
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
            self.keys.add(line.key, value, line.hostname)

    def find(self, r: Request, text: bytes) -> Template:
        if self.hostnames:
            text = text.removesuffix(b".")
        found = self.keys.find(text.lower())
        if found is not None:
            return found
        if text:
            for pattern, value in self.patterns:
                match = pattern.search(text)
                if match is not None:
                    r.captures = tuple(group or b"" for group in match.groups())
                    if pattern.groupindex:
                        r.set_variables({name: part or b"" for name, part in match.groupdict().items()})
                    return value
        return self.default


def compile_maps(http: Block) -> dict[str, Computed]:
    """The map blocks by the name of the variable that each defines."""
    own = frozenset(http.state.variables)
    return {block.value.name: _compile_map(block, own) for block in http.blocks("map")}


def _compile_map(block: Block, own: frozenset[str]) -> Computed:
    source = compile_template(block.value.source, own)
    table = _Table(block.lines, own)
    volatile = any(line.key == "volatile" and line.value is None for line in block.lines)
    return Computed(lambda r: table.find(r, source(r))(r), volatile)
