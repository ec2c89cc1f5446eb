"""disable_symlinks: each part of a path is opened by itself, and a link refused (ngx_open_file_wrapper)."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from emulator.nginx.conf import ENCODING
from emulator.nginx.openfiles import FLAGS, PLAIN, OpenFailed, OpenFile
from emulator.nginx.variables import Template, compile_template

if TYPE_CHECKING:
    from emulator.nginx.modules.http_core import DisableSymlinks
    from emulator.nginx.openfiles import Files
    from emulator.nginx.request import Request

_SEARCH = (
    getattr(os, "O_PATH", 0) | os.O_RDONLY | os.O_DIRECTORY | os.O_NONBLOCK | os.O_CLOEXEC
)  # as NGX_FILE_SEARCH


class GuardedFiles:
    """Opens what no link leads to; `owner`: links are fine whose owner also owns what they lead to.

    With `trusted`, a path that begins with its value is only checked behind that.
    """

    __slots__ = ("_owner", "_trusted")

    def __init__(self, owner: bool, trusted: Template | None) -> None:
        self._owner = owner
        self._trusted = trusted

    def checked_from(self, r: Request, name: str) -> int:
        """The length of what is not checked; -1 where nothing is (as ngx_http_set_disable_symlinks)."""
        trusted = self._trusted(r).decode(*ENCODING) if self._trusted is not None else ""
        if not trusted or not name.startswith(trusted):
            return 0
        if len(trusted) == len(name):
            return -1
        if name[len(trusted)] == "/":
            return len(trusted)
        return len(trusted) - 1 if trusted.endswith("/") else 0

    def policy(self, r: Request, name: str) -> object:
        return self._owner, self.checked_from(r, name)

    def open(self, r: Request, name: str) -> OpenFile:
        start = self.checked_from(r, name)
        if start < 0:
            return PLAIN.open(r, name)
        folder, rest = _parted(name, r.worker.namespace.path(name), start)
        try:
            at = os.open(folder, _SEARCH)
        except (OSError, ValueError) as error:
            raise OpenFailed(error, "open()" if start else "openat()") from None
        try:
            fd = self._walk(at, rest)
        except (OSError, ValueError) as error:
            raise OpenFailed(error, "openat()") from None
        return OpenFile(fd, os.fstat(fd))

    def look(self, r: Request, name: str) -> OpenFile:
        if self.checked_from(r, name) < 0:
            return PLAIN.look(r, name)
        file = self.open(r, name)
        file.close()
        return file

    def _walk(self, at: int, rest: str) -> int:
        """Open a path below the folder `at`, which is closed."""
        *folders, last = rest.split("/")
        try:
            for part in folders:
                if part:
                    inner = self._enter(at, part, _SEARCH)
                    os.close(at)
                    at = inner
            return self._enter(at, last, FLAGS) if last else os.open(".", FLAGS, dir_fd=at)
        finally:
            os.close(at)

    def _enter(self, at: int, part: str, flags: int) -> int:
        if not self._owner:
            return os.open(part, flags | os.O_NOFOLLOW, dir_fd=at)
        fd = os.open(part, flags, dir_fd=at)
        try:
            # whether it is a link or not: it may have been one when it was opened (ngx_openat_file_owner)
            if os.stat(part, dir_fd=at, follow_symlinks=False).st_uid != os.fstat(fd).st_uid:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        except OSError:
            os.close(fd)
            raise
        return fd


def _parted(name: str, real: str, start: int) -> tuple[str, str]:
    """The folder that is opened as it is, and what is checked below it: a container's mount is no link."""
    if name == real:
        return name[:start] or "/", name[start + 1 :]
    shared = len(os.path.commonprefix((name[::-1], real[::-1])))  # noqa: RUF071 (of characters)
    below = name.find("/", max(start, len(name) - shared))
    if below < 0:
        return real, ""
    at = len(real) - (len(name) - below)
    return real[:at] or "/", real[at + 1 :]


def compile_symlinks(rule: DisableSymlinks, own: frozenset[str]) -> Files:
    """How files are opened where disable_symlinks is on or if_not_owner."""
    trusted = compile_template(rule.trusted, own) if rule.trusted else None
    return GuardedFiles(rule.mode == "if_not_owner", trusted)
