"""Named volumes: where their folders are, what seeds them, and when a seed has grown old.

As Docker: an empty volume takes the image's content at the mount point when a task first mounts it,
and never again, so a newer image does not reach it.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from ..settings import Mount, Settings

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")


class Stale(NamedTuple):
    """Files of the image that differ from what the volume was seeded with."""

    volume: str
    files: tuple[str, ...]
    seeded: float = 0.0


def folder(settings: Settings, name: str) -> Path:
    """The volume's real folder: the user's own, or one under the state folder."""
    for volume in settings.volumes:
        if volume.name == name and volume.path is not None:
            return volume.path
    return state_folder(settings.root / settings.emulator.state, name)


def state_folder(state: Path, name: str) -> Path:
    return state / "volumes" / name / "_data"


def fault_of_name(name: str) -> str | None:
    """What moby's volume/local says of a name that is none."""
    if len(name) == 1:
        return (
            f"create {name}: volume name is too short, names should be at least two alphanumeric characters"
        )
    if not _NAME.fullmatch(name):
        return (
            f'create {name}: "{name}" includes invalid characters for a local volume name, only "[a-zA-Z0-9]'
            '[a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path'
        )
    return None


def fault_of_mount(mount: Mount) -> str | None:
    """What moby's validateMounts and mount parser say of one that no container can have."""
    absolute = mount.source.startswith("/")
    if not mount.target.startswith("/"):
        return f"invalid mount target, must be an absolute path: {mount.target}"
    if mount.type == "bind" and not absolute:
        return f"invalid bind mount source, must be an absolute path: {mount.source}"
    if mount.type == "volume" and absolute:
        return f"invalid volume mount source, must not be an absolute path: {mount.source}"
    if mount.type == "tmpfs" and mount.source:
        return "invalid tmpfs source, source must be empty"
    if clean(mount.target) == "/":
        words = "invalid specification: destination can't be '/'"
        return f'invalid mount config for type "{mount.type}": {words}'
    return fault_of_name(mount.source) if mount.type == "volume" and mount.source else None


def clean(path: str) -> str:
    """An absolute path of a container as Go's path.Clean leaves it: nothing leads out of its root."""
    return "/" + posixpath.normpath(path).lstrip("/")


def seed_source(
    image_folder: Path | None, workdir: str, target: str, layout: Mapping[str, str] | None = None
) -> Path | None:
    """The image's own folder at a mount point, or None when the image has nothing there."""
    for path, real in (layout or {}).items():
        if PurePosixPath(target).is_relative_to(path):
            return Path(real) / PurePosixPath(target).relative_to(path)
    if image_folder is None:
        return None
    try:
        inside = PurePosixPath(target).relative_to(workdir)
    except ValueError:
        return None
    return image_folder / inside


def needs_seed(entries: Iterable[str]) -> bool:
    """Whether a volume with these entries is still empty; one file, even lost+found, is content."""
    return not any(True for _ in entries)


def stale(
    volume: str, seeded: Mapping[str, str], image: Mapping[str, str], when: float = 0.0
) -> Stale | None:
    """What the image has now and the volume's seed had not: maps of path -> fingerprint."""
    changed = tuple(sorted(path for path, mark in image.items() if seeded.get(path) != mark))
    return Stale(volume, changed, when) if changed else None
