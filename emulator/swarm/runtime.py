"""What the agent asks of a container, and of what makes containers: shapes for the type checker alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ..settings import Mount
from .model import Service, Task
from .networks import Links


class Container(Protocol):
    """One task's container, as its runtime made it."""

    id: str
    hostname: str
    pid: int
    mounts: tuple[Mount, ...]
    on_health: Callable[[str], None]
    on_oom: Callable[[], None]

    @property
    def checked(self) -> bool:
        """Whether it has a health check, and `on_health` hears of each change."""

    def start(self, dead: Callable[[], None], ended: Callable[[int], None]) -> None:
        """Start the process, or raise Failed; `dead` is called first, `ended` when all is cleared."""

    def stop(self, signal: str | None) -> None:
        """Send the stop signal to the first process."""

    def ask(self, signal: str | None) -> None:
        """The same for the engine's own end, also to a process that has no handler for it."""

    def kill(self) -> None:
        """End every process of it at once."""

    def remove(self) -> None:
        """Forget everything about it."""


class Runtime(Protocol):
    """What makes containers of tasks."""

    def expose(self, image: str) -> tuple[int, ...]:
        """The ports of an image; raises Rejected when there is no such image."""

    def binds_published_ports(self, image: str) -> bool:
        """Whether its process itself listens where its service's ports are published."""

    def prepare(self, task: Task, service: Service, links: Links) -> Container:
        """Everything but the process; raises Rejected."""
