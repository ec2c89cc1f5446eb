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
@click.option("--fresh-volumes", is_flag=True, help="Bring volumes up to date with their images' files.")
@click.option("--private-volumes", is_flag=True, help="Work on copies of the volumes' folders.")
@state_option
@click.option("-d", "--detach", is_flag=True, help="Run in the background; `emulator down` stops it.")
@click.option("-q", "--quiet", is_flag=True, help="Do not print what the tasks write.")
@click.option(
    "--ready-fd", type=int, hidden=True, help="A descriptor to write one line of JSON to when ready."
)
@click.option("--lifeline-fd", type=int, hidden=True, help="Stop when the other end of this pipe is closed.")
@click.option("--stays", is_flag=True, hidden=True, help="What it runs outlives it, in the next engine.")
def up(file: Path | None, detach: bool, **words: Any) -> None:
    """Start what config.toml describes; Ctrl-C stops it."""
    from emulator.cli.start import Start, start

    if detach:
        from emulator.cli.background import detached

        sys.exit(detached("up", Start(file, **{**words, "quiet": True, "stays": True})))
    sys.exit(start(Start(file, **words)))
