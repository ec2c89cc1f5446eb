"""nginx's configuration language: text -> a tree of nodes that know their file and line."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Node:
    """One directive as written: `block` is None for a simple one, else the nodes inside its braces."""

    name: str
    args: tuple[str, ...]
    file: str
    line: int
    block: tuple[Node, ...] | None = None


class ConfError(Exception):
    """A configuration that nginx would not start with; `str()` is nginx's own line without date and pid."""

    def __init__(self, message: str, file: str = "", line: int = 0) -> None:
        super().__init__(message)
        self.message, self.file, self.line = message, file, line

    def __str__(self) -> str:
        where = f" in {self.file}:{self.line}" if self.file else ""
        return f"[emerg] {self.message}{where}"
