"""Files: the static, index and try_files modules (ngx_http_static_module.c, ngx_http_index_module.c)."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

from emulator.nginx import output
from emulator.nginx.conf import ENCODING
from emulator.nginx.request import AGAIN, DECLINED, Handler, Request
from emulator.nginx.sendqueue import SharedFile
from emulator.nginx.uri import escape_uri

if TYPE_CHECKING:
    from emulator.nginx.variables import Template

_NOT_FOUND = frozenset((errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG))
_FORBIDDEN = frozenset((errno.EACCES, errno.ELOOP, errno.EMLINK))
_METHODS = frozenset((b"GET", b"HEAD", b"POST"))
# O_NONBLOCK: a FIFO in the root must not stop the worker
_OPEN_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC


def static(r: Request) -> int:
    """The file that the URI names, or the redirect of a folder to its name with a slash."""
    if r.method not in _METHODS:
        return 405
    path = r.path
    if path.endswith(b"/"):
        return DECLINED
    name = r.location.map_path(r)
    real = r.worker.namespace.path(name)
    try:
        fd = os.open(real, _OPEN_FLAGS)
    except (OSError, ValueError) as error:
        return _open_failed(r, name, error)
    try:
        facts = os.fstat(fd)
        if stat.S_ISDIR(facts.st_mode):
            return _folder(r)
        if not stat.S_ISREG(facts.st_mode):
            r.log_error("crit", f'"{name}" is not a regular file')
            return 404
        if r.method == b"POST":
            return 405
        if rejected := r.discard_body():
            return rejected
        return _send(r, fd, facts)
    finally:
        os.close(fd)


def _open_failed(r: Request, name: str, error: OSError | ValueError) -> int:
    code = error.errno if isinstance(error, OSError) else errno.ENOENT
    if code in _NOT_FOUND:
        level, status = "error", 404
    elif code in _FORBIDDEN:
        level, status = "error", 403
    else:
        level, status = "crit", 500
    if status != 404 or r.location.log_not_found:
        r.log_error(level, f'open() "{name}" failed ({code}: {os.strerror(code or 0)})')
    return status


def _folder(r: Request) -> int:
    target = escape_uri(r.path + b"/")
    r.location_out = target + b"?" + r.args if r.args else target
    return 301


def _send(r: Request, fd: int, facts: os.stat_result) -> int:
    location = r.location
    size = facts.st_size
    r.status = 200
    r.content_length = size
    r.last_modified = int(facts.st_mtime)
    if location.etag:
        r.etag = b'"%x-%x"' % (r.last_modified, size)
    r.content_type = r.content_type or location.content_type(r.path)
    r.allow_ranges = True
    if not output.send_header(r):
        return AGAIN
    if not r.header_only:
        if r.status == 206 and r.ctx is not None and "ranges" in r.ctx:
            _send_ranges(r, fd, r.ctx["ranges"])
            r.connection.queue(r.ctx["tail"])
        elif size:
            output.send_file(r, fd, 0, size)
    r.finalize_output()
    return AGAIN


def _send_ranges(r: Request, fd: int, ranges: list[tuple[bytes, int, int]]) -> None:
    """Hundreds of ranges fit into a request: they share one descriptor."""
    connection = r.connection
    if len(ranges) == 1:
        _, start, end = ranges[0]
        output.send_file(r, fd, start, end - start)
        return
    file = SharedFile(fd)
    try:
        for head, start, end in ranges:
            connection.queue(head)
            connection.out.push_shared(file, start, end - start)
    finally:
        file.give_back()


def index(names: tuple[Template, ...]) -> Handler:
    """The first index file that is there, by an internal redirect to it."""

    def handler(r: Request) -> int:
        if not r.path.endswith(b"/") or r.method not in _METHODS:
            return DECLINED
        folder_seen = False
        for template in names:
            name = template(r)
            if name.startswith(b"/"):
                return r.redirect(name, r.args)
            path = r.location.map_path(r) + name.decode(*ENCODING)
            real = r.worker.namespace.path(path)
            try:
                facts = os.stat(real)  # noqa: PTH116 (bytes of any encoding)
            except (OSError, ValueError) as error:
                if isinstance(error, OSError) and error.errno in _FORBIDDEN:
                    r.log_error("error", f'"{path}" is forbidden ({error.errno}: {error.strerror})')
                    return 403
                if not folder_seen:
                    rejected = _test_folder(r, path.rpartition("/")[0])
                    if rejected:
                        return rejected
                    folder_seen = True
                continue
            if stat.S_ISREG(facts.st_mode):
                return r.redirect(r.path + name, r.args)
        return DECLINED

    return handler


def _test_folder(r: Request, folder: str) -> int:
    real = r.worker.namespace.path(folder)
    try:
        if stat.S_ISDIR(os.stat(real).st_mode):  # noqa: PTH116 (bytes of any encoding)
            return 0
        code = errno.ENOTDIR
    except (OSError, ValueError) as error:
        code = (error.errno if isinstance(error, OSError) else None) or errno.ENOENT
    if code in _FORBIDDEN:
        r.log_error("error", f'"{folder}/" is forbidden ({code}: {os.strerror(code)})')
        return 403
    r.log_error("error", f'"{folder}/index.html" is not found ({code}: {os.strerror(code)})')
    return 404


def try_files(candidates: tuple[tuple[Template, bool], ...], last: Template, status: int | None) -> Handler:
    """The first candidate that is there becomes the URI; else the last one, or its status.

    A candidate is a template without its final slash, and whether it is to be a folder
    (ngx_http_try_files_module.c).
    """

    def handler(r: Request) -> int:
        location = r.location
        for template, wants_folder in candidates:
            name = location.under_alias(r, template(r))
            real = r.worker.namespace.path(location.path_of(r, name))
            try:
                facts = os.stat(real)  # noqa: PTH116 (bytes of any encoding)
            except (OSError, ValueError):
                continue
            if stat.S_ISDIR(facts.st_mode) != wants_folder:
                continue
            location.enter_file(r, name, wants_folder)
            return DECLINED
        if status is not None:
            return status
        target = last(r)
        if target.startswith(b"@"):
            return r.redirect_named(target)
        uri, _, args = target.partition(b"?")
        return r.redirect(uri, args)

    return handler
