"""The last resort: a fault of ours ends one connection, and never the worker that serves all the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.nginx.connection import Connection

if TYPE_CHECKING:
    from emulator.nginx.worker import Worker

_FRAMES = 4


def crashed(worker: Worker, callback: object, error: Exception) -> None:
    """Log what a callback of the event loop raised, and close the connection that it was for."""
    owner = getattr(callback, "__self__", None)
    connection = owner if isinstance(owner, Connection) else getattr(owner, "connection", None)
    message = summary(error)
    if not isinstance(connection, Connection):
        worker.log_global("alert", message)
        return
    try:
        _end(connection, message)
    except Exception as second:
        worker.log_global("alert", f"{message}; then {summary(second)}")
    connection.close()


def _end(connection: Connection, message: str) -> None:
    request = connection.request
    if request is None:
        connection.worker.errors.connection(connection, "alert", message)
    else:
        request.log_error("alert", message)
        connection.abort(request)


def summary(error: BaseException) -> str:
    """`KeyError: 'x' at static.py:87 in _send <- request.py:220 in resume`, the innermost frames first."""
    frames = []
    at = error.__traceback__
    while at is not None:
        code = at.tb_frame.f_code
        frames.append(f"{code.co_filename.rpartition('/')[2]}:{at.tb_lineno} in {code.co_name}")
        at = at.tb_next
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text} at {' <- '.join(frames[: -_FRAMES - 1 : -1])}"
