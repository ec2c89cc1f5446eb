"""Access logs whose names have variables (ngx_http_log_script_write): opened for each line, or kept open.

A client may choose such a name by its Host: nothing is written where the root of the request is no
folder, and no more logs are kept open than open_log_file_cache says.
"""

from __future__ import annotations

import errno
import os
from collections import OrderedDict
from typing import TYPE_CHECKING, NamedTuple

from emulator.nginx.conf import ENCODING
from emulator.nginx.openfiles import OpenFailed, folder_of

if TYPE_CHECKING:
    from emulator.nginx.modules.log import OpenLogFileCache
    from emulator.nginx.request import Request
    from emulator.nginx.variables import Template

_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
_WHILE = "while logging request"


class _Kept(NamedTuple):
    fd: int
    since: float
    used: float


class NamedLogs:
    """The files of one `access_log`."""

    def __init__(self, name: Template, line: Template, prefix: str, cache: OpenLogFileCache | None) -> None:
        self._name = name
        self._line = line
        self._prefix = prefix
        self._cache = cache
        self._kept: OrderedDict[str, _Kept] = OrderedDict()  # the least recently used first

    def write(self, r: Request) -> None:
        if not _has_root(r):
            return
        path = os.path.join(self._prefix, self._name(r).decode(*ENCODING))  # noqa: PTH118
        try:
            fd = self._open(r, path)
        except (OSError, ValueError) as error:
            failed = OpenFailed(error)
            r.log_error("crit", f'{failed.call} "{path}" failed {failed.reason} {_WHILE}')
            return
        try:
            os.write(fd, self._line(r))
        except OSError as error:
            r.log_error("alert", f'write() to "{path}" failed ({error.errno}: {error.strerror}) {_WHILE}')
        if self._cache is None:
            os.close(fd)

    def _open(self, r: Request, path: str) -> int:
        cache = self._cache
        if cache is None:
            return os.open(r.worker.namespace.path(path), _FLAGS, 0o644)
        now = r.worker.loop.now
        kept = self._kept.pop(path, None)
        if kept is not None and now - kept.since >= cache.valid:
            os.close(kept.fd)
            kept = None
        if kept is None:
            kept = _Kept(os.open(r.worker.namespace.path(path), _FLAGS, 0o644), now, now)
        self._kept[path] = kept._replace(used=now)
        self._expire(cache, now)
        return kept.fd

    def _expire(self, cache: OpenLogFileCache, now: float) -> None:
        for path, kept in list(self._kept.items())[:2]:
            if len(self._kept) <= cache.max and now - kept.used <= cache.inactive:
                return
            del self._kept[path]
            os.close(kept.fd)


def _has_root(r: Request) -> bool:
    """Whether the request's root is a folder; a file that has been served is proof enough."""
    if r.last_modified >= 0 and not r.error_page:
        return True
    folder = folder_of(r)
    try:
        if r.location.files.look(r, folder).folder:
            return True
        reason = f"({errno.ENOTDIR}: {os.strerror(errno.ENOTDIR)})"
    except OpenFailed as failed:
        reason = failed.reason
    r.log_error("error", f'testing "{folder}" existence failed {reason} {_WHILE}')
    return False
