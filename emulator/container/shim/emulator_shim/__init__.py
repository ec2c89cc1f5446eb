"""What a Python process gets put in front of it, so that it is where its task is.

Loaded by sitecustomize in every interpreter of a task, whatever its environment holds: only the
standard library, of any Python since 3.8, and next to nothing at start. What it changes:

    os.uname                     the node's name is the task's hostname (so platform.node, too)
    socket (when it is imported) bind, connect, listen, names: see sockets
    writing below read-only mounts, where there are any (see readonly)
    gunicorn (likewise)          readiness when a worker has the app; no control socket by default
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType


def install() -> None:
    _rename_node(os.environ.get("EMULATOR_HOSTNAME"))
    if os.environ.get("EMULATOR_READONLY"):
        _keep_from_writing(os.environ["EMULATOR_READONLY"])
    waiting: dict[str, Callable[[ModuleType], None]] = {
        "socket": _patch_socket,
        "gunicorn.arbiter": _patch_arbiter,
        "gunicorn.workers.base": _patch_worker,
    }
    for name in list(waiting):
        if name in sys.modules:
            waiting.pop(name)(sys.modules[name])
    sys.meta_path.insert(0, _AfterImport(waiting))


class _AfterImport:
    """Calls back when one of the awaited modules has been executed, then stands out of the way."""

    def __init__(self, waiting: dict[str, Callable[[ModuleType], None]]) -> None:
        self._waiting = waiting

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in self._waiting:
            return None
        callback = self._waiting.pop(name)
        if not self._waiting:
            sys.meta_path.remove(self)
        for finder in sys.meta_path:
            if finder is not self:
                spec = finder.find_spec(name, path, target)
                if spec is not None:
                    _call_after(spec, callback)
                    return spec
        return None


def _call_after(spec: ModuleSpec, callback: Callable[[ModuleType], None]) -> None:
    loader = spec.loader
    execute = getattr(loader, "exec_module", None)
    if execute is None:
        return

    def exec_module(module: ModuleType) -> None:
        execute(module)
        try:
            callback(module)
        except Exception as error:  # the module itself is fine; the task must go on
            if "EMULATOR_DEBUG" in os.environ:
                sys.stderr.write(f"emulator shim: {error!r}\n")

    if hasattr(loader, "__dict__"):
        vars(loader)["exec_module"] = exec_module


def _rename_node(hostname: str | None) -> None:
    if not hostname or not hasattr(os, "uname"):
        return
    real = os.uname

    def uname() -> os.uname_result:
        fields = list(real())
        fields[1] = hostname
        return os.uname_result(fields)

    os.uname = uname


def _keep_from_writing(described: str) -> None:
    from . import readonly

    readonly.install(described)


def _patch_socket(module: ModuleType) -> None:
    from . import sockets

    sockets.patch(module)


def _patch_arbiter(module: ModuleType) -> None:
    from . import gunicorn

    gunicorn.patch_arbiter(module)


def _patch_worker(module: ModuleType) -> None:
    from . import gunicorn

    gunicorn.patch_worker(module)
