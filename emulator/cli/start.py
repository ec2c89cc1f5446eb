"""From the words of `up` to the engine, without click: the way that people wait for."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

from emulator.settings import (
    EmulatorSettings,
    Port,
    Service,
    Settings,
    SettingsError,
    Volume,
    load,
    nearest,
)


class Start(NamedTuple):
    """What `up` or `engine` was told beyond its file; None is the file's own word."""

    file: Path | None = None
    addressing: str | None = None
    port: int | None = None
    state: Path | None = None
    fresh_addresses: bool = False
    fresh_volumes: bool = False
    private_volumes: bool = False
    quiet: bool = False
    stays: bool = False
    ready_fd: int | None = None
    lifeline_fd: int | None = None


def start(words: Start) -> int:
    """Run what config.toml describes until it is stopped; the exit code."""
    return _run(words, deploy=True)


def wait(words: Start) -> int:
    """Run an engine that waits for verbs, with or without a config.toml; the exit code."""
    return _run(words, deploy=False)


def _run(words: Start, *, deploy: bool) -> int:
    try:
        settings = settings_for(words, needs_file=deploy)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    if words.private_volumes:
        settings = private(settings)
    from emulator.engine import run
    from emulator.engine.way import Way

    way = Way(
        deploy=deploy,
        stays=words.stays,
        fresh_addresses=words.fresh_addresses,
        fresh_volumes=words.fresh_volumes,
        quiet=words.quiet,
        ready_fd=words.ready_fd,
        lifeline_fd=words.lifeline_fd,
    )
    return run(settings, way)


def settings_for(words: Start, *, needs_file: bool = True) -> Settings:
    """The nearest file's, or of a folder without one: its name, its state, and Docker's own images."""
    file = words.file or nearest(Path())
    if needs_file or words.file or file.is_file():
        return settled(load(file), words)
    root = file.parent.absolute()
    emulator = EmulatorSettings(state=root / ".emulator")
    return settled(Settings(root / file.name, root.name, emulator=emulator), words)


def settled(settings: Settings, words: Start) -> Settings:
    """The file's settings with the command line's laid over them."""
    emulator = settings.emulator
    if words.addressing:
        emulator = emulator._replace(addressing=words.addressing)
    if words.state:
        emulator = emulator._replace(state=words.state.absolute())
    services = settings.services if words.port is None else published(settings, words.port)
    return settings._replace(emulator=emulator, services=services)


def published(settings: Settings, port: int) -> tuple[Service, ...]:
    """The services with the one port that they publish on another port; with 0 all of them, on free ones."""
    count = sum(len(service.ports) for service in settings.services)
    if port and count != 1:
        raise SettingsError((f"--port: {settings.file.name} publishes {count} ports, expected one",))

    def moved(published: Port) -> Port:
        return published._replace(published=port)

    return tuple(service._replace(ports=tuple(map(moved, service.ports))) for service in settings.services)


def private(settings: Settings) -> Settings:
    """Each volume of a real folder as a copy of it in the state folder, which a run may change at will."""
    from shutil import copytree

    def copied(volume: Volume) -> Volume:
        if volume.path is None:
            return volume
        copy = settings.emulator.state / "private" / volume.name
        copy.mkdir(parents=True, exist_ok=True)
        if volume.path.is_dir():
            copytree(volume.path, copy, symlinks=True, dirs_exist_ok=True)
        return volume._replace(path=copy)

    return settings._replace(volumes=tuple(map(copied, settings.volumes)))
