"""What the API needs of the engine and its containers: the engine is one, tests have others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from ..settings import Mount, Settings
from ..swarm.control import Control
from ..swarm.loop import Loop
from ..swarm.membership import Membership
from ..swarm.model import Task
from ..swarm.networks import Links
from ..swarm.store import Store


class Line(Protocol):
    """One line of a log."""

    @property
    def time(self) -> float: ...
    @property
    def stream(self) -> int: ...
    @property
    def text(self) -> bytes: ...
    @property
    def end(self) -> bytes: ...


class Log(Protocol):
    """A container's lines so far, and those to come; `written` counts them all, forgotten ones too."""

    @property
    def written(self) -> int: ...
    def lines(self) -> tuple[Line, ...]: ...
    def after(self, number: int) -> tuple[Line, ...]: ...
    def follow(self, follower: Callable[[Line], None], ended: Callable[[], None]) -> Callable[[], None]: ...


class Container(Protocol):
    """One task's container."""

    id: str
    hostname: str
    task: Task
    links: Links
    mounts: tuple[Mount, ...]
    pid: int
    paused: bool
    oom_killed: bool
    created: float
    started: float
    finished: float

    @property
    def log(self) -> Log: ...
    @property
    def running(self) -> bool: ...
    @property
    def exit_code(self) -> int: ...
    @property
    def words(self) -> tuple[str, ...]: ...
    @property
    def workdir(self) -> str: ...
    @property
    def expose(self) -> tuple[int, ...]: ...
    @property
    def health(self) -> Health | None: ...

    def send(self, number: int) -> None: ...
    def stop(self, stop_signal: str | None) -> None: ...
    def kill(self) -> None: ...
    def pause(self) -> None: ...
    def unpause(self) -> None: ...
    def usage(self) -> Usage: ...
    def top(self) -> Sequence[Process]: ...
    def ps(self, arguments: str) -> tuple[list[str], list[list[str]]]: ...


class Result(Protocol):
    """One test of a health check."""

    @property
    def start(self) -> float: ...
    @property
    def end(self) -> float: ...
    @property
    def exit_code(self) -> int: ...
    @property
    def output(self) -> str: ...


class Health(Protocol):
    """How a container is by its health check."""

    status: str
    streak: int

    @property
    def results(self) -> Iterable[Result]: ...


class Process(Protocol):
    """One process of a container as `ps -ef` lists it."""

    @property
    def uid(self) -> str: ...
    @property
    def pid(self) -> int: ...
    @property
    def parent(self) -> int: ...
    @property
    def share(self) -> int: ...
    @property
    def started(self) -> str: ...
    @property
    def terminal(self) -> str: ...
    @property
    def time(self) -> str: ...
    @property
    def command(self) -> str: ...


class Usage(Protocol):
    """What a container's processes have used so far, and how many they are."""

    @property
    def cpu(self) -> float: ...  # seconds, of user and system together
    @property
    def cpu_system(self) -> float: ...
    @property
    def memory(self) -> int: ...  # octets
    @property
    def pids(self) -> int: ...
    @property
    def read(self) -> int: ...
    @property
    def written(self) -> int: ...


class World(Protocol):
    """The engine as the API sees it."""

    node_id: str
    node_name: str
    settings: Settings
    store: Store
    control: Control
    swarm: Membership
    loop: Loop

    @property
    def containers(self) -> Mapping[str, Container]: ...
    def container(self, reference: str) -> Container | None: ...
