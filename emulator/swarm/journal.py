"""The store on disk: one sqlite3 file in the state folder, one transaction a change.

Rules:
1. What a call returned from is in the file: a killed process loses nothing of it. Write-ahead log,
   synchronous at its checkpoints: a power cut may take the last moments, never the whole.
2. Only the engine that holds the state folder's lock opens it, so sqlite keeps the file locked, and
   needs no shared memory: a full disk is an error and not a SIGBUS.
3. sqlite3 costs more to import than a replica to spawn: the engine opens its journal when the replicas
   are on their way, unless there is something to read.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import record
from .errors import Broken

FORMAT = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS object (kind TEXT, id TEXT, value TEXT, PRIMARY KEY (kind, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
"""
# What a verb's transaction needs at most, about: so much must be free for one to be accepted.
_ROOM = 16384


class Journal:
    """Puts and removals, each call one transaction; raises Broken, and then nothing of it was done."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._db = sqlite3.connect(path, isolation_level=None)
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._prepare()
        except sqlite3.Error as error:
            raise self._broken(error) from None

    def read(self) -> tuple[list[Any], int]:
        """Every object, and the version of the last change."""
        try:
            rows = self._db.execute("SELECT value FROM object ORDER BY kind, id").fetchall()
            fact = self._db.execute("SELECT value FROM fact WHERE name = 'version'").fetchone()
            return [record.load(value) for (value,) in rows], int(fact[0]) if fact else 0
        except (sqlite3.Error, record.Unreadable) as error:
            raise self._broken(error) from None

    def write(self, version: int, put: Sequence[Any], removed: Sequence[Any]) -> None:
        rows = [(type(thing).__name__, thing.id, record.dump(thing)) for thing in put]
        gone = [(type(thing).__name__, thing.id) for thing in removed]
        with self._transaction():
            self._db.executemany("REPLACE INTO object VALUES (?, ?, ?)", rows)
            self._db.executemany("DELETE FROM object WHERE kind = ? AND id = ?", gone)
            self._db.execute("REPLACE INTO fact VALUES ('version', ?)", (version,))

    def check_room(self) -> None:
        """Raises Broken when the next change would not find its place on the disk."""
        with self._transaction():
            self._db.execute("REPLACE INTO fact VALUES ('room', randomblob(?))", (_ROOM,))

    def close(self, *, remove: bool = False) -> None:
        self._db.close()
        if remove:
            erase(self.path)

    def _prepare(self) -> None:
        known = self._db.execute("PRAGMA user_version").fetchone()[0]
        if known > FORMAT:
            raise Broken(f"{self.path} is of a newer emulator (format {known})")
        if not known:
            self._db.executescript(_TABLES)
            self._db.execute(f"PRAGMA user_version = {FORMAT}")

    def _transaction(self) -> _Transaction:
        return _Transaction(self._db, self._broken)

    def _broken(self, error: Exception) -> Broken:
        """In Docker's words where it has some: Go's text of ENOSPC."""
        code = getattr(error, "sqlite_errorname", "")
        if code == "SQLITE_FULL":
            return Broken(f"write {self.path}: no space left on device")
        return Broken(f"{self.path}: {error}")


def erase(path: Path) -> None:
    """A journal's file, and the one that sqlite has beside it."""
    for suffix in ("", "-wal", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


class _Transaction:
    """`with`: all of it or nothing; an error of sqlite leaves it as Broken."""

    def __init__(self, db: sqlite3.Connection, broken: Any) -> None:
        self._db, self._broken = db, broken

    def __enter__(self) -> None:
        self._do("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None:
            self._do("COMMIT")
            return
        self._undo()
        if isinstance(error, sqlite3.Error):
            raise self._broken(error) from None

    def _do(self, words: str) -> None:
        try:
            self._db.execute(words)
        except sqlite3.Error as error:
            self._undo()
            raise self._broken(error) from None

    def _undo(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")
