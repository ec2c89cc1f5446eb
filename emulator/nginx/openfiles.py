"""How a location opens files: the plain way here, with disable_symlinks and open_file_cache elsewhere.

Whoever serves files asks `location.files`: `open` gives an OpenFile that is to be closed, `look` the same
without a descriptor. Both raise OpenFailed, which knows the call that failed (ngx_open_file_cache.c).
"""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING, Protocol

from emulator.nginx.conf import ENCODING

if TYPE_CHECKING:
    from emulator.nginx.directives import Block
    from emulator.nginx.request import Request

# O_NONBLOCK: a FIFO in the root must not stop the worker
FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
NOT_FOUND = frozenset((errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG))
LINKS = frozenset((errno.ELOOP, errno.EMLINK))
_NOT_ALLOWED = LINKS | {errno.EACCES}


class OpenFailed(Exception):
    """A file that could not be opened: the error's number and the call that failed, as `open()`."""

    def __init__(self, error: OSError | ValueError, call: str = "open()") -> None:
        super().__init__(str(error))
        self.errno: int = (error.errno if isinstance(error, OSError) else None) or errno.ENOENT
        self.call = call

    @property
    def reason(self) -> str:
        """`(2: No such file or directory)`."""
        return f"({self.errno}: {os.strerror(self.errno)})"


class OpenFile:
    """An open file, or what `look` saw of one (its descriptor is -1)."""

    __slots__ = ("_lent", "fd", "file", "folder", "mtime", "size", "uniq")

    def __init__(self, fd: int, facts: os.stat_result) -> None:
        self.fd = fd
        self.mtime = int(facts.st_mtime)
        self.size = facts.st_size
        self.uniq = facts.st_ino
        self.folder = stat.S_ISDIR(facts.st_mode)
        self.file = stat.S_ISREG(facts.st_mode)
        self._lent = 1

    def borrow(self) -> int:
        """The descriptor for a part of an answer that is still to be sent; to be given back."""
        self._lent += 1
        return self.fd

    def give_back(self) -> None:
        """The last one closes it."""
        self._lent -= 1
        if not self._lent and self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    close = give_back

    def __repr__(self) -> str:
        return f"<OpenFile {self.fd} size={self.size}{' folder' * self.folder}>"


class Files(Protocol):
    """The way in which a location opens files, by their names in the container's terms."""

    def open(self, r: Request, name: str) -> OpenFile: ...

    def look(self, r: Request, name: str) -> OpenFile: ...

    def policy(self, r: Request, name: str) -> object: ...


class PlainFiles:
    """Nothing is remembered, and links are followed."""

    @staticmethod
    def open(r: Request, name: str) -> OpenFile:
        try:
            fd = os.open(r.worker.namespace.path(name), FLAGS)
        except (OSError, ValueError) as error:
            raise OpenFailed(error) from None
        return OpenFile(fd, os.fstat(fd))

    @staticmethod
    def look(r: Request, name: str) -> OpenFile:
        try:
            return OpenFile(-1, os.stat(r.worker.namespace.path(name)))  # noqa: PTH116
        except (OSError, ValueError) as error:
            raise OpenFailed(error, "stat()") from None

    @staticmethod
    def policy(r: Request, name: str) -> object:
        """Under which rule a name is opened."""
        return None


PLAIN = PlainFiles()


def compile_files(block: Block, own: frozenset[str]) -> Files:
    """What disable_symlinks and open_file_cache make of opening in a location."""
    files: Files = PLAIN
    rule = block.given("disable_symlinks")
    if rule is not None and rule.mode != "off":
        from emulator.nginx.symlinks import compile_symlinks

        files = compile_symlinks(rule, own)
    cache = block.given("open_file_cache")
    if cache is not None and cache.max:
        from emulator.nginx.filecache import compile_cache

        files = compile_cache(block, files)
    return files


def refuse(r: Request, name: str, failed: OpenFailed) -> int:
    """The status for a file that could not be opened, with nginx's line in the log."""
    code = failed.errno
    if code in NOT_FOUND:
        level, status = "error", 404
    elif code in _NOT_ALLOWED:
        level, status = "error", 403
    else:
        level, status = "crit", 500
    if status != 404 or r.location.log_not_found:
        r.log_error(level, f'{failed.call} "{name}" failed {failed.reason}')
    return status


def folder_of(r: Request) -> str:
    """The root or alias of the request's location."""
    return r.location.document_root(r).decode(*ENCODING)
