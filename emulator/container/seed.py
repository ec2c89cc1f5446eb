"""The first use of a volume: an empty one takes the image's folder, and is never refreshed afterwards.

What it took, and when, is written down, so that a later start can say what the image has changed since.
It comes whole or not at all: it is copied beside the volume and takes its place in one step.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

from ..swarm.volumes import Stale, needs_seed, stale


def seed(name: str, volume: Path, image: Path | None, record: Path, now: float = 0.0) -> Stale | None:
    """Docker's copy-up, with links as links; or, for a volume that has had it, what has grown old."""
    if image is None or not image.is_dir() or image.resolve() == volume.resolve():
        return None
    with os.scandir(volume) as entries:
        empty = needs_seed(entry.name for entry in entries)
    if empty:
        _copy(image, volume)
        _write(record, image, now)
        return None
    try:
        known = json.loads(record.read_text())
        files, seeded = (known["files"], known["seeded"]) if "seeded" in known else (known, 0.0)
        return stale(name, files, dict(_marks(image)), seeded)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def refresh(volume: Path, image: Path, record: Path, now: float, *, whole: bool) -> None:
    """The image's files as they are now; `whole`: and nothing else that the volume had."""
    from shutil import copytree, rmtree

    if whole:
        for entry in volume.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                rmtree(entry)
            else:
                entry.unlink()
    for path, target in _links(image):
        (volume / path).unlink(missing_ok=True)
        (volume / path).parent.mkdir(parents=True, exist_ok=True)
        (volume / path).symlink_to(target)
    copytree(image, volume, symlinks=True, dirs_exist_ok=True, ignore=_only_files)
    _write(record, image, now)


def _copy(image: Path, volume: Path) -> None:
    from shutil import copytree, rmtree

    beside = volume.with_name(f".{volume.name}.seed")
    rmtree(beside, ignore_errors=True)
    try:
        copytree(image, beside, symlinks=True)
        beside.replace(volume)
    except OSError:  # a folder beside which nothing may be made, or that is a file system of its own
        rmtree(beside, ignore_errors=True)
        copytree(image, volume, symlinks=True, dirs_exist_ok=True)


def _only_files(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if os.path.islink(f"{folder}/{name}")]  # noqa: PTH114


def _links(folder: Path) -> Iterator[tuple[str, str]]:
    for where, folders, names in os.walk(folder):
        for name in (*folders, *names):
            if os.path.islink(f"{where}/{name}"):  # noqa: PTH114
                yield os.path.relpath(f"{where}/{name}", folder), os.readlink(f"{where}/{name}")  # noqa: PTH115


def _write(record: Path, image: Path, now: float) -> None:
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps({"seeded": now, "files": dict(_marks(image))}))


def _marks(folder: Path) -> Iterator[tuple[str, str]]:
    """Each file by its path below the folder, and what changes when its content does."""
    for where, _, names in os.walk(folder):
        for name in names:
            found = os.lstat(f"{where}/{name}")
            yield os.path.relpath(f"{where}/{name}", folder), f"{found.st_size} {found.st_mtime_ns}"
