"""The state folder of a run: one engine at a time, its sockets, what a crashed one left."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from ..container import guardian
from ..container.root import remove_tree
from ..container.runtime import STATE_MARK

if TYPE_CHECKING:
    from .console import Console

# sun_path without its end, on the strictest system.
_LONGEST_PATH = 103


class CannotStart(Exception):
    """Why nothing was started: one line for the user."""


class State:
    """`with State(folder)`: ours alone until the end; its files say what runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.record = folder / "groups"
        self.api_path = folder / "docker.sock"
        self.journal = folder / "swarm.db"
        self._lock = -1
        self._undo: list[Callable[[], object]] = []

    def __enter__(self) -> State:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        for name in ("networks", "tasks"):
            (self.folder / name).mkdir(exist_ok=True)
        ignore = self.folder / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")
        self._lock = os.open(self.folder / "engine.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(self._lock, 20).decode().strip()
            os.close(self._lock)
            raise CannotStart(
                f"another emulator (pid {holder or 'unknown'}) already runs on {self.folder}"
            ) from None
        os.ftruncate(self._lock, 0)
        os.write(self._lock, f"{os.getpid()}\n".encode())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for undo in reversed(self._undo):
            with contextlib.suppress(OSError):
                undo()
        os.ftruncate(self._lock, 0)
        os.close(self._lock)

    def clear_leftovers(self, console: Console) -> None:
        """A run that ended without its last words: whatever it left is killed, and its folders go."""
        if not self.record.exists():
            return
        killed = guardian.kill_leftovers(str(self.record), f"{STATE_MARK}={self.folder}")
        if killed:
            console.note(f"ended {killed} processes that an earlier run had left")
        for home in (self.folder / "tasks").iterdir():
            remove_tree(home)

    def keep_record(self, keeper: guardian.Guardian) -> None:
        """From now on a crash leaves a record; an orderly end removes it."""
        keeper.record(str(self.record))
        self._undo.append(lambda: self.record.unlink(missing_ok=True))

    def datagrams(self) -> tuple[socket.socket, str]:
        """Where tasks say that they listen; the path is short enough for their sockets."""
        path = self.folder / "ready.sock"
        if len(os.fsencode(path)) > _LONGEST_PATH:
            from tempfile import mkdtemp

            shorter = Path(mkdtemp(prefix="emulator-"))
            self._undo.append(lambda: remove_tree(shorter))
            path = shorter / "ready.sock"
        sock = self._bound(socket.SOCK_DGRAM, path)
        sock.setblocking(False)
        return sock, str(path)

    def api_socket(self) -> socket.socket:
        sock = self._bound(socket.SOCK_STREAM, self.api_path)
        sock.listen(128)
        sock.setblocking(False)
        return sock

    def _bound(self, kind: int, path: Path) -> socket.socket:
        """A socket for its owner only; what lies there is of a dead run, as the lock is ours."""
        sock = socket.socket(socket.AF_UNIX, kind)
        path.unlink(missing_ok=True)
        folder = os.open(path.parent, os.O_RDONLY)
        long = len(os.fsencode(path)) > _LONGEST_PATH
        before = os.umask(0o177)
        try:
            sock.bind(f"/proc/self/fd/{folder}/{path.name}" if long else str(path))
        finally:
            os.umask(before)
            os.close(folder)
        self._undo += [lambda: path.unlink(missing_ok=True), sock.close]
        return sock
