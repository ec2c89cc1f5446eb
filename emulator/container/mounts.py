"""What a container mounts: real folders for volumes, binds and tmpfs, and which of them it may not write.

A volume that no verb has made is made by its first task, one without a name is its task's own and goes with
it. A tmpfs is a folder of the task's: it takes disk here instead of memory.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ..settings import Mount, Settings
from ..swarm.agent import Rejected
from ..swarm.identity import container_id
from ..swarm.volumes import Stale, clean, fault_of_mount, folder, seed_source, state_folder
from .images import Recipe
from .root import remove_tree
from .seed import refresh, seed


class Mounted(NamedTuple):
    """A mount as this task has it: templates expanded, a name for every volume, and its real path."""

    mount: Mount
    real: str


class Volumes:
    """All volumes of a run by their names; `fresh`: what has grown old is renewed at its first use."""

    def __init__(
        self, settings: Settings, clock: Callable[[], float], note: Callable[[str], None], *, fresh: bool
    ) -> None:
        self._settings, self._clock, self._note, self._fresh = settings, clock, note, fresh
        self._state = settings.emulator.state
        self._seen: set[str] = set()

    def mount(self, mount: Mount, made: Recipe, home: Path) -> Mounted:
        """The mount of one task; raises Rejected in Docker's words."""
        if words := fault_of_mount(mount):
            raise Rejected(words)
        mount = mount._replace(target=clean(mount.target))
        if mount.type == "bind":
            if not Path(mount.source).exists():
                words = f"bind source path does not exist: {mount.source}"
                raise Rejected(f'invalid mount config for type "bind": {words}')
            return Mounted(mount, mount.source)
        if mount.type == "tmpfs":
            real = home / "tmpfs" / mount.target.strip("/").replace("/", "-")
            real.mkdir(parents=True, exist_ok=True)
            return Mounted(mount, str(real))
        named = mount if mount.source else mount._replace(source=container_id())
        real = folder(self._settings, named.source)
        real.mkdir(parents=True, exist_ok=True)
        if not mount.no_copy:
            self._fill(named, real, seed_source(made.folder, made.workdir, mount.target, dict(made.layout)))
        return Mounted(named, str(real))

    def forget(self, name: str) -> None:
        """Of a volume that is no more: its content, unless it is a folder of the user's own."""
        self._seen.discard(name)
        self._record(name).unlink(missing_ok=True)
        if self._is_ours(name):
            remove_tree(state_folder(self._state, name).parent)

    def _fill(self, mount: Mount, real: Path, source: Path | None) -> None:
        name = mount.source
        old = seed(name, real, source, self._record(name), self._clock())
        if old is None or source is None or name in self._seen:
            return
        self._seen.add(name)
        if self._fresh:
            refresh(real, source, self._record(name), self._clock(), whole=self._is_ours(name))
        else:
            self._note(words(old))

    def _record(self, name: str) -> Path:
        return self._state / "volumes" / f"{name}.seed.json"

    def _is_ours(self, name: str) -> bool:
        return folder(self._settings, name) == state_folder(self._settings.root / self._state, name)


def readonly(root: Path, mounts: tuple[Mounted, ...], *, whole: bool) -> str:
    """For the shim: the paths that may not be written and, below them, those that may; the longest counts."""
    if not whole and not any(mounted.mount.read_only for mounted in mounts):
        return ""
    rules = {str(root): "ro"} if whole else {}
    for mounted in mounts:
        rule = "ro" if mounted.mount.read_only else "rw"
        rules[f"{root}{mounted.mount.target}"] = rule
        rules.setdefault(mounted.real, rule)
    return os.pathsep.join(f"{rule}={path}" for path, rule in rules.items())


def words(old: Stale) -> str:
    """As in Docker the volume keeps its first content, which there nobody tells."""
    import time

    more = f" and {len(old.files) - 1} more" if len(old.files) > 1 else ""
    date = time.strftime("%Y-%m-%d %H:%M", time.localtime(old.seeded)) if old.seeded else "an earlier run"
    return (
        f"volume {old.volume} still has the old {old.files[0]}{more}, seeded on {date}; "
        f"`emulator volume rm {old.volume}` or `emulator up --fresh-volumes` takes the new one"
    )
