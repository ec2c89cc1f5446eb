"""Docker's objects, in Docker's words, as values: a change is a new value in the store.

Named tuples: to define a frozen dataclass takes eight times as long, and every start would pay for it.

A task is never restarted, only replaced in its slot; its state moves forward only. Times are seconds
since the epoch on the engine's own steady clock.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from ..settings import Healthcheck, Mount, Port, RestartPolicy, UpdateConfig

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
        return self in _FINAL


_RANK = {state: rank for rank, state in enumerate(TaskState)}
_FINAL = frozenset(state for state in TaskState if state.rank > TaskState.RUNNING.rank)


class DesiredState(StrEnum):
    """What the reconciler wants of a task; it only moves towards removal."""

    READY = "ready"
    RUNNING = "running"
    SHUTDOWN = "shutdown"
    REMOVE = "remove"

    @property
    def wants_to_run(self) -> bool:
        return self in (DesiredState.READY, DesiredState.RUNNING)


Pairs = tuple[tuple[str, str], ...]


class Resources(NamedTuple):
    """One side of Docker's Resources: limits or reservations; 0 is none."""

    nano_cpus: int = 0
    memory: int = 0
    pids: int = 0


class Placement(NamedTuple):
    """Which nodes will do: constraints as they were written, spread descriptors, most tasks a node."""

    constraints: tuple[str, ...] = ()
    preferences: tuple[str, ...] = ()
    max_replicas: int = 0


class LogDriver(NamedTuple):
    name: str
    options: Pairs = ()


class EndpointSpec(NamedTuple):
    """How a service is reached; a task keeps the one that it was made under."""

    mode: str = "vip"
    ports: tuple[Port, ...] = ()


class TaskSpec(NamedTuple):
    """A service's TaskTemplate with its ContainerSpec: a task whose spec differs from it is out of date.

    What is None was not said, and Docker shows it only when asked for defaults. `command` replaces the
    image's entrypoint, `args` its command. `networks` are names; `aliases` pairs of network and name.
    `other` is JSON: fields of a ContainerSpec that mean nothing here, shown as they came.
    """

    image: str
    command: tuple[str, ...] | None = None
    args: tuple[str, ...] | None = None
    env: Pairs = ()
    labels: Pairs = ()
    dir: str | None = None
    user: str | None = None
    hostname: str | None = None
    networks: tuple[str, ...] = ()
    aliases: Pairs = ()
    mounts: tuple[Mount, ...] = ()
    hosts: tuple[str, ...] = ()
    healthcheck: Healthcheck | None = None
    init: bool | None = None
    tty: bool = False
    read_only: bool = False
    stop_signal: str | None = None
    stop_grace: float | None = None
    restart_policy: RestartPolicy | None = None
    limits: Resources = Resources()
    reservations: Resources = Resources()
    placement: Placement = Placement()
    log_driver: LogDriver | None = None
    force_update: int = 0
    other: str = ""

    @property
    def restart(self) -> RestartPolicy:
        return self.restart_policy or RestartPolicy()

    @property
    def stop_grace_period(self) -> float:
        return 10.0 if self.stop_grace is None else self.stop_grace


class ServiceSpec(NamedTuple):
    """The user's intent; the system changes it only to roll it back."""

    name: str
    task: TaskSpec
    replicas: int = 1
    ports: tuple[Port, ...] = ()
    endpoint_mode: str = "vip"
    labels: Pairs = ()
    mode: str = "replicated"  # "replicated" | "global"
    update: UpdateConfig | None = None
    rollback: UpdateConfig | None = None

    @property
    def update_config(self) -> UpdateConfig:
        return self.update or UpdateConfig()

    @property
    def rollback_config(self) -> UpdateConfig:
        return self.rollback or UpdateConfig()

    @property
    def endpoint(self) -> EndpointSpec:
        return EndpointSpec(self.endpoint_mode, self.ports)


class UpdateState(StrEnum):
    UPDATING = "updating"
    PAUSED = "paused"
    COMPLETED = "completed"
    ROLLBACK_STARTED = "rollback_started"
    ROLLBACK_PAUSED = "rollback_paused"
    ROLLBACK_COMPLETED = "rollback_completed"

    @property
    def is_rollback(self) -> bool:
        return self.value.startswith("rollback")

    @property
    def is_under_way(self) -> bool:
        return self in (UpdateState.UPDATING, UpdateState.ROLLBACK_STARTED)

    @property
    def is_paused(self) -> bool:
        return self in (UpdateState.PAUSED, UpdateState.ROLLBACK_PAUSED)


class UpdateStatus(NamedTuple):
    """How far a change of a service has come, in Docker's words."""

    state: UpdateState
    message: str
    started_at: float = 0.0
    completed_at: float = 0.0
    slots: int = 0  # how many were out of date when it began


class NetworkSpec(NamedTuple):
    """A network as it is asked for; without a subnet it gets the next free one."""

    name: str
    driver: str = "overlay"
    subnet: str = ""
    gateway: str = ""
    ip_range: str = ""
    labels: Pairs = ()
    options: Pairs = ()
    attachable: bool = False
    internal: bool = False


class Attachment(NamedTuple):
    """An address in a network: a service's VIP or a task's own."""

    network: str
    address: str


class Service(NamedTuple):
    """`spec_version` names this very spec: it changes with a user's change, not with the system's own."""

    id: str
    spec: ServiceSpec
    version: int = 0
    created_at: float = 0.0
    updated_at: float = 0.0
    previous_spec: ServiceSpec | None = None
    vips: tuple[Attachment, ...] = ()
    ports: tuple[Port, ...] = ()  # as published here: 0 has become a number
    spec_version: int = 0
    previous_spec_version: int = 0
    update_status: UpdateStatus | None = None

    @property
    def name(self) -> str:
        return self.spec.name


class Task(NamedTuple):
    """One run in a slot. `not_before` holds back its start, `restarts` are the attempts that led to it.

    `spec_version` and `endpoint` are the service's when the task was made; `desired_at` is when its
    desired state was decided.
    """

    id: str
    service_id: str
    service_name: str
    slot: int
    spec: TaskSpec
    desired: DesiredState = DesiredState.RUNNING
    state: TaskState = TaskState.NEW
    version: int = 0
    desired_at: float = 0.0
    spec_version: int = 0
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
    endpoint: EndpointSpec | None = None
    ports: tuple[Port, ...] = ()  # host mode: what is published for it alone
    started_at: float = 0.0  # when it began to run
    mounts: tuple[Mount, ...] = ()  # its container's: templates have values, a volume without a name has one
    oom: int = 0  # how many of its processes the memory limit has cost
    health: str = ""  # of its container: "starting" | "healthy" | "unhealthy", "" without a health check
    of_update: float = 0.0  # when the update began that made it

    @property
    def name(self) -> str:
        """Docker's container name: service, slot or (of a global service) node, task."""
        return f"{self.label}.{self.id}"

    @property
    def label(self) -> str:
        return f"{self.service_name}.{self.slot or self.node_id}"

    @property
    def is_up(self) -> bool:
        """Whether it fills its slot: wanted, and not at its end."""
        return self.desired.wants_to_run and not self.state.is_final

    def __repr__(self) -> str:
        return f"<Task {self.label} {self.id[:12]} {self.state}, wanted {self.desired}>"


class Network(NamedTuple):
    """An overlay; without a subnet it could not be allocated, and its tasks stay new."""

    id: str
    name: str
    driver: str
    subnet: str
    gateway: str
    version: int = 0
    created_at: float = 0.0
    endpoint: str | None = None  # the load balancer's own address, once a task has landed here
    labels: Pairs = ()
    options: Pairs = ()
    attachable: bool = False
    internal: bool = False
    ip_range: str = ""
    updated_at: float = 0.0


class Volume(NamedTuple):
    """A named volume; `id` is its name, as Docker knows it by nothing else."""

    id: str
    mountpoint: str
    version: int = 0
    created_at: float = 0.0
    labels: Pairs | None = None
    options: Pairs | None = None

    @property
    def name(self) -> str:
        return self.id


class Node(NamedTuple):
    """This machine as the swarm's only node: its leader, always ready."""

    id: str
    hostname: str
    address: str = "127.0.0.1"
    availability: str = "active"  # "active" | "pause" | "drain"
    role: str = "manager"
    labels: Pairs = ()
    os: str = "linux"
    architecture: str = "x86_64"
    resources: Resources = Resources()
    version: int = 0
    created_at: float = 0.0
    updated_at: float = 0.0

    @property
    def name(self) -> str:
        return self.hostname


Object = Service | Task | Network | Volume | Node
