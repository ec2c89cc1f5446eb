"""What `nginx -t` tries beside reading a configuration: its files, folders, addresses (ngx_init_cycle)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from emulator.nginx.conf import ConfError

if TYPE_CHECKING:
    from emulator.namespace import Namespace
    from emulator.nginx.directives import Block

_TEMP_PATHS = ("client_body_temp_path", "proxy_temp_path")


def try_files_and_folders(main: Block, prefix: str, namespace: Namespace) -> None:
    """The pid file can be written, and the temporary folders that are named made; raises ConfError."""
    if "pid" in main.values:
        path = os.path.join(prefix, main.values["pid"])  # noqa: PTH118
        try:
            os.close(os.open(namespace.path(path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644))
        except OSError as error:
            raise _failed("open()", path, error) from None
    make_temp_folders(main, prefix, namespace)


def make_temp_folders(main: Block, prefix: str, namespace: Namespace) -> None:
    """As ngx_create_paths: a folder that a configuration names is made, but not those around it."""
    for http in main.blocks("http"):
        for path in dict.fromkeys(_temp_paths(http)):
            whole = os.path.join(prefix, path)  # noqa: PTH118
            try:
                os.mkdir(namespace.path(whole), 0o700)  # noqa: PTH102
            except FileExistsError:
                continue
            except OSError as error:
                raise _failed("mkdir()", whole, error) from None


def _temp_paths(block: Block) -> list[str]:
    found = [block.values[name][0] for name in _TEMP_PATHS if name in block.values]
    for entry in block.entries:
        if entry.block is not None:
            found.extend(_temp_paths(entry.block))
    return found


def _failed(call: str, path: str, error: OSError) -> ConfError:
    return ConfError(f'{call} "{path}" failed ({error.errno}: {error.strerror})')
