"""`emulator down`: the engine of a state folder ends, and what it kept is forgotten."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterable, Iterator
from pathlib import Path

from .state import State


def tear_down(folder: Path, *, volumes: bool) -> Iterator[str]:
    """What has been done, one line at a time; `volumes`: their content as well."""
    if not folder.is_dir():
        return
    state = State(folder)
    running = state.holder()
    if running:
        os.kill(running, signal.SIGTERM)
    with state.patiently():
        if running:
            yield f"Stopped the engine (pid {running})"
        notes: list[str] = []
        state.clear_leftovers(notes.append)
        yield from notes
        yield from _forget(state)
        if volumes:
            yield from _remove_volumes(folder)


def _forget(state: State) -> Iterator[str]:
    """Services and networks, with the journal that had them; one that cannot be read goes unread."""
    if not state.journal.exists():
        return
    from ..swarm.errors import Broken
    from ..swarm.journal import Journal, erase
    from ..swarm.model import Network, Service, Volume

    try:
        journal = Journal(state.journal)
        found, version = journal.read()
    except Broken as error:
        erase(state.journal)
        yield f"Removed {error}"
        return
    kept = [thing for thing in found if isinstance(thing, Volume)]
    journal.write(version, (), [thing for thing in found if thing not in kept])
    journal.close(remove=not kept)
    for kind, word in ((Service, "service"), (Network, "network")):
        yield from _said(word, sorted(thing.name for thing in found if isinstance(thing, kind)))


def _remove_volumes(folder: Path) -> Iterator[str]:
    """Those whose content lies in the state folder; a folder of the user's own stays as it is."""
    from ..swarm.journal import erase

    home = folder / "volumes"
    names = sorted(path.name for path in home.iterdir() if path.is_dir()) if home.is_dir() else []
    for left in ("volumes", "private"):
        shutil.rmtree(folder / left, ignore_errors=True)
    erase(folder / "swarm.db")
    yield from _said("volume", names)


def _said(word: str, names: Iterable[str]) -> Iterator[str]:
    found = list(names)
    if found:
        yield f"Removed {word}{'s' if len(found) > 1 else ''} {', '.join(found)}"
