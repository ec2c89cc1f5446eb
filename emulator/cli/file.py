"""The file that a verb is about: the option -f, the nearest config.toml, its problems and exit code 2."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
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
