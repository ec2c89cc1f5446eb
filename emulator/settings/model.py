"""The frozen tree that config.toml becomes: the shapes that the rest of the program reads.

Named tuples, as in every room that a start passes through: to define one takes a tenth of a dataclass.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple


class Mount(NamedTuple):
    """Docker's mount: `source` is a volume's name, or a real absolute path for a bind."""

    type: str  # "volume" | "bind" | "tmpfs"
    source: str
    target: str
    read_only: bool = False
    no_copy: bool = False
    labels: tuple[tuple[str, str], ...] = ()
    propagation: str = ""
    driver: str = ""
    options: tuple[tuple[str, str], ...] = ()


class Port(NamedTuple):
    """A published port: `published` on this machine's loopback leads to `target` in the task.

    `published` 0 asks for any free port of this machine.
    """

    target: int
    published: int
    protocol: str = "tcp"
    mode: str = "ingress"  # "ingress" | "host"

    @property
    def url(self) -> str:
        """Where a browser finds it; what listens on 443 speaks TLS."""
        return f"{'https' if self.target == 443 else 'http'}://localhost:{self.published}"


class RestartPolicy(NamedTuple):
    """Docker's restart policy; times in seconds; `max_attempts` 0 is no limit."""

    condition: str = "any"  # "none" | "on-failure" | "any"
    delay: float = 5.0
    max_attempts: int = 0
    window: float = 0.0


class UpdateConfig(NamedTuple):
    """How a change reaches the tasks, or how it is taken back; `parallelism` 0 is all at once."""

    parallelism: int = 1
    delay: float = 0.0
    failure_action: str = "pause"  # "pause" | "continue" | "rollback" (of an update only)
    monitor: float = 5.0
    max_failure_ratio: float = 0.0
    order: str = "stop-first"  # "stop-first" | "start-first"


class Healthcheck(NamedTuple):
    """Docker's health check: `test` begins with CMD, CMD-SHELL or NONE; 0 and () take the image's, then
    Docker's own: 30 s, 30 s, no start period, 5 s, 3 retries."""

    test: tuple[str, ...] = ()
    interval: float = 0.0
    timeout: float = 0.0
    start_period: float = 0.0
    start_interval: float = 0.0
    retries: int = 0


class Service(NamedTuple):
    """A service as the user describes it, with Docker's defaults filled in."""

    name: str
    image: str
    replicas: int = 1
    command: tuple[str, ...] | None = None
    env: tuple[tuple[str, str], ...] = ()
    hostname: str | None = None  # may hold {{.Task.Slot}} and the other templates
    networks: tuple[str, ...] = ()
    mounts: tuple[Mount, ...] = ()
    ports: tuple[Port, ...] = ()
    restart_policy: RestartPolicy = RestartPolicy()
    stop_grace_period: float = 10.0
    stop_signal: str | None = None
    endpoint_mode: str = "vip"  # "vip" | "dnsrr"
    mode: str = "replicated"  # "replicated" | "global"
    labels: tuple[tuple[str, str], ...] = ()
    update_config: UpdateConfig | None = None
    rollback_config: UpdateConfig | None = None
    healthcheck: Healthcheck | None = None


class Network(NamedTuple):
    """An overlay network; `subnet` in CIDR notation, None: the next free of Docker's default pool."""

    name: str
    driver: str = "overlay"
    subnet: str | None = None


class Volume(NamedTuple):
    """A named volume; `path` is its real folder (None: under the state folder)."""

    name: str
    path: Path | None = None


class Image(NamedTuple):
    """What an image's name means here: the recipe of a container without its container."""

    name: str
    folder: Path | None = None  # what the image's workdir holds
    command: tuple[str, ...] = ()
    workdir: str = "/app"
    env: tuple[tuple[str, str], ...] = ()
    expose: tuple[int, ...] = ()
    stop_signal: str = "SIGTERM"
    entrypoint: tuple[str, ...] = ()
    healthcheck: Healthcheck | None = None
    paths: tuple[tuple[str, Path], ...] = ()  # more of its file system: container path -> real one


class EmulatorSettings(NamedTuple):
    """What Docker has no word for: how tasks are placed on this machine's addresses.

    `addressing` "loopback" gives each task an address of 127/8, which only Linux answers on without
    being told to, "ports" a port on 127.0.0.1.
    `endpoints` "listening" puts a task into the rotation when it listens, "started" (as Docker
    does it) as soon as its process runs. `honcho_port` is the first port of the Procfile's replicas.
    """

    addressing: str = "loopback" if sys.platform == "linux" else "ports"
    endpoints: str = "listening"
    honcho_port: int = 8001
    state: Path = Path(".emulator")


class Settings(NamedTuple):
    """The whole of config.toml; paths are absolute, names are checked against each other."""

    file: Path
    name: str
    services: tuple[Service, ...] = ()
    networks: tuple[Network, ...] = ()
    volumes: tuple[Volume, ...] = ()
    images: tuple[Image, ...] = ()
    emulator: EmulatorSettings = EmulatorSettings()

    @property
    def root(self) -> Path:
        """The project's folder: every relative path in the file starts here."""
        return self.file.parent
