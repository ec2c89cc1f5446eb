"""What the person at the terminal sees: `webapp.2  | text`, as docker compose writes it.

Until a service has once succeeded its lines are held back: when it fails from the start, the text of one
task says it all, once. Writing never waits: what the terminal does not take is kept, within bounds.
"""

from __future__ import annotations

import os
import select
import sys
from collections import deque
from typing import TYPE_CHECKING

from ..settings import Settings

if TYPE_CHECKING:
    from ..container.logs import Line
    from ..swarm.loop import Loop
    from ..swarm.model import Task

_COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)
_PIECE = select.PIPE_BUF if hasattr(select, "PIPE_BUF") else 512
_BACKLOG = 4 << 20


class Console:
    """Standard output; `held` are the lines of tasks whose service has not succeeded yet."""

    def __init__(self, settings: Settings, *, quiet: bool, descriptor: int = 1) -> None:
        self._descriptor, self._quiet = descriptor, quiet
        self._colour = os.isatty(descriptor) and not os.environ.get("NO_COLOR")
        self._width = max((len(f"{s.name}.{max(1, s.replicas)}") for s in settings.services), default=0)
        self._prefixes: dict[str, bytes] = {}
        self._held: dict[str, dict[str, list[bytes]]] = {}
        self._open: set[str] = set()
        self._backlog: deque[bytes] = deque()
        self._waiting = 0
        self._loop: Loop | None = None
        self.broken = False

    def attach(self, loop: Loop) -> None:
        self._loop = loop

    def line(self, task: Task, line: Line) -> None:
        if self._quiet and task.service_name in self._open:
            return
        text = self._prefix(task) + line.text + b"\n"
        if task.service_name in self._open:
            self._write(text)
        else:
            self._held.setdefault(task.service_name, {}).setdefault(task.id, []).append(text)

    def release(self, service: str) -> None:
        """The service has succeeded: its lines flow."""
        if service not in self._open:
            self._open.add(service)
            held = self._held.pop(service, {})
            for lines in held.values() if not self._quiet else ():
                self._write(b"".join(lines))

    def only(self, task: Task) -> None:
        """The service has failed, and this task shows how."""
        if task.service_name not in self._open:
            self._open.add(task.service_name)
            lines = self._held.pop(task.service_name, {}).get(task.id, [])
            self._write(b"".join(lines))

    def close_lines(self) -> None:
        """Nothing more of any task."""
        self._quiet = True

    def note(self, text: str) -> None:
        self._write(text.encode() + b"\n")

    def error(self, text: str) -> None:
        """On standard error, after everything that was said before."""
        self.flush()
        print(text, file=sys.stderr, flush=True)

    def flush(self) -> None:
        """At the end: a moment for what is still unwritten."""
        while self._backlog and self._writable(0.5):
            self._drain()

    def _prefix(self, task: Task) -> bytes:
        label = task.label
        if label not in self._prefixes:
            text = f"{label.ljust(self._width)}  | "
            if self._colour:
                colour = _COLOURS[len(self._prefixes) % len(_COLOURS)]
                text = f"\x1b[{colour}m{text}\x1b[0m"
            self._prefixes[label] = text.encode()
        return self._prefixes[label]

    def _write(self, text: bytes) -> None:
        if self.broken or not text:
            return
        self._backlog.append(text)
        self._waiting += len(text)
        while self._waiting > _BACKLOG and len(self._backlog) > 1:
            self._waiting -= len(self._backlog.popleft())
        self._drain()

    def _drain(self) -> None:
        """As much as is taken without waiting."""
        while self._backlog and self._writable(0):
            piece = self._backlog.popleft()
            try:
                count = os.write(self._descriptor, piece[:_PIECE])
            except OSError:
                self.broken = True
                self._backlog.clear()
                count = 0
            self._waiting -= count
            if count < len(piece) and not self.broken:
                self._backlog.appendleft(piece[count:])
        self._watch()

    def _watch(self) -> None:
        """What is left goes when the terminal takes it again."""
        if self._loop is None:
            return
        if self._backlog:
            self._loop.add_writer(self._descriptor, self._drain)
        else:
            self._loop.remove_writer(self._descriptor)

    def _writable(self, patience: float) -> bool:
        try:
            return bool(select.select([], [self._descriptor], [], patience)[1])
        except OSError:
            self.broken = True
            return False
