"""The table of keys: what config.toml may hold. The validator and docs/config.md are made from its rows."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from emulator.settings import model
from emulator.settings.notation import (
    COMMAND,
    DURATION_KIND,
    ENV,
    HOSTNAME,
    LABEL_TABLE,
    PATHS,
    RATIO,
    SIGNAL,
    TARGET,
    TEST,
    mount_parts,
    port_parts,
)
from emulator.settings.values import (
    BOOLEAN,
    TEXT,
    Kind,
    Spot,
    Unfit,
    as_text,
    choice,
    closest,
    listed,
    quoted,
    simple,
    whole,
)


class Key(NamedTuple):
    """One key: `also` are other spellings that are taken, `words` those that only lead to this one in errors.

    `default` is shown where the shape's own default says too little; `preset` is the value of a key that
    is not there, where the shape has none.
    """

    name: str
    kind: Kind
    doc: str
    required: bool = False
    default: str = ""
    preset: Any = None
    also: tuple[str, ...] = ()
    words: tuple[str, ...] = ()


class Section(NamedTuple):
    """One table of the file: `title` is its header in TOML, `shape` what it becomes."""

    title: str
    shape: type
    doc: str
    keys: tuple[Key, ...]

    def read(self, value: Any, spot: Spot) -> dict[str, Any] | None:
        """The table's values by name, without those that are not there; None after a problem."""
        if not isinstance(value, dict):
            spot.wrong(value, f"a table with keys like {self.keys[0].name}")
            return None
        before = len(spot.problems)
        known = {name: key for key in self.keys for name in (key.name, *key.also)}
        found: dict[str, Any] = {}
        for name, item in value.items():
            if name not in known:
                self._unknown(name, item, spot)
            elif known[name].name in found:
                spot.at(name).add(f"says again what {known[name].name} says")
            else:
                found[known[name].name] = known[name].kind.read(item, spot.at(name))
        for key in self.keys:
            if key.preset is not None:
                found.setdefault(key.name, key.preset)
            if key.required and not any(name in value for name in (key.name, *key.also)):
                spot.at(key.name).add(f"is missing, expected {key.kind.expected}")
        return found if len(spot.problems) == before else None

    def _unknown(self, name: str, value: Any, spot: Spot) -> None:
        if name in ELSEWHERE:
            spot.at(name).add(f"unknown key: {ELSEWHERE[name]}")
        elif name == "deploy" and isinstance(value, dict) and value:
            for inner in value:
                spot.at(name).at(inner).add(f"unknown key, {self._meant(inner, spot)}")
        else:
            spot.at(name).add(f"unknown key, {self._meant(name, spot)}")

    def _meant(self, name: str, spot: Spot) -> str:
        other = {word: key.name for key in self.keys for word in key.words}
        names = tuple(key.name for key in self.keys)
        near = other.get(name.lower()) or closest(name, names)
        if near:
            return f"did you mean {spot.at(near).path}?"
        return f"expected one of {', '.join(names)}"


ELSEWHERE = {
    "build": "an [images.NAME] section says what an image is",
    "depends_on": "services start side by side, as in a swarm",
    "container_name": "tasks are named after their service and slot",
}

SERVICE_NAME = re.compile(r"[A-Za-z0-9]+(?:[-_]+[A-Za-z0-9]+)*", re.ASCII)
VOLUME_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+", re.ASCII)
IMAGE_NAME = re.compile(
    r"[a-z0-9]+(?:[._/:-]+[a-z0-9]+)*?(?::[A-Za-z0-9_][\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?", re.ASCII
)
DNS_NAME = "letters and digits, with - and _ between them, 63 at most"


def dns_name(name: str) -> bool:
    """Whether swarmkit takes a name for a service or a network (validateAnnotations)."""
    return len(name) <= 63 and SERVICE_NAME.fullmatch(name) is not None


def volume_name(name: str) -> bool:
    return VOLUME_NAME.fullmatch(name) is not None


def image_name(name: str) -> bool:
    """Whether Docker would take it for a reference: a lower-case name, a tag, a digest."""
    return len(name) <= 255 and IMAGE_NAME.fullmatch(name) is not None


def as_image(value: Any) -> str:
    if not isinstance(value, str) or not image_name(value):
        raise Unfit
    return value


def as_project(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", value, re.ASCII):
        raise Unfit
    return value


def as_path(value: Any) -> Path:
    return Path(as_text(value))


def as_subnet(value: Any) -> str:
    """A subnet in CIDR notation, of a size whose addresses fit into 127/8."""
    import ipaddress

    try:
        network = ipaddress.IPv4Network(as_text(value), strict=False)
    except ValueError:
        raise Unfit from None
    if str(network) != value:
        raise Unfit(f'"{network}", a subnet without bits of a host')
    if not 8 <= network.prefixlen <= 29:
        raise Unfit("a subnet from /8 to /29")
    return str(value)


def table(section: Section, short: Callable[[str], dict[str, Any]] | None = None, example: str = "") -> Kind:
    """A table that becomes the section's shape; `short` takes its short form, a string, apart."""
    expected = f"{example} or a table" if short else f"a table with keys like {section.keys[0].name}"

    def read(value: Any, spot: Spot) -> Any:
        if isinstance(value, str) and short:
            try:
                value = short(value)
            except Unfit as unfit:
                spot.wrong(value, str(unfit) or expected)
                return None
        elif not isinstance(value, dict):
            spot.wrong(value, expected)
            return None
        found = section.read(value, spot)
        return None if found is None else section.shape(**found)

    return Kind(expected, read)


def named(section: Section, rule: Callable[[str], bool], expected: str) -> Kind:
    """A table of tables: each key is the name of a thing that the section describes."""
    shape = f"a table of tables like [{section.title}]"

    def read(value: Any, spot: Spot) -> Any:
        if not isinstance(value, dict):
            spot.wrong(value, shape)
            return None
        found = []
        for name, inner in value.items():
            if not rule(name):
                spot.at(name).add(f"{quoted(name)} cannot be a name here, expected {expected}")
            elif (values := section.read(inner, spot.at(name))) is not None:
                found.append(section.shape(name=name, **values))
        return tuple(found)

    return Kind(shape, read)


PROJECT = simple("a name of lower-case letters, digits, - and _", as_project)
PORT = whole(1, 65535)
PATH = simple("a path, relative to the file's folder", as_path)
IMAGE = simple('an image\'s name like "nginx" or "user/app:1.0"', as_image)

MOUNT = Section(
    "services.NAME.mounts",
    model.Mount,
    "A mount, as one string in the notation of Docker's `--mount` or as a table.",
    (
        Key("type", choice("volume", "bind"), "What is mounted.", preset="volume"),
        Key("source", TEXT, "The volume's name, or the path of what to bind.", True, also=("src",)),
        Key("target", TARGET, "Where the task sees it.", True, also=("dst", "destination")),
        Key("read_only", BOOLEAN, "Whether the task may only read it.", also=("readonly", "ro")),
    ),
)
PUBLISHED = Section(
    "services.NAME.ports",
    model.Port,
    'A published port, as a string like "8080:80" or as a table. It is published on 127.0.0.1.',
    (
        Key("target", PORT, "The port in the task.", True),
        Key("published", whole(0, 65535), "The port of this machine.", default="any free port", preset=0),
        Key("protocol", choice("tcp"), "Only tcp is published."),
        Key("mode", choice("ingress", "host"), "How Docker publishes it; the same on one machine."),
    ),
)
RESTART = Section(
    "services.NAME.restart_policy",
    model.RestartPolicy,
    "When a task that ended is replaced.",
    (
        Key("condition", choice("none", "on-failure", "any"), "After which ends a new task is started."),
        Key("delay", DURATION_KIND, "How long after the end."),
        Key("max_attempts", whole(0), "How often at most.", default="0: no limit"),
        Key("window", DURATION_KIND, "Only attempts within this time count.", default="0: all of them"),
    ),
)
HEALTH = Section(
    "services.NAME.healthcheck",
    model.Healthcheck,
    "What says whether a task is well; it gets requests once it is. An image may have one, too.",
    (
        Key("test", TEST, "Ends with 0 when all is well; \"NONE\" turns the image's own off.",
            default="the image's"),
        Key("interval", DURATION_KIND, "Time before the first and between two.", default='"30s"'),
        Key("timeout", DURATION_KIND, "When one that has not ended has failed.", default='"30s"'),
        Key("retries", whole(0), "How many failures in a row make it unhealthy.", default="3"),
        Key("start_period", DURATION_KIND, "Failures in this time at its start do not count."),
        Key("start_interval", DURATION_KIND, "The interval within it.", default="as interval"),
    ),
)  # fmt: skip


def changing(title: str, doc: str, *actions: str) -> Section:
    """An update's way through the tasks, or a rollback's: Docker's keys are the same for both."""
    keys = (
        Key("parallelism", whole(0), "How many tasks at a time; 0: all at once."),
        Key("delay", DURATION_KIND, "Pause after each of them."),
        Key("failure_action", choice(*actions), "What follows when a new task fails."),
        Key("monitor", DURATION_KIND, "How long a new task has to run to be none that fails."),
        Key("max_failure_ratio", RATIO, "Which part of the tasks may fail.", default="0"),
        Key("order", choice("stop-first", "start-first"), "Whether the old stops before the new starts."),
    )
    return Section(title, model.UpdateConfig, doc, keys)


UPDATE = changing(
    "services.NAME.update_config", "How a change reaches the tasks.", "pause", "continue", "rollback"
)
ROLLBACK = changing("services.NAME.rollback_config", "How a change is taken back.", "pause", "continue")
SERVICE = Section(
    "services.NAME",
    model.Service,
    "A service: what `docker service create` is told.",
    (
        Key("image", IMAGE, "nginx, or the name of an [images] section.", True),
        Key("replicas", whole(0, 1000), "How many tasks run.", words=("scale",)),
        Key("command", COMMAND, "Runs instead of the image's command.", default="the image's",
            words=("entrypoint", "args", "cmd")),
        Key("env", ENV, "Variables; values may hold templates like {{.Task.Slot}}.",
            words=("environment", "env_file", "env-add")),
        Key("hostname", HOSTNAME, "The task's host name; may hold templates.", default="the task's id"),
        Key("networks", listed(TEXT, '["web_network"]'), "Names of networks that its tasks are on.",
            words=("network", "network_mode")),
        Key("mounts", listed(table(MOUNT, mount_parts, '"src=web_static,dst=/app/static"'),
                             '["src=web_static,dst=/app/static"]'),
            "What is mounted into its tasks.", words=("volumes", "volume", "mount")),
        Key("ports", listed(table(PUBLISHED, port_parts, 'a port like "8080:80"'), '["8080:80"]'),
            "Ports that are published on this machine.", words=("publish", "port")),
        Key("restart_policy", table(RESTART), "When a task that ended is replaced.",
            default='{ condition = "any", delay = "5s" }',
            words=("restart", "restart-condition", "restart-delay")),
        Key("stop_grace_period", DURATION_KIND, "Time between the stop signal and SIGKILL.",
            words=("stop-grace-period",)),
        Key("stop_signal", SIGNAL, "What asks a task to stop.", default="the image's"),
        Key("endpoint_mode", choice("vip", "dnsrr"),
            "Whether its name leads to one address for all tasks or to each task's own."),
        Key("healthcheck", table(HEALTH), "What says whether a task is well.", default="the image's"),
        Key("mode", choice("replicated", "global"), "Whether there are replicas, or one task on each node."),
        Key("labels", LABEL_TABLE, "Labels of the service.", words=("label",)),
        Key("update_config", table(UPDATE), "How a change reaches the tasks.", default="Docker's own",
            words=("update", "update-order", "update-parallelism", "update-delay")),
        Key("rollback_config", table(ROLLBACK), "How a change is taken back.", default="Docker's own",
            words=("rollback", "rollback-order")),
    ),
)  # fmt: skip
NETWORK = Section(
    "networks.NAME",
    model.Network,
    "An overlay network: what `docker network create` is told.",
    (
        Key("driver", choice("overlay"), "Docker's driver for swarms."),
        Key("subnet", simple('a subnet like "192.168.100.0/24"', as_subnet), "Where its addresses are from.",
            default="the next free one of 10.0.0.0/8", words=("ipam", "subnets")),
    ),
)  # fmt: skip
VOLUME = Section(
    "volumes.NAME",
    model.Volume,
    "A named volume: what `docker volume create` is told, and where it is here.",
    (
        Key("path", PATH, "Its folder on this machine.", default="a folder below the state folder",
            words=("device", "source", "mountpoint", "driver_opts")),
    ),
)  # fmt: skip
IMAGES = Section(
    "images.NAME",
    model.Image,
    "What an image's name means here: what its Dockerfile says. nginx needs none.",
    (
        Key("folder", PATH, "What WORKDIR holds: the code that COPY brought there.",
            words=("path", "copy", "build", "context")),
        Key("command", COMMAND, "CMD; {address} and {port} stand for the task's own.",
            words=("cmd",)),
        Key("entrypoint", COMMAND, "ENTRYPOINT: what the command is given to."),
        Key("workdir", TARGET, "WORKDIR.", words=("working_dir",)),
        Key("env", ENV, "ENV.", words=("environment",)),
        Key("expose", listed(PORT, "[8000]"), "EXPOSE: the ports on which a task listens.",
            words=("ports", "port")),
        Key("stop_signal", SIGNAL, "STOPSIGNAL.", words=("stopsignal",)),
        Key("healthcheck", table(HEALTH), "HEALTHCHECK."),
        Key("paths", PATHS, "What else the image holds: paths of the container, and what stands there."),
    ),
)  # fmt: skip
EMULATOR = Section(
    "emulator",
    model.EmulatorSettings,
    "What Docker has no word for.",
    (
        Key("addressing", choice("loopback", "ports"),
            "Whether each task gets an address of 127.0.0.0/8 or a port of 127.0.0.1.",
            default='"loopback" on Linux, else "ports"'),
        Key("endpoints", choice("listening", "started"),
            "When a task gets requests: once it listens, or as in Docker once its process runs."),
        Key("honcho_port", whole(1, 65535), "The first port of the Procfile's replicas."),
        Key("state", PATH, "Where the emulator keeps its state."),
    ),
)  # fmt: skip
FILE = Section(
    "",
    model.Settings,
    "",
    (
        Key("name", PROJECT, "The project's name.", default="the folder's name"),
        Key("services", named(SERVICE, dns_name, DNS_NAME), "The services.", words=("service",)),
        Key("networks", named(NETWORK, dns_name, DNS_NAME), "The networks.", words=("network",)),
        Key("volumes", named(VOLUME, volume_name, "letters, digits, _ . and -, two at least"), "The volumes.",
            words=("volume",)),
        Key("images", named(IMAGES, image_name, IMAGE.expected), "What the images' names mean here.",
            words=("image",)),
        Key("emulator", table(EMULATOR), "What Docker has no word for."),
    ),
)  # fmt: skip
SECTIONS = (
    FILE,
    SERVICE,
    MOUNT,
    PUBLISHED,
    RESTART,
    HEALTH,
    UPDATE,
    ROLLBACK,
    NETWORK,
    VOLUME,
    IMAGES,
    EMULATOR,
)
