"""Images as Docker's JSON: what config.toml calls one, and the nginx that is always there."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from ..settings import Healthcheck, Settings
from ..swarm.described import tagged
from ..swarm.errors import SwarmError
from .localnetworks import digest
from .specshape import JSON, healthcheck
from .times import moment

_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Facts(NamedTuple):
    """What an image says of its containers."""

    name: str
    command: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    workdir: str = ""
    env: tuple[tuple[str, str], ...] = ()
    expose: tuple[int, ...] = ()
    stop_signal: str = ""
    healthcheck: Healthcheck | None = None
    folder: Path | None = None


def facts(settings: Settings) -> list[Facts]:
    """All of them by name; config.toml may say another thing of nginx."""
    own = [
        Facts(
            name=tagged(image.name),
            command=image.command,
            entrypoint=image.entrypoint,
            workdir=image.workdir,
            env=image.env,
            expose=image.expose,
            stop_signal="" if image.stop_signal == "SIGTERM" else image.stop_signal,
            healthcheck=image.healthcheck,
            folder=image.folder,
        )
        for image in settings.images
    ]
    if not any(_repository(image.name) == "nginx" for image in own):
        own.append(nginx("nginx:latest"))
    return sorted(own)


def nginx(name: str) -> Facts:
    return Facts(name, ("nginx", "-g", "daemon off;"), expose=(80,), stop_signal="SIGQUIT")


def find(reference: str, settings: Settings) -> Facts | None:
    """By name with or without a tag, or by the beginning of its id."""
    there, wanted = facts(settings), tagged(_familiar(reference))
    for image in there:
        if _familiar(image.name) == wanted:
            return image
    short = reference.removeprefix("sha256:")
    for image in there:
        if short and image_id(image.name).removeprefix("sha256:").startswith(short):
            return image
    has_own = any(_repository(image.name) == "nginx" and image.stop_signal != "SIGQUIT" for image in there)
    return nginx(wanted) if _repository(wanted) == "nginx" and not has_own else None


def known(reference: str, settings: Settings) -> Facts:
    found = find(reference, settings)
    if found is None:
        raise SwarmError(404, f"No such image: {tagged(reference)}")
    return found


def image_id(name: str) -> str:
    return f"sha256:{digest(f'image {tagged(_familiar(name))}')}"


def summary(image: Facts) -> JSON:
    size = _size(image)
    return {
        "Containers": -1,
        "Created": int(_created(image)),
        "Id": image_id(image.name),
        "Labels": None,
        "ParentId": "",
        "RepoDigests": None,
        "RepoTags": [image.name],
        "SharedSize": -1,
        "Size": size,
        "VirtualSize": size,
    }


def inspect(image: Facts) -> JSON:
    size, kernel = _size(image), os.uname()
    return {
        "Id": image_id(image.name),
        "RepoTags": [image.name],
        "RepoDigests": [],
        "Parent": "",
        "Comment": "",
        "Created": moment(_created(image)),
        "Container": "",
        "ContainerConfig": config(image),
        "DockerVersion": "",
        "Author": "",
        "Config": config(image),
        "Architecture": {"x86_64": "amd64", "aarch64": "arm64"}.get(kernel.machine, kernel.machine),
        "Os": kernel.sysname.lower(),
        "Size": size,
        "VirtualSize": size,
        "GraphDriver": {"Data": {"MergedDir": str(image.folder or "")}, "Name": "folders"},
        "RootFS": {"Type": "layers", "Layers": [image_id(image.name)]},
        "Metadata": {"LastTagTime": moment(_created(image))},
    }


def config(image: Facts) -> JSON:
    made: JSON = {
        "Hostname": "",
        "Domainname": "",
        "User": "",
        "AttachStdin": False,
        "AttachStdout": False,
        "AttachStderr": False,
        "ExposedPorts": {f"{port}/tcp": {} for port in image.expose},
        "Tty": False,
        "OpenStdin": False,
        "StdinOnce": False,
        "Env": [_PATH, *(f"{name}={text}" for name, text in image.env)],
        "Cmd": list(image.command),
    }
    if not image.expose:
        del made["ExposedPorts"]
    if image.healthcheck is not None:
        made["Healthcheck"] = healthcheck(image.healthcheck)
    made |= {
        "Image": "",
        "Volumes": None,
        "WorkingDir": image.workdir,
        "Entrypoint": list(image.entrypoint) or None,
        "OnBuild": None,
        "Labels": None,
    }
    if image.stop_signal:
        made["StopSignal"] = image.stop_signal
    return made


def _files(folder: Path) -> Iterable[os.stat_result]:
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                yield os.lstat(f"{parent}/{name}")
            except OSError:
                continue


def _size(image: Facts) -> int:
    return sum(found.st_size for found in _files(image.folder)) if image.folder else 0


def _created(image: Facts) -> float:
    """When its folder was made, or this program was."""
    try:
        return (image.folder or Path(__file__)).stat().st_mtime
    except OSError:
        return 0.0


def _familiar(name: str) -> str:
    return name.partition("@")[0].removeprefix("docker.io/").removeprefix("library/")


def _repository(name: str) -> str:
    return _familiar(name).partition(":")[0]
