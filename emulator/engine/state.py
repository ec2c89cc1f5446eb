"""The state folder of a run: one engine at a time, its sockets, what a crashed one left."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from ..container import guardian
from ..container.root import remove_tree
from ..container.runtime import STATE_MARK

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
        self._patient = False
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
            fcntl.flock(self._lock, fcntl.LOCK_EX | (0 if self._patient else fcntl.LOCK_NB))
        except OSError:
            holder = os.read(self._lock, 20).decode().strip() or "unknown"
            os.close(self._lock)
            words = f"another emulator (pid {holder}) already runs on {self.folder}; `emulator down` stops it"
            raise CannotStart(words) from None
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

    def patiently(self) -> State:
        """For `with`: ours as soon as whoever has it now has ended."""
        self._patient = True
        return self

    def holder(self) -> int:
        """The engine that runs on this folder; 0 when there is none."""
        with contextlib.suppress(FileNotFoundError), (self.folder / "engine.lock").open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return int(file.read() or 0)
        return 0

    def clear_leftovers(self, note: Callable[[str], None]) -> None:
        """A run that ended without its last words: whatever it left is killed, and its folders go."""
        if not self.record.exists():
            return
        killed = guardian.kill_leftovers(str(self.record), f"{STATE_MARK}={self.folder}")
        if killed:
            note(f"ended {killed} processes that an earlier run had left")
        for home in (self.folder / "tasks").iterdir():
            remove_tree(home)

    def keep_record(self, keeper: guardian.Guardian) -> None:
        """From now on a crash leaves a record; an orderly end removes it."""
        keeper.record(str(self.record))
        self._undo.append(lambda: self.record.unlink(missing_ok=True))

    def datagrams(self) -> tuple[socket.socket, str]:
        """Where tasks say that they listen."""
        path = self._reachable("ready.sock")
        sock = self._bound(socket.SOCK_DGRAM, path)
        return sock, str(path)

    def api_socket(self) -> socket.socket:
        """Docker's socket; where its path outgrows a socket's name a link leads to where it is."""
        place = self._reachable("docker.sock")
        sock = self._bound(socket.SOCK_STREAM, place)
        sock.listen(128)
        if place != self.api_path:
            self.api_path.unlink(missing_ok=True)
            self.api_path.symlink_to(place)
            self._undo.append(self.api_path.unlink)
            self.api_path = place
        return sock

    def _reachable(self, name: str) -> Path:
        """A socket's path that every client can use: in this folder, or in one with a shorter name."""
        path = self.folder / name
        return path if len(os.fsencode(path)) <= _LONGEST_PATH else _shorter(self.folder) / name

    def _bound(self, kind: int, path: Path) -> socket.socket:
        """A socket for its owner only; what lies there is of a dead run, as the lock is ours."""
        sock = socket.socket(socket.AF_UNIX, kind)
        path.unlink(missing_ok=True)
        before = os.umask(0o177)
        try:
            sock.bind(str(path))
        finally:
            os.umask(before)
        sock.setblocking(False)
        self._undo += [lambda: path.unlink(missing_ok=True), sock.close]
        return sock


def _shorter(folder: Path) -> Path:
    """The same folder for every run on this one, so that a killed run's is found again; ours alone."""
    from hashlib import sha256
    from tempfile import gettempdir

    mark = sha256(os.fsencode(folder)).hexdigest()[:12]
    made = Path(os.environ.get("XDG_RUNTIME_DIR") or gettempdir()) / f"emulator-{os.geteuid()}-{mark}"
    with contextlib.suppress(FileExistsError):
        made.mkdir(mode=0o700)
    found = made.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise CannotStart(f"{made} is not a folder of this user's alone")
    return made
