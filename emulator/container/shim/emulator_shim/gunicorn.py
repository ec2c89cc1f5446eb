"""Gunicorn listens before its workers have the app: a task of it is ready when one of them has."""

from __future__ import annotations

from . import sockets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any


def patch_arbiter(module: ModuleType) -> None:
    """Hold back the word that it listens, and leave out a control socket that all tasks would share.

    Its default path is under HOME, which the tasks of one machine have in common; one that the user
    asks for by --control-socket is made.
    """
    sockets.hold()
    arbiter: Any = getattr(module, "Arbiter", None)
    start = getattr(arbiter, "_start_control_server", None)
    if start is None:
        return

    def start_control_server(self: Any) -> None:
        setting = self.cfg.settings.get("control_socket")
        if setting is None or setting.get() != type(setting).default:
            start(self)

    arbiter._start_control_server = start_control_server


def patch_worker(module: ModuleType) -> None:
    worker: Any = getattr(module, "Worker", None)
    load = getattr(worker, "load_wsgi", None)
    if load is None:
        return

    def load_wsgi(self: Any) -> None:
        load(self)
        sockets.release()

    worker.load_wsgi = load_wsgi
