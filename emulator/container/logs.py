"""What a task has written: the last lines of both streams, bounded in bytes, and who follows them.

They are in memory: as in Docker they go with their container, and no engine finds the one before's. The
json-file driver's `max-size` and `max-file` bound them further; of the driver `none` nothing is kept.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from itertools import islice
from typing import NamedTuple

STDOUT, STDERR = 1, 2
# Docker's json-file driver cuts a line there, too.
LONGEST_LINE = 16 * 1024
_LIMIT = 1 << 20
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
# What a line takes beside its text, so that many short ones are bounded, too.
_EACH = 128


class Line(NamedTuple):
    """One line; `stream` as in Docker's multiplexed frames, `end` empty where the task ended none."""

    time: float
    stream: int
    text: bytes
    end: bytes = b"\n"


Follower = Callable[[Line], None]


class Log:
    """A task's lines, oldest first; what exceeds `limit` bytes is forgotten from the front."""

    def __init__(self, clock: Callable[[], float], limit: int = _LIMIT) -> None:
        self._clock, self._limit = clock, limit
        self._lines: deque[Line] = deque()
        self._partial = {STDOUT: b"", STDERR: b""}
        self._followers: list[tuple[Follower, Callable[[], None]]] = []
        self.size = self.written = 0

    def feed(self, stream: int, data: bytes) -> None:
        """Bytes as they came; a line counts once it is complete or too long."""
        *lines, rest = (self._partial[stream] + data).split(b"\n")
        for text in lines:
            self._add(stream, self._cut(stream, text))
        self._partial[stream] = self._cut(stream, rest)

    def end(self) -> None:
        """The streams are closed: what has no line end is a line, too."""
        for stream, rest in self._partial.items():
            if rest:
                self._add(stream, rest, b"")
        self._partial = {STDOUT: b"", STDERR: b""}
        for _, ended in tuple(self._followers):
            ended()

    def lines(self) -> tuple[Line, ...]:
        return tuple(self._lines)

    def after(self, number: int) -> tuple[Line, ...]:
        """Those beyond the first `number` ever written, without what is forgotten meanwhile."""
        known = len(self._lines)
        return tuple(islice(self._lines, max(0, known - (self.written - number)), None))

    def follow(self, follower: Follower, ended: Callable[[], None] = lambda: None) -> Callable[[], None]:
        """Hear of each line from now on, and of the end, until the returned function is called."""
        entry = (follower, ended)
        self._followers.append(entry)
        return lambda: self._followers.remove(entry)

    def _cut(self, stream: int, text: bytes) -> bytes:
        """What is left of a line when its first parts have gone on their way."""
        while len(text) > LONGEST_LINE:
            self._add(stream, text[:LONGEST_LINE], b"")
            text = text[LONGEST_LINE:]
        return text

    def _add(self, stream: int, text: bytes, end: bytes = b"\n") -> None:
        line = Line(self._clock(), stream, text, end)
        self._lines.append(line)
        self.written += 1
        self.size += len(text) + _EACH
        while self.size > self._limit:
            self.size -= len(self._lines.popleft().text) + _EACH
        for follower, _ in tuple(self._followers):
            follower(line)


def limit(driver: str, options: Mapping[str, str]) -> int:
    """How much of a task is kept, by its log driver's name and options."""
    if driver == "none":
        return 0
    size, count = options.get("max-size", "").lower().removesuffix("b"), options.get("max-file", "1")
    number, unit = (size[:-1], size[-1:]) if size[-1:] in ("k", "m", "g") else (size, "")
    if not number.isdigit() or not count.isdigit() or int(number) <= 0:
        return _LIMIT
    return min(_LIMIT, int(number) * _UNITS[unit] * max(1, int(count)))
