"""The log files of one configuration, each opened once (ngx_conf_open_file)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from emulator.nginx.conf import ConfError
from emulator.nginx.log import LEVELS, ErrorLog, Log, LogFile

if TYPE_CHECKING:
    from emulator.namespace import Namespace
    from emulator.nginx.directives import Block
    from emulator.nginx.logserver import LogServer
    from emulator.nginx.syslog import Syslog

ErrorLogs = tuple[tuple[int, Log], ...]  # from which level on, and where


class LogRegistry:
    """The log files of one configuration, each opened once."""

    def __init__(self, prefix: str, namespace: Namespace) -> None:
        self.prefix = prefix
        self._namespace = namespace
        self._files: dict[str, LogFile] = {}
        self.main: ErrorLogs = ()  # those of the main context

    @property
    def files(self) -> list[LogFile]:
        return list(self._files.values())

    def open(self, path: str, buffer: int = 0, flush: float = 0.0, level: int = 0) -> LogFile:
        """The log at a path of the configuration; raises ConfError as nginx does when it cannot be opened."""
        if path != "stderr":
            path = os.path.join(self.prefix, path)  # noqa: PTH118
        log = self._files.get(path)
        if log is None:
            real = path if path == "stderr" else self._namespace.path(path)
            try:
                log = self._files[path] = LogFile(real, buffer, flush, level)
            except OSError as error:
                raise ConfError(f'open() "{path}" failed ({error.errno}: {error.strerror})') from None
        return log

    def server(self, to: Syslog, kind: type[LogServer]) -> LogServer:
        """A log server; what it does not take is told in the main error log."""
        return kind(to, self._namespace, self._complain)

    def _complain(self, level: str, message: str) -> None:
        line = ErrorLog(os.getpid()).line(level, message)
        for threshold, log in self.main:
            if LEVELS[level] <= threshold:
                log.write(line)

    def error_logs(self, block: Block, override: str | None = None) -> ErrorLogs:
        """(threshold, file) of each error_log that holds in a block; nginx's default where there is none."""
        written = block.inherited("error_log")
        if not written:
            return ((LEVELS["error"], self.open(override or "stderr")),)
        found: list[tuple[int, Log]] = []
        for entry in written:
            if entry.syslog is not None:
                from emulator.nginx.logserver import ErrorServer

                found.append((LEVELS[entry.level], self.server(entry.syslog, ErrorServer)))
            elif not entry.target.startswith("memory:"):
                found.append((LEVELS[entry.level], self.open(entry.target)))
        return tuple(found)
