"""open_file_cache: descriptors, facts and errors that a worker remembers (ngx_open_file_cache.c).

Rules:
- what was looked at less than `valid` seconds ago is believed, whatever has become of the file;
- a file that has been replaced stays open for those who are still sending it, and leaves the cache;
- the one that was not used for longest goes first: when a new one finds no place, or after `inactive`.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from typing import TYPE_CHECKING

from emulator.nginx.openfiles import OpenFailed, OpenFile

if TYPE_CHECKING:
    from emulator.nginx.directives import Block
    from emulator.nginx.openfiles import Files
    from emulator.nginx.request import Request


class CachedFile(OpenFile):
    """A name that is remembered: an open file, a folder, or an error."""

    __slots__ = ("accessed", "cache", "created", "failed", "min_uses", "name", "policy", "removed", "uses")

    def __init__(self, cache: FileCache, name: str) -> None:
        self.cache = cache
        self.name = name
        self.fd = -1
        self.folder = self.file = False
        self.mtime = self.size = self.uniq = 0
        self.failed: OpenFailed | None = None
        self.policy: object = None
        self.uses = 1
        self.min_uses = 0
        self.created = self.accessed = 0
        self.removed = False  # it lives only for those who still send it
        self._lent = 0

    @property
    def known(self) -> bool:
        """Whether there is an answer; a file used too seldom is not kept open."""
        return self.fd >= 0 or self.failed is not None or self.folder

    @property
    def lent(self) -> int:
        return self._lent

    def take(self, fresh: OpenFile | OpenFailed, policy: object, now: int) -> None:
        """Remember what was found."""
        self.policy, self.created = policy, now
        if isinstance(fresh, OpenFailed):
            self.failed, self.fd = fresh, -1
            return
        self.failed, self.fd, self.uniq = None, fresh.fd, fresh.uniq
        self.mtime, self.size, self.folder, self.file = fresh.mtime, fresh.size, fresh.folder, fresh.file

    def give_back(self) -> None:
        """As ngx_open_file_cleanup: a removed file, or one used too seldom, is closed with the last use."""
        if self.folder:
            return
        self._lent -= 1
        self.cache.given_back(self)

    close = give_back

    def shut(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


class FileCache:
    """The names that one `open_file_cache` remembers, the least recently used first."""

    __slots__ = ("_files", "_inactive", "_most", "_now")

    def __init__(self, most: int, inactive: int) -> None:
        self._files: OrderedDict[str, CachedFile] = OrderedDict()
        self._most = most
        self._inactive = inactive
        self._now = 0

    def __len__(self) -> int:
        return len(self._files)

    def open(self, r: Request, name: str, how: CachedFiles, now: int) -> CachedFile:
        """As ngx_open_cached_file."""
        self._now = now
        policy = how.policy(r, name)
        file = self._files.get(name)
        if file is None:
            file = self._add(name, how.fresh(r, name, None), policy)
        else:
            file.uses += 1
            if not (file.known and now - file.created < how.valid and file.policy == policy):
                file = self._refresh(r, file, how, policy)
        file.accessed = now
        self._files.move_to_end(name)
        if file.failed is not None:
            raise OpenFailed(OSError(file.failed.errno, ""), file.failed.call)
        file.min_uses = how.min_uses
        if not file.folder:
            file.borrow()
        return file

    def _refresh(self, r: Request, file: CachedFile, how: CachedFiles, policy: object) -> CachedFile:
        try:
            fresh = how.fresh(r, file.name, file)
        except OpenFailed:
            self._remove(file)
            raise
        if file.fd >= 0 and fresh is not file and not _same(file, fresh):
            # it was replaced, removed, or became a folder
            if file.lent:
                self._remove(file)
                return self._add(file.name, fresh, policy)
            file.shut()
        file.take(fresh, policy, self._now)
        return file

    def _add(self, name: str, fresh: OpenFile | OpenFailed, policy: object) -> CachedFile:
        if len(self._files) >= self._most:
            self._expire(force=True)
        file = self._files[name] = CachedFile(self, name)
        file.take(fresh, policy, self._now)
        return file

    def _remove(self, file: CachedFile) -> None:
        del self._files[file.name]
        file.removed = True
        if not file.lent:
            file.shut()

    def given_back(self, file: CachedFile) -> None:
        if not file.removed:
            self._files.move_to_end(file.name)
        if not file.lent and (file.removed or file.uses < file.min_uses):
            file.shut()
        self._expire()

    def _expire(self, *, force: bool = False) -> None:
        """One or two that are inactive go; by force the least recently used (ngx_expire_old_cached_files)."""
        for turn in range(0 if force else 1, 3):
            file = next(iter(self._files.values()), None)
            if file is None or (turn and self._now - file.accessed <= self._inactive):
                return
            self._remove(file)


def _same(file: CachedFile, fresh: OpenFile | OpenFailed) -> bool:
    return isinstance(fresh, OpenFile) and not fresh.folder and fresh.uniq == file.uniq


class CachedFiles:
    """A location's way to its cache; `inner` is how it opens what is not remembered."""

    __slots__ = ("_cache", "_errors", "_inner", "min_uses", "valid")

    def __init__(self, cache: FileCache, inner: Files, valid: int, min_uses: int, errors: bool) -> None:
        self._cache = cache
        self._inner = inner
        self._errors = errors
        self.valid = valid
        self.min_uses = min_uses

    def open(self, r: Request, name: str) -> OpenFile:
        return self._cache.open(r, name, self, int(r.worker.loop.now))

    def look(self, r: Request, name: str) -> OpenFile:
        file = self.open(r, name)
        file.close()
        return file

    def policy(self, r: Request, name: str) -> object:
        """What disable_symlinks says of a name: what was found under another rule is not believed."""
        return self._inner.policy(r, name)

    def fresh(self, r: Request, name: str, known: CachedFile | None) -> OpenFile | OpenFailed:
        """As ngx_open_and_stat_file: what is open, or was a folder, is looked at before it is opened."""
        try:
            if known is not None and (known.fd >= 0 or known.folder):
                seen = self._inner.look(r, name)
                if known.fd >= 0 and seen.uniq == known.uniq:
                    seen.fd = known.fd
                    return seen
                if known.fd < 0 and seen.folder:
                    return seen
            file = self._inner.open(r, name)
        except OpenFailed as failed:
            if self._errors:
                return failed
            raise
        if file.folder:
            file.close()
        return file


def compile_cache(block: Block, inner: Files) -> CachedFiles:
    """The cache belongs to the block that has the directive: all that inherit it share it."""
    where = next(each for each in block.around() if "open_file_cache" in each.values)
    limits = where.values["open_file_cache"]
    cache = block.state.zones.setdefault(
        f"open_file_cache {id(where)}", FileCache(limits.max, limits.inactive)
    )
    return CachedFiles(
        cache,
        inner,
        block.inherited("open_file_cache_valid"),
        block.inherited("open_file_cache_min_uses"),
        block.inherited("open_file_cache_errors"),
    )
