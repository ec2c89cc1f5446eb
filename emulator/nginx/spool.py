"""Bytes that outgrew memory: a temporary file without a name, written at its end, sent from anywhere."""

from __future__ import annotations

import contextlib
import os


class Spool:
    """Starts over by itself as soon as nothing written to it is lent out, and lives until that is so.

    Whoever has to send a part of it borrows the file and gives it back when the part is out: nothing
    can therefore be cut off or closed under a part that is still to be sent.
    """

    __slots__ = ("_closing", "_lent", "fd", "name", "size")

    name: str | None

    def __init__(self) -> None:
        # imported here because it takes as long as the rest of this room, and most workers never spool
        from tempfile import mkstemp

        self.fd, name = mkstemp(prefix="nginx-")
        os.unlink(name)  # noqa: PTH108
        self._begin()

    def _begin(self) -> None:
        self.name = None
        self.size = 0
        self._lent = 0
        self._closing = False

    def write(self, data: bytes | memoryview) -> int:
        """Append; the offset at which `data` stands. An OSError (the disk is full) leaves what was there."""
        start = self.size
        view = memoryview(data)
        while view:
            written = os.pwrite(self.fd, view, self.size)
            self.size += written
            view = view[written:]
        return start

    def borrow(self) -> int:
        """The descriptor, to be given back."""
        self._lent += 1
        return self.fd

    def give_back(self) -> None:
        """A part is out: when it was the last one, the file does not grow with what comes next."""
        self._lent -= 1
        if self._lent:
            return
        if self._closing:
            os.close(self.fd)
        else:
            os.ftruncate(self.fd, 0)
            self.size = 0

    def close(self) -> None:
        """Nothing more will be written; idempotent."""
        if self._closing:
            return
        self._closing = True
        if not self._lent:
            os.close(self.fd)

    def __repr__(self) -> str:
        return f"<Spool size={self.size} lent={self._lent}{' closing' * self._closing}>"


class NamedSpool(Spool):
    """A file with a name, which others may read, and which is left behind unless `clean` says otherwise."""

    __slots__ = ("_clean", "_path")

    def __init__(self, name: str, path: str, clean: bool) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            self.fd = os.open(path, flags, 0o600)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)  # noqa: PTH103, PTH120
            self.fd = os.open(path, flags, 0o600)
        self._begin()
        self.name = name
        self._path = path
        self._clean = clean

    def close(self) -> None:
        if self._clean and not self._closing:
            with contextlib.suppress(OSError):  # somebody else may have removed it
                os.unlink(self._path)  # noqa: PTH108
        super().close()
