"""What a verb is about: the option -f and the nearest config.toml, and the emulator that runs it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from emulator.client import Engine
    from emulator.settings import Settings

file_option = click.option(
    "-f", "--file", type=click.Path(path_type=Path), help="The settings  [default: the nearest config.toml]"
)
state_option = click.option(
    "--state",
    type=click.Path(path_type=Path),
    help="The folder of the emulator's state, instead of the file's.",
)


def settings_of(file: Path | None) -> Settings:
    """The settings of a file, or the end of the process with a line for each problem."""
    from emulator.settings import SettingsError, load, nearest

    try:
        return load(file or nearest(Path()))
    except SettingsError as error:
        print(error, file=sys.stderr)
        sys.exit(2)


@contextmanager
def connected(file: Path | None, state: Path | None) -> Iterator[Engine]:
    """The running emulator of a file; whatever it refuses is one line and exit code 1."""
    from emulator.client import Engine, EngineError

    folder = state.absolute() if state else settings_of(file).emulator.state
    try:
        yield Engine(folder / "docker.sock")
    except EngineError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
