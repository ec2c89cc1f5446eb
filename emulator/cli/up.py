"""`emulator up`: everything that config.toml describes, until Ctrl-C."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from emulator.cli.file import file_option, state_option


@click.command()
@file_option
@click.option("--port", type=click.IntRange(0, 65535), help="Publish on this port instead; 0 is a free one.")
@click.option("--addressing", type=click.Choice(["loopback", "ports"]), help="How tasks are told apart.")
@click.option("--fresh-addresses", is_flag=True, help="Take addresses that no other emulator uses.")
@click.option("--private-volumes", is_flag=True, help="Work on copies of the volumes' folders.")
@state_option
@click.option("-q", "--quiet", is_flag=True, help="Do not print what the tasks write.")
@click.option(
    "--ready-fd", type=int, hidden=True, help="A descriptor to write one line of JSON to when ready."
)
@click.option("--lifeline-fd", type=int, hidden=True, help="Stop when the other end of this pipe is closed.")
def up(file: Path | None, **words: Any) -> None:
    """Start what config.toml describes; Ctrl-C stops it."""
    from emulator.cli.start import Start, start

    sys.exit(start(Start(file, **words)))
