"""A task's root: a folder of links that looks like the container's file system where the task looks.

The image's folder stands at the workdir as links to each of its entries, the mounts are laid over it:
a mount inside a linked folder first turns that folder into a real one with links to its siblings. So
a mount hides what the image has there, as in Docker, and what a program writes beside its own code
stays in the task. A process here is not locked into its root: absolute paths of the container are
translated where a task is described (command, environment, the namespace of nginx), nowhere else.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from ..swarm.volumes import clean

# A cache of byte code shared by all tasks of an image: private ones would be compiled anew each time.
_BYTECODE = "__pycache__"


class Root:
    """The folder tree of one task below `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._links: list[tuple[str, str]] = []

    def __repr__(self) -> str:
        return f"Root({str(self.path)!r})"

    def image(self, workdir: str, folder: Path, bytecode: Path) -> None:
        """The image's folder at the workdir, one link for each entry."""
        here = self.folder(workdir)
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name != _BYTECODE:
                    (here / entry.name).symlink_to(entry.path)
        bytecode.mkdir(parents=True, exist_ok=True)
        (here / _BYTECODE).symlink_to(bytecode)

    def mounts(self, mounts: Iterable[tuple[str, str]]) -> None:
        """Real paths at paths of the container; the deeper ones over the others."""
        for target, real in sorted(mounts, key=lambda mount: mount[0].count("/")):
            self._mount(clean(target), real)

    def folder(self, path: str) -> Path:
        """A real folder at a path of the container; links on the way to it become folders of links."""
        here = self.path
        here.mkdir(parents=True, exist_ok=True)
        for name in filter(None, clean(path).split("/")):
            here = here / name
            if here.is_symlink():
                _unfold(here)
            here.mkdir(exist_ok=True)
        return here

    def translate(self, text: str) -> str:
        """A path of the container that its image or a mount provides, as the path that it is here."""
        for target, real in self._links:
            if text == target or text.startswith(target + "/"):
                return real + text[len(target) :]
        return text

    def links(self) -> tuple[tuple[str, str], ...]:
        """Container path -> real path, the longest first; the root itself is the last."""
        return (*self._links, ("/", str(self.path)))

    def provide(self, target: str) -> None:
        """Have `translate` lead a path of the container, and all below it, into this root."""
        self._add(target, str(self.path) + target)

    def _mount(self, target: str, real: str) -> None:
        parent, _, name = target.rpartition("/")
        link = self.folder(parent) / name
        if link.is_symlink():
            link.unlink()
        elif link.is_dir():
            remove_tree(link)
        link.symlink_to(real)
        self._add(target, real)

    def _add(self, target: str, real: str) -> None:
        self._links.append((target, real))
        self._links.sort(key=lambda link: -len(link[0]))


def remove_tree(path: Path) -> None:
    """A folder with everything in it; links are removed, never followed."""
    try:
        entries = list(os.scandir(path))
    except OSError:
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            remove_tree(Path(entry.path))
        else:
            Path(entry.path).unlink(missing_ok=True)
    path.rmdir()


def _unfold(link: Path) -> None:
    """A link to a folder becomes a folder of links to its entries."""
    real = link.resolve()
    link.unlink()
    link.mkdir()
    if real.is_dir():
        for entry in sorted(real.iterdir()):
            (link / entry.name).symlink_to(entry)
