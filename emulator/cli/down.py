"""`emulator down`: the end of an engine, wherever it was started."""

from __future__ import annotations

from pathlib import Path

import click

from emulator.cli.file import file_option, state_option


@click.command()
@file_option
@state_option
@click.option("-v", "--volumes", is_flag=True, help="Remove what the volumes hold, too.")
def down(file: Path | None, state: Path | None, volumes: bool) -> None:
    """Stop the engine of this folder and forget its services and networks; volumes stay.

    A volume that is a folder of your own is never removed.
    """
    import sys

    from emulator.cli.start import Start, settings_for
    from emulator.engine.teardown import tear_down
    from emulator.settings import SettingsError

    try:
        settings = settings_for(Start(file, state=state), needs_file=False)
    except SettingsError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    lines = 0
    for line in tear_down(settings.emulator.state, volumes=volumes):
        click.echo(line)
        lines += 1
    if not lines:
        click.echo(f"Nothing runs on {settings.emulator.state}, and nothing is kept there")
