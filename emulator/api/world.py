"""What the API needs of the engine and its containers: the engine is one, tests have others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from ..settings import Settings
from ..swarm.loop import Loop
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


class Log(Protocol):
    """A container's lines so far, and those to come."""

    def lines(self) -> tuple[Line, ...]: ...
    def follow(self, follower: Callable[[Line], None], ended: Callable[[], None]) -> Callable[[], None]: ...


class Container(Protocol):
    """One task's container."""

    id: str
    hostname: str
    task: Task
    links: Links
    pid: int
    paused: bool
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
    def names(self) -> tuple[str, ...]: ...

    def send(self, number: int) -> None: ...
    def stop(self, stop_signal: str | None) -> None: ...
    def kill(self) -> None: ...
    def pause(self) -> None: ...
    def unpause(self) -> None: ...


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


class Cluster(Protocol):
    """The swarm that this node is the manager of; `spec` is Docker's SwarmSpec as JSON."""

    id: str
    version: int
    created_at: float
    updated_at: float
    worker_token: str
    manager_token: str
    spec: str


class Swarm(Protocol):
    """This node's part in a swarm; refusals are SwarmErrors with Docker's status and words."""

    @property
    def cluster(self) -> Cluster | None: ...
    def init(self, spec: str) -> str: ...  # the node's id
    def leave(self, *, force: bool) -> None: ...
    def update(self, spec: str, *, rotate_worker: bool, rotate_manager: bool) -> None: ...


class World(Protocol):
    """The engine as the API sees it."""

    node_id: str
    node_name: str
    settings: Settings
    store: Store
    loop: Loop

    @property
    def containers(self) -> Mapping[str, Container]: ...
    def container(self, reference: str) -> Container | None: ...
