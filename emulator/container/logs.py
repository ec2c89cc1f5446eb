"""What a task has written: the last lines of both streams, bounded in bytes, and who follows them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

STDOUT, STDERR = 1, 2
# Docker's json-file driver cuts a line there, too.
LONGEST_LINE = 16 * 1024


class Line(NamedTuple):
    """One line without its end; `stream` as in Docker's multiplexed frames."""

    time: float
    stream: int
    text: bytes


Follower = Callable[[Line], None]


class Log:
    """A task's lines, oldest first; what exceeds `limit` bytes is forgotten from the front."""

    def __init__(self, clock: Callable[[], float], limit: int = 1 << 20) -> None:
        self._clock, self._limit = clock, limit
        self._lines: deque[Line] = deque()
        self._partial = {STDOUT: b"", STDERR: b""}
        self._followers: list[tuple[Follower, Callable[[], None]]] = []
        self.size = 0

    def feed(self, stream: int, data: bytes) -> None:
        """Bytes as they came; a line counts once it is complete or too long."""
        *lines, rest = (self._partial[stream] + data).split(b"\n")
        while len(rest) > LONGEST_LINE:
            lines.append(rest[:LONGEST_LINE])
            rest = rest[LONGEST_LINE:]
        self._partial[stream] = rest
        for text in lines:
            self._add(stream, text)

    def end(self) -> None:
        """The streams are closed: what has no line end is a line, too."""
        for stream, rest in self._partial.items():
            if rest:
                self._add(stream, rest)
        self._partial = {STDOUT: b"", STDERR: b""}
        for _, ended in tuple(self._followers):
            ended()

    def lines(self) -> tuple[Line, ...]:
        return tuple(self._lines)

    def follow(self, follower: Follower, ended: Callable[[], None] = lambda: None) -> Callable[[], None]:
        """Hear of each line from now on, and of the end, until the returned function is called."""
        entry = (follower, ended)
        self._followers.append(entry)
        return lambda: self._followers.remove(entry)

    def _add(self, stream: int, text: bytes) -> None:
        line = Line(self._clock(), stream, text)
        self._lines.append(line)
        self.size += len(text)
        while self.size > self._limit:
            self.size -= len(self._lines.popleft().text)
        for follower, _ in tuple(self._followers):
            follower(line)
