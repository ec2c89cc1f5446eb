"""Files that were compressed beforehand (ngx_http_gzip_static_module.c)."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from emulator.nginx import static
from emulator.nginx.gzip import compile_accepts
from emulator.nginx.openfiles import LINKS, NOT_FOUND, OpenFailed, OpenFile
from emulator.nginx.request import DECLINED, Handler, Request

if TYPE_CHECKING:
    from emulator.nginx.directives import Block

_METHODS = frozenset((b"GET", b"HEAD"))
_FORBIDDEN = LINKS | {errno.EACCES}


def compile_gzip_static(block: Block) -> Handler:
    """What answers with `file.gz` where there is one; `always`: whoever asks."""
    always = block.inherited("gzip_static") == "always"
    vary: bool = block.inherited("gzip_vary")
    accepts = compile_accepts(block)

    def handler(r: Request) -> int:
        if r.method not in _METHODS or r.path.endswith(b"/"):
            return DECLINED
        wanted = always or accepts(r)
        if not (wanted or vary):
            return DECLINED
        file = _open(r)
        if file is None:
            return DECLINED
        try:
            if not always:
                r.gzip_vary = vary
            return _answer(r, file) if wanted else DECLINED
        finally:
            file.close()

    return handler


def _name(r: Request) -> str:
    return r.location.map_path(r) + ".gz"


def _open(r: Request) -> OpenFile | None:
    name = _name(r)
    try:
        return r.location.files.open(r, name)
    except OpenFailed as failed:
        if failed.errno not in NOT_FOUND:
            level = "error" if failed.errno in _FORBIDDEN else "crit"
            r.log_error(level, f'{failed.call} "{name}" failed {failed.reason}')
        return None


def _answer(r: Request, file: OpenFile) -> int:
    if file.folder:
        return DECLINED
    if not file.file:
        r.log_error("crit", f'"{_name(r)}" is not a regular file')
        return 404
    if rejected := r.discard_body():
        return rejected
    static.describe(r, file)
    r.headers_out.append((b"Content-Encoding", b"gzip"))
    return static.send(r, file, _name(r))
