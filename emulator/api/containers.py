"""Containers as Docker's JSON: `docker ps` and `docker inspect`."""

from __future__ import annotations

import os
from collections.abc import Iterator

from ..settings import Mount
from ..swarm.described import tagged
from ..swarm.model import Task
from ..swarm.network import parse
from ..swarm.store import Store
from . import hostconfig, images, networkshape, specshape
from .localnetworks import DEFAULT, DEFAULT_GATEWAY, digest, endpoint_id, legs, mac
from .schema import host_ports
from .specshape import JSON
from .times import moment, span
from .world import Container


def summary(thing: Container, now: float, store: Store, node_id: str) -> JSON:
    """One of `docker ps`: a port published by ingress is not shown there, as in Docker."""
    return {
        "Id": thing.id,
        "Names": [f"/{thing.task.name}"],
        "Image": tagged(thing.task.spec.image).partition("@")[0],
        "ImageID": images.image_id(thing.task.spec.image),
        "Command": _quoted(thing.words),
        "Created": int(thing.created),
        "Ports": list(_ports(thing, store)),
        "Labels": labels(thing.task, node_id),
        "State": state(thing),
        "Status": status(thing, now),
        "HostConfig": {"NetworkMode": "default"},
        "NetworkSettings": {"Networks": _named_nowhere(_networks(thing, store))},
        "Mounts": [_mount_point(mount, store) for mount in thing.mounts],
    }


def inspect(thing: Container, store: Store, node_id: str, env: list[str]) -> JSON:
    """`docker inspect`."""
    return {
        "Id": thing.id,
        "Created": moment(thing.created),
        "Path": thing.words[0] if thing.words else "",
        "Args": list(thing.words[1:]),
        "State": _state(thing, store),
        "Image": images.image_id(thing.task.spec.image),
        "ResolvConfPath": "",
        "HostnamePath": "",
        "HostsPath": "",
        "LogPath": "",
        "Name": f"/{thing.task.name}",
        "RestartCount": 0,
        "Driver": "processes",
        "Platform": os.uname().sysname.lower(),
        "MountLabel": "",
        "ProcessLabel": "",
        "AppArmorProfile": "",
        "ExecIDs": None,
        "HostConfig": hostconfig.shape(thing.task.spec),
        "GraphDriver": {"Data": None, "Name": "processes"},
        "Mounts": [_mount_point(mount, store) for mount in thing.mounts],
        "Config": _config(thing, node_id, env),
        "NetworkSettings": _network_settings(thing, store),
    }


def place(thing: Container, store: Store) -> JSON:
    """Where it really is, and whether its endpoint is in the rotation of its service."""
    return {
        "Ready": thing.running and store.tasks.get(thing.task.id, thing.task).listens,
        "Address": thing.links.place.host,
        "Source": thing.links.source,
        "Ports": {f"{port}/tcp": thing.links.place.port(port) for port in thing.expose},
    }


def state(thing: Container) -> str:
    if thing.paused:
        return "paused"
    if thing.running:
        return "running"
    return "exited" if thing.finished else "created"


def status(thing: Container, now: float) -> str:
    """As moby's State.String."""
    if thing.running:
        health = thing.health
        if thing.paused:
            more = " (Paused)"
        elif health is not None:
            more = f" ({'health: ' if health.status == 'starting' else ''}{health.status})"
        else:
            more = ""
        return f"Up {span(now - thing.started)}{more}"
    return f"Exited ({thing.exit_code}) {span(now - thing.finished)} ago" if thing.finished else "Created"


def labels(task: Task, node_id: str) -> JSON:
    return {
        **dict(task.spec.labels),
        "com.docker.swarm.node.id": node_id,
        "com.docker.swarm.service.id": task.service_id,
        "com.docker.swarm.service.name": task.service_name,
        "com.docker.swarm.task": "",
        "com.docker.swarm.task.id": task.id,
        "com.docker.swarm.task.name": task.name,
    }


def _state(thing: Container, store: Store) -> JSON:
    task = store.tasks.get(thing.task.id, thing.task)
    made: JSON = {
        "Status": state(thing),
        "Running": thing.running,
        "Paused": thing.paused,
        "Restarting": False,
        "OOMKilled": thing.oom_killed,
        "Dead": False,
        "Pid": thing.pid if thing.running else 0,
        "ExitCode": thing.exit_code,
        "Error": "" if thing.started else task.error,
        "StartedAt": moment(thing.started),
        "FinishedAt": moment(thing.finished),
    }
    if thing.health is not None:
        made["Health"] = {
            "Status": thing.health.status,
            "FailingStreak": thing.health.streak,
            "Log": [
                {
                    "Start": moment(result.start),
                    "End": moment(result.end),
                    "ExitCode": result.exit_code,
                    "Output": result.output,
                }
                for result in thing.health.results
            ],
        }
    return made


def _config(thing: Container, node_id: str, env: list[str]) -> JSON:
    spec = thing.task.spec
    made: JSON = {
        "Hostname": thing.hostname,
        "Domainname": "",
        "User": spec.user or "",
        "AttachStdin": False,
        "AttachStdout": False,
        "AttachStderr": False,
        "Tty": spec.tty,
        "OpenStdin": False,
        "StdinOnce": False,
        "Env": env,
        "Cmd": list(thing.words),
        "Image": tagged(spec.image),
        "Volumes": None,
        "WorkingDir": spec.dir or thing.workdir,
        "Entrypoint": None,
        "OnBuild": None,
        "Labels": labels(thing.task, node_id),
    }
    if thing.expose:
        made["ExposedPorts"] = {f"{port}/tcp": {} for port in thing.expose}
    if spec.healthcheck is not None:
        made["Healthcheck"] = specshape.healthcheck(spec.healthcheck)
    if spec.stop_signal:
        made["StopSignal"] = spec.stop_signal
    return made


def _network_settings(thing: Container, store: Store) -> JSON:
    """What is said of the default bridge is said twice."""
    sandbox, networks = digest(f"sandbox {thing.id}"), _networks(thing, store)
    return {
        "Bridge": "",
        "SandboxID": sandbox,
        "HairpinMode": False,
        "LinkLocalIPv6Address": "",
        "LinkLocalIPv6PrefixLen": 0,
        "Ports": _bindings(thing, store),
        "SandboxKey": f"/var/run/docker/netns/{sandbox[:12]}",
        "SecondaryIPAddresses": None,
        "SecondaryIPv6Addresses": None,
        "EndpointID": "",
        "Gateway": "",
        "GlobalIPv6Address": "",
        "GlobalIPv6PrefixLen": 0,
        "IPAddress": "",
        "IPPrefixLen": 0,
        "IPv6Gateway": "",
        "MacAddress": "",
        **{key: found for key, found in networks.get(DEFAULT, {}).items() if key in _OF_DEFAULT},
        "Networks": networks,
    }


_OF_DEFAULT = ("EndpointID", "Gateway", "IPAddress", "IPPrefixLen", "MacAddress")


def _host_ports(thing: Container, store: Store) -> list[tuple[int, int, str]]:
    """Container port, this machine's, protocol: of host mode only."""
    task = store.tasks.get(thing.task.id, thing.task)
    return [(port.target, port.published, port.protocol) for port in host_ports(task)]


def _ports(thing: Container, store: Store) -> Iterator[JSON]:
    published = _host_ports(thing, store)
    for target, number, protocol in published:
        for address in ("0.0.0.0", "::"):
            yield {"IP": address, "PrivatePort": target, "PublicPort": number, "Type": protocol}
    shown = {(target, protocol) for target, _, protocol in published}
    if thing.running:
        yield from (
            {"PrivatePort": port, "Type": "tcp"} for port in thing.expose if (port, "tcp") not in shown
        )


def _bindings(thing: Container, store: Store) -> JSON:
    made: JSON = {f"{port}/tcp": None for port in thing.expose}
    for target, number, protocol in _host_ports(thing, store):
        made[f"{target}/{protocol}"] = [
            {"HostIp": address, "HostPort": str(number)} for address in ("0.0.0.0", "::")
        ]
    return made


def _networks(thing: Container, store: Store) -> JSON:
    made: JSON = {}
    for link in legs(thing.links.attachments):
        known, default = networkshape.find(link.network, store), link.network == DEFAULT
        length = 16 if default else bin(parse(known.subnet)[1]).count("1") if known else 0
        made[link.network] = {
            "IPAMConfig": None if default else {"IPv4Address": link.address},
            "Links": None,
            "Aliases": None if default else [thing.id[:12]],
            "NetworkID": networkshape.network_id(link.network, store),
            "EndpointID": endpoint_id(thing.id, link.network) if thing.running else "",
            "Gateway": DEFAULT_GATEWAY if default and thing.running else "",
            "IPAddress": link.address if thing.running else "",
            "IPPrefixLen": length if thing.running else 0,
            "IPv6Gateway": "",
            "GlobalIPv6Address": "",
            "GlobalIPv6PrefixLen": 0,
            "MacAddress": mac(link.address) if thing.running else "",
            "DriverOpts": None,
        }
    return made


def _named_nowhere(networks: JSON) -> JSON:
    """As a list has them: only an inspection tells the aliases."""
    return {name: link | {"Aliases": None} for name, link in networks.items()}


def _mount_point(mount: Mount, store: Store) -> JSON:
    if mount.type != "volume":
        return {
            "Type": mount.type,
            "Source": mount.source,
            "Destination": mount.target,
            "Mode": "",
            "RW": not mount.read_only,
            "Propagation": (mount.propagation or "rprivate") if mount.type == "bind" else "",
        }
    volume = store.volumes.get(mount.source)
    return {
        "Type": "volume",
        "Name": mount.source,
        "Source": volume.mountpoint if volume else "",
        "Destination": mount.target,
        "Driver": "local",
        "Mode": "z",
        "RW": not mount.read_only,
        "Propagation": "",
    }


def _quoted(words: tuple[str, ...]) -> str:
    """A command as `docker ps` shows it: words with blanks in single quotes."""
    return " ".join(f"'{word}'" if " " in word else word for word in words)
