"""access_log and log_format: which lines a location writes, and where."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from emulator.nginx.log import compile_format
from emulator.nginx.modules.log import COMBINED
from emulator.nginx.request import Request

if TYPE_CHECKING:
    from emulator.nginx.directives import Block
    from emulator.nginx.location import LogRegistry
    from emulator.nginx.log import LogFile
    from emulator.nginx.variables import Template


def compile_access_logs(
    block: Block, registry: LogRegistry, own: frozenset[str]
) -> tuple[Callable[[Request], None], ...]:
    """One writer for each access_log that holds in a block."""
    formats = _formats(block)
    writers = []
    for entry in block.inherited("access_log"):
        if entry is None:
            return ()
        text, escape = formats[entry.format]
        writers.append(_writer(registry.open(entry.path), compile_format(text, escape, own)))
    return tuple(writers)


def _formats(block: Block) -> dict[str, tuple[str, str]]:
    formats = {"combined": (COMBINED, "default")}
    for found in block.inherited("log_format"):
        formats[found.name] = (found.format, found.escape)
    return formats


def _writer(log: LogFile, line: Template) -> Callable[[Request], None]:
    write = log.write

    def writer(r: Request) -> None:
        write(line(r))

    return writer
