"""Named volumes: where their folders are, what seeds them, and when a seed has grown old.

As Docker: an empty volume takes the image's content at the mount point when a task first mounts it,
and never again, so a newer image does not reach it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from ..settings import Settings


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
