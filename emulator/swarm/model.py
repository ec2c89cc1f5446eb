"""Docker's objects, in Docker's words, as values: a change is a new value in the store.

Named tuples: to define a frozen dataclass takes eight times as long, and every start would pay for it.

A task is never restarted, only replaced in its slot; its state moves forward only. Times are seconds
since the epoch on the engine's own steady clock.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from ..settings import Mount, Port, RestartPolicy

# How many tasks of a slot are remembered, the present one included (Docker's TaskHistoryRetentionLimit).
HISTORY = 5


class TaskState(StrEnum):
    """What the agent saw, in swarmkit's order."""

    NEW = "new"
    PENDING = "pending"
    ASSIGNED = "assigned"
    ACCEPTED = "accepted"
    PREPARING = "preparing"
    READY = "ready"
    STARTING = "starting"
    RUNNING = "running"
    COMPLETE = "complete"
    SHUTDOWN = "shutdown"
    FAILED = "failed"
    REJECTED = "rejected"
    REMOVE = "remove"
    ORPHANED = "orphaned"

    @property
    def rank(self) -> int:
        return _RANK[self]

    @property
    def is_final(self) -> bool:
        return self.rank > TaskState.RUNNING.rank


_RANK = {state: rank for rank, state in enumerate(TaskState)}


class DesiredState(StrEnum):
    """What the reconciler wants of a task; it only moves towards removal."""

    READY = "ready"
    RUNNING = "running"
    SHUTDOWN = "shutdown"
    REMOVE = "remove"

    @property
    def wants_to_run(self) -> bool:
        return self in (DesiredState.READY, DesiredState.RUNNING)


class TaskSpec(NamedTuple):
    """A service's TaskTemplate: a task whose spec differs from it is out of date."""

    image: str
    command: tuple[str, ...] | None = None
    env: tuple[tuple[str, str], ...] = ()
    hostname: str | None = None
    networks: tuple[str, ...] = ()
    mounts: tuple[Mount, ...] = ()
    restart: RestartPolicy = RestartPolicy()
    stop_grace_period: float = 10.0
    stop_signal: str | None = None
    force_update: int = 0


class ServiceSpec(NamedTuple):
    """The user's intent; the system never changes it."""

    name: str
    task: TaskSpec
    replicas: int = 1
    ports: tuple[Port, ...] = ()
    endpoint_mode: str = "vip"
    labels: tuple[tuple[str, str], ...] = ()


class Attachment(NamedTuple):
    """An address in a network: a service's VIP or a task's own."""

    network: str
    address: str


class Service(NamedTuple):
    id: str
    spec: ServiceSpec
    version: int = 0
    created_at: float = 0.0
    updated_at: float = 0.0
    previous_spec: ServiceSpec | None = None
    vips: tuple[Attachment, ...] = ()
    ports: tuple[Port, ...] = ()  # as published here: 0 has become a number

    @property
    def name(self) -> str:
        return self.spec.name


class Task(NamedTuple):
    """One run in a slot. `not_before` holds back its start, `restarts` are the attempts that led to it.

    `desired_version` is the service's version when its desired state was decided: a slot that was
    given up stays so until the service changes.
    """

    id: str
    service_id: str
    service_name: str
    slot: int
    spec: TaskSpec
    desired: DesiredState = DesiredState.RUNNING
    state: TaskState = TaskState.NEW
    version: int = 0
    desired_version: int = 0
    created_at: float = 0.0
    updated_at: float = 0.0
    not_before: float = 0.0
    restarts: tuple[float, ...] = ()
    timestamp: float = 0.0
    message: str = "created"
    error: str = ""
    node_id: str = ""
    container_id: str = ""
    pid: int = 0
    exit_code: int | None = None
    attachments: tuple[Attachment, ...] = ()
    listens: bool = False  # its endpoint is in the rotation

    @property
    def name(self) -> str:
        """Docker's container name: service, slot, task."""
        return f"{self.service_name}.{self.slot}.{self.id}"

    @property
    def label(self) -> str:
        return f"{self.service_name}.{self.slot}"

    @property
    def is_up(self) -> bool:
        """Whether it fills its slot: wanted, and not at its end."""
        return self.desired.wants_to_run and not self.state.is_final

    def __repr__(self) -> str:
        return f"<Task {self.label} {self.id[:12]} {self.state}, wanted {self.desired}>"


class Network(NamedTuple):
    id: str
    name: str
    driver: str
    subnet: str
    gateway: str
    version: int = 0
    created_at: float = 0.0
    endpoint: str | None = None  # the load balancer's own address, once a task has landed here


class Volume(NamedTuple):
    """A named volume; `id` is its name, as Docker knows it by nothing else."""

    id: str
    mountpoint: str
    version: int = 0
    created_at: float = 0.0

    @property
    def name(self) -> str:
        return self.id


Object = Service | Task | Network | Volume
