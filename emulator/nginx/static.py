"""Files: the static, index and try_files modules (ngx_http_static_module.c, ngx_http_index_module.c)."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, NamedTuple

from emulator.nginx import knownfiles, output
from emulator.nginx.conf import ENCODING
from emulator.nginx.openfiles import LINKS, OpenFailed, OpenFile, refuse
from emulator.nginx.request import AGAIN, DECLINED, Handler, Request
from emulator.nginx.uri import escape_uri

if TYPE_CHECKING:
    from emulator.nginx.variables import Template

_METHODS = frozenset((b"GET", b"HEAD", b"POST"))
# these say of an index file that the folder itself may be the reason
_NO_FOLDER = frozenset((errno.ENOTDIR, errno.ENAMETOOLONG, errno.EACCES))


def static(r: Request) -> int:
    """The file that the URI names, or the redirect of a folder to its name with a slash."""
    if r.method not in _METHODS:
        return 405
    path = r.path
    if path.endswith(b"/"):
        return DECLINED
    name = r.location.map_path(r)
    try:
        file = r.location.files.open(r, name)
    except OpenFailed as failed:
        return refuse(r, name, failed)
    try:
        if file.folder:
            return _folder(r)
        if not file.file:
            r.log_error("crit", f'"{name}" is not a regular file')
            return 404
        if r.method == b"POST":
            return 405
        if rejected := r.discard_body():
            return rejected
        r.allow_ranges = True
        describe(r, file)
        return send(r, file, name)
    finally:
        file.close()


def _folder(r: Request) -> int:
    target = escape_uri(r.path + b"/")
    r.location_out = target + b"?" + r.args if r.args else target
    return 301


def describe(r: Request, file: OpenFile) -> None:
    """What the head says of a file."""
    location = r.location
    size = file.size
    r.status = 200
    r.content_length = size
    r.last_modified = file.mtime
    if location.etag:
        r.etag = b'"%x-%x"' % (r.last_modified, size)
        if r.headers_out:
            r.ctx = {**(r.ctx or {}), "before_etag": tuple(r.headers_out)}
    r.content_type = r.content_type or location.content_type(r.path)


def send(r: Request, file: OpenFile, name: str) -> int:
    """The answer that a file is, as it was described."""
    if not output.send_header(r):
        return AGAIN
    if not r.header_only:
        if r.transform is not None or r.chunked:
            return _feed(r, file)
        if r.status == 206 and r.ctx is not None and "ranges" in r.ctx:
            _send_ranges(r, file, r.ctx["ranges"])
            r.connection.queue(r.ctx["tail"])
        elif file.size:
            output.send_file(r, file.fd, 0, file.size)
            if r.known is not None and r.location.only_files:
                knownfiles.remember(r, name, file)
    r.finalize_output()
    return AGAIN


def _feed(r: Request, file: OpenFile) -> int:
    """What goes through filters, or in chunks, is read."""
    from emulator.nginx.filefeed import feed

    if r.status == 206 and r.ctx is not None and "ranges" in r.ctx:
        feed(r, file, r.ctx["ranges"], r.ctx["tail"])
    else:
        feed(r, file, [(b"", 0, file.size)])
    return AGAIN


def _send_ranges(r: Request, file: OpenFile, ranges: list[tuple[bytes, int, int]]) -> None:
    """Hundreds of ranges fit into a request: they share one descriptor."""
    connection = r.connection
    if len(ranges) == 1:
        _, start, end = ranges[0]
        output.send_file(r, file.fd, start, end - start)
        return
    for head, start, end in ranges:
        connection.queue(head)
        connection.out.push_shared(file, start, end - start)


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
            folder = r.location.map_path(r)
            path = folder + name.decode(*ENCODING)
            try:
                if r.location.files.look(r, path).file:
                    return r.redirect(r.path + name, r.args)
            except OpenFailed as failed:
                if failed.errno in LINKS:
                    return 403
                if failed.errno in _NO_FOLDER:
                    return _index_error(r, path, failed.errno)
                if not folder_seen:
                    rejected = _test_folder(r, folder, path)
                    if rejected:
                        return rejected
                    folder_seen = True
                if failed.errno == errno.ENOENT:
                    continue
                r.log_error("crit", f'{failed.call} "{path}" failed {failed.reason}')
                return 500
        return DECLINED

    return handler


def _index_error(r: Request, path: str, code: int) -> int:
    if code == errno.EACCES:
        r.log_error("error", f'"{path}" is forbidden ({code}: {os.strerror(code)})')
        return 403
    if r.location.log_not_found:
        r.log_error("error", f'"{path}" is not found ({code}: {os.strerror(code)})')
    return 404


def _test_folder(r: Request, folder: str, path: str) -> int:
    """As ngx_http_index_test_dir; 0 if the folder is there."""
    folder = folder.removesuffix("/") or "/"
    try:
        if r.location.files.look(r, folder).folder:
            return 0
    except OpenFailed as failed:
        code = failed.errno
        if code in LINKS:
            return 403
        if code == errno.ENOENT:
            return _index_error(r, path, code)
        if code == errno.EACCES:
            return 0
        r.log_error("crit", f'{failed.call} "{folder}" failed {failed.reason}')
        return 500
    r.log_error("alert", f'"{folder}" is not a directory')
    return 500


class Candidate(NamedTuple):
    """A name that try_files looks for, without its final slash; an alias cuts one that has variables."""

    template: Template
    folder: bool
    varies: bool


def try_files(candidates: tuple[Candidate, ...], last: Candidate, status: int | None) -> Handler:
    """The first candidate that is there becomes the URI; else the last one, or its status.

    As ngx_http_try_files_handler.
    """

    def handler(r: Request) -> int:
        location = r.location
        for template, wants_folder, varies in candidates:
            name = location.under_alias(r, template(r)) if varies else template(r)
            try:
                path = location.path_of(r, name)
                seen = location.files.look(r, path)
            except OpenFailed as failed:
                if failed.errno not in _NO_FOLDER and failed.errno != errno.ENOENT:
                    r.log_error("crit", f'{failed.call} "{path}" failed {failed.reason}')
                continue
            if seen.folder != wants_folder:
                continue
            location.enter_file(r, name, wants_folder)
            return DECLINED
        if status is not None:
            return status
        target = location.under_alias(r, last.template(r)) if last.varies else last.template(r)
        if target.startswith(b"@"):
            return r.redirect_named(target)
        uri, _, args = target.partition(b"?")
        return r.redirect(uri, args)

    return handler
