"""The first use of a volume: an empty one takes the image's folder, and is never refreshed afterwards.

What it took is written down, so that a later start can say what the image has changed since.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

from ..swarm.volumes import Stale, needs_seed, stale


def seed(name: str, volume: Path, image: Path | None, record: Path) -> Stale | None:
    """Docker's copy-up, with links as links; or, for a volume that has had it, what has grown old."""
    if image is None or not image.is_dir() or image.resolve() == volume.resolve():
        return None
    with os.scandir(volume) as entries:
        empty = needs_seed(entry.name for entry in entries)
    if empty:
        from shutil import copytree

        copytree(image, volume, symlinks=True, dirs_exist_ok=True)
        record.parent.mkdir(parents=True, exist_ok=True)
        record.write_text(json.dumps(dict(_marks(image))))
        return None
    try:
        return stale(name, json.loads(record.read_text()), dict(_marks(image)))
    except (OSError, ValueError):
        return None


def _marks(folder: Path) -> Iterator[tuple[str, str]]:
    """Each file by its path below the folder, and what changes when its content does."""
    for where, _, names in os.walk(folder):
        for name in names:
            found = os.lstat(f"{where}/{name}")
            yield os.path.relpath(f"{where}/{name}", folder), f"{found.st_size} {found.st_mtime_ns}"
