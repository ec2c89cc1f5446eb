"""Containers as Docker's JSON: `docker ps` and `docker inspect`.

Environment variables are shown by name only: their values may be secrets.
"""

from __future__ import annotations

import os

from ..settings import Mount
from ..swarm.model import Task
from ..swarm.store import Store
from .schema import JSON, cidr, mac, moment, mounted, network_id, tagged
from .world import Container

_IMAGE_ID = "sha256:" + "0" * 64


def summary(thing: Container, now: float, store: Store, node_id: str) -> JSON:
    """One of `docker ps`: a port published by ingress is not shown there, as in Docker."""
    return {
        "Id": thing.id,
        "Names": [f"/{thing.task.name}"],
        "Image": tagged(thing.task.spec.image),
        "ImageID": _IMAGE_ID,
        "Command": _quoted(thing.words),
        "Created": int(thing.created),
        "Ports": [{"PrivatePort": port, "Type": "tcp"} for port in thing.expose],
        "Labels": labels(thing.task, node_id),
        "State": state(thing),
        "Status": _status(thing, now),
        "HostConfig": {"NetworkMode": "default"},
        "NetworkSettings": {"Networks": _networks(thing, store)},
        "Mounts": [_mount_point(mount) for mount in thing.task.spec.mounts],
    }


def inspect(thing: Container, store: Store, node_id: str) -> JSON:
    """`docker inspect`; `Emulator` says where it really is, and whether its endpoint is in the rotation."""
    return {
        "Id": thing.id,
        "Created": moment(thing.created),
        "Path": thing.words[0] if thing.words else "",
        "Args": list(thing.words[1:]),
        "State": {
            "Status": state(thing),
            "Running": thing.running,
            "Paused": thing.paused,
            "Restarting": False,
            "OOMKilled": False,
            "Dead": False,
            "Pid": thing.pid if thing.running else 0,
            "ExitCode": thing.exit_code,
            "Error": "",
            "StartedAt": moment(thing.started),
            "FinishedAt": moment(thing.finished),
        },
        "Image": _IMAGE_ID,
        "Name": f"/{thing.task.name}",
        "RestartCount": 0,
        "Driver": "processes",
        "Platform": os.uname().sysname.lower(),
        "ExecIDs": None,
        "HostConfig": {
            "NetworkMode": "default",
            "LogConfig": {"Type": "json-file", "Config": {}},
            "RestartPolicy": {"Name": "", "MaximumRetryCount": 0},
            "PortBindings": {},
            "Mounts": [mounted(mount) for mount in thing.task.spec.mounts],
        },
        "Mounts": [_mount_point(mount) for mount in thing.task.spec.mounts],
        "Config": {
            "Hostname": thing.hostname,
            "User": "",
            "ExposedPorts": {f"{port}/tcp": {} for port in thing.expose},
            "Tty": False,
            "OpenStdin": False,
            "Env": [f"{name}=" for name in thing.names],
            "Cmd": list(thing.words),
            "Image": tagged(thing.task.spec.image),
            "WorkingDir": thing.workdir,
            "Entrypoint": None,
            "Labels": labels(thing.task, node_id),
        },
        "NetworkSettings": {
            "Ports": {f"{port}/tcp": None for port in thing.expose},
            "Networks": _networks(thing, store),
        },
        "Emulator": {
            "Ready": thing.running and store.tasks.get(thing.task.id, thing.task).listens,
            "Address": thing.links.place.host,
            "Source": thing.links.source,
            "Ports": {f"{port}/tcp": thing.links.place.port(port) for port in thing.expose},
        },
    }


def state(thing: Container) -> str:
    if thing.paused:
        return "paused"
    if thing.running:
        return "running"
    return "exited" if thing.finished else "created"


def _status(thing: Container, now: float) -> str:
    if thing.running:
        return f"Up {span(now - thing.started)}{' (Paused)' if thing.paused else ''}"
    return f"Exited ({thing.exit_code}) {span(now - thing.finished)} ago" if thing.finished else "Created"


def span(seconds: float) -> str:
    """go-units' HumanDuration."""
    whole = int(seconds)
    if whole < 1:
        return "Less than a second"
    for size, limit, word in (
        (1, 60, "second"),
        (60, 60, "minute"),
        (3600, 48, "hour"),
        (86400, 14, "day"),
        (604800, 9, "week"),
        (2592000, 24, "month"),
    ):
        count = whole // size if size < 3600 else round(seconds / size)
        if count < limit:
            special = {"minute": "About a minute", "hour": "About an hour"}
            if count <= 1:
                return special.get(word, f"{count} {word}")
            return f"{count} {word}s"
    return f"{round(seconds / 31536000)} years"


def labels(task: Task, node_id: str) -> JSON:
    return {
        "com.docker.swarm.node.id": node_id,
        "com.docker.swarm.service.id": task.service_id,
        "com.docker.swarm.service.name": task.service_name,
        "com.docker.swarm.task": "",
        "com.docker.swarm.task.id": task.id,
        "com.docker.swarm.task.name": task.name,
    }


def _networks(thing: Container, store: Store) -> JSON:
    return {
        link.network: {
            "IPAMConfig": {"IPv4Address": link.address},
            "Links": None,
            "Aliases": [thing.id[:12]],
            "NetworkID": network_id(link.network, store),
            "EndpointID": thing.id,
            "Gateway": "",
            "IPAddress": link.address,
            "IPPrefixLen": int(cidr(link.address, link.network, store).partition("/")[2]),
            "MacAddress": mac(link.address),
            "DriverOpts": None,
        }
        for link in thing.links.attachments
    }


def _mount_point(mount: Mount) -> JSON:
    named = {"Name": mount.source, "Driver": "local"} if mount.type == "volume" else {}
    return {
        "Type": mount.type,
        "Source": mount.source,
        "Destination": mount.target,
        "Mode": "",
        "RW": not mount.read_only,
        "Propagation": "rprivate" if mount.type == "bind" else "",
        **named,
    }


def _quoted(words: tuple[str, ...]) -> str:
    """A command as `docker ps` shows it: words with blanks in single quotes."""
    return " ".join(f"'{word}'" if " " in word else word for word in words)
