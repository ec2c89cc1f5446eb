"""access_log and log_format: which lines a location writes, and where."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from emulator.nginx.log import compile_format
from emulator.nginx.modules.log import COMBINED
from emulator.nginx.request import Request
from emulator.nginx.variables import compile_template

if TYPE_CHECKING:
    from emulator.nginx.directives import Block
    from emulator.nginx.log import Log
    from emulator.nginx.logregistry import LogRegistry
    from emulator.nginx.logserver import LogServer
    from emulator.nginx.variables import Template

Writer = Callable[[Request], None]


def compile_access_logs(block: Block, registry: LogRegistry, own: frozenset[str]) -> tuple[Writer, ...]:
    """One writer for each access_log that holds in a block."""
    formats = _formats(block)
    writers = []
    for entry in block.inherited("access_log"):
        if entry is None:
            return ()
        text, escape = formats[entry.format]
        line = compile_format(text, escape, own)
        if entry.syslog is not None:
            from emulator.nginx.logserver import LogServer

            writer = _to_server(registry.server(entry.syslog, LogServer), line)
        elif "$" in entry.path:
            from emulator.nginx.namedlogs import NamedLogs

            cache = block.given("open_log_file_cache")
            writer = NamedLogs(compile_template(entry.path, own), line, registry.prefix, cache).write
        else:
            log = registry.open(entry.path, entry.buffer, entry.flush / 1000, entry.gzip)
            writer = _writer(log, line)
        if entry.condition is not None:
            writer = _conditional(compile_template(entry.condition, own), writer)
        writers.append(writer)
    return tuple(writers)


def _formats(block: Block) -> dict[str, tuple[str, str]]:
    formats = {"combined": (COMBINED, "default")}
    for found in block.inherited("log_format"):
        formats[found.name] = (found.format, found.escape)
    return formats


def _writer(log: Log, line: Template) -> Writer:
    write = log.write

    def writer(r: Request) -> None:
        write(line(r))

    return writer


def _to_server(server: LogServer, line: Template) -> Writer:
    return lambda r: server.write_for(r, line(r))


def _conditional(condition: Template, writer: Writer) -> Writer:
    """`if=`: nothing is written where the condition is empty or 0."""

    def write(r: Request) -> None:
        if condition(r) not in (b"", b"0"):
            writer(r)

    return write
