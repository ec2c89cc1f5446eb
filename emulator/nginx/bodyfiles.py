"""The files of request bodies: their names, and client_body_in_file_only (ngx_http_request_body.c)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from emulator.nginx import official

if TYPE_CHECKING:
    from emulator.nginx.directives import Block
    from emulator.nginx.request import Request
    from emulator.nginx.spool import Spool

Folder = tuple[str, tuple[int, ...]]  # and the widths of its levels


def body_temp(number: int, where: Folder | None, prefix: str) -> str:
    """The path of a body by its number; its levels are digits from the end (ngx_create_hashed_filename)."""
    name = f"{number:010d}"
    if where is None:
        default = "/var/cache/nginx/client_temp" if prefix == official.PREFIX + "/" else "client_body_temp"
        return os.path.join(prefix, default, name)  # noqa: PTH118
    folder, levels = where
    parts, end = [], len(name)
    for width in levels:
        parts.append(name[end - width : end])
        end -= width
    return os.path.join(prefix, folder, *parts, name)  # noqa: PTH118


class BodyFiles:
    """A location that keeps each body in a file; with `clean` only as long as the request lasts."""

    __slots__ = ("_clean", "_folder")

    def __init__(self, folder: Folder | None, clean: bool) -> None:
        self._folder = folder
        self._clean = clean

    def open(self, r: Request) -> Spool:
        """A new file, under the next number that is free."""
        from emulator.nginx.spool import NamedSpool

        while True:
            name = r.worker.conf.next_body_temp(self._folder)
            try:
                return NamedSpool(name, r.worker.namespace.path(name), self._clean)
            except FileExistsError:
                continue


def compile_body_files(block: Block) -> BodyFiles | None:
    """None where bodies need no file of their own."""
    kept = block.given("client_body_in_file_only", "off")
    return None if kept == "off" else BodyFiles(block.given("client_body_temp_path"), kept == "clean")
