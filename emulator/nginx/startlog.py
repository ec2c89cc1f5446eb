"""Where a command line says what is wrong before a configuration's own logs are open (ngx_log_init)."""

from __future__ import annotations

import os
import sys

from emulator.nginx.conf import ENCODING, ConfError
from emulator.nginx.log import LEVELS, ErrorLog, LogFile


class StartLog:
    """Standard error, and the file that `-e` names: each line goes to both, or once if they are one."""

    def __init__(self, path: str | None) -> None:
        self._file: LogFile | None = None
        self._errors = ErrorLog(os.getpid())
        if path is None:
            return
        try:
            self._file = LogFile(path)
        except OSError as error:
            print(
                "nginx: [alert] could not open error log file: "
                f'open() "{path}" failed ({error.errno}: {error.strerror})',
                file=sys.stderr,
                flush=True,
            )
            self._file = LogFile("stderr")

    def __call__(self, level: str, message: str) -> None:
        file = self._file
        if file is not None:
            file.write(self._errors.line(level, message))
        if LEVELS[level] <= LEVELS["warn"] and (file is None or file.fd != 2):
            text = f"nginx: [{level}] {message}\n".encode(*ENCODING)
            sys.stderr.flush()
            sys.stderr.write(text.decode("utf-8", "replace"))
            sys.stderr.flush()

    def report(self, error: ConfError) -> None:
        """An error or a warning of a configuration."""
        level, _, text = str(error).removeprefix("[").partition("] ")
        self(level, text)
