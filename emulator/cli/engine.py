"""`emulator engine`: an engine without services, as dockerd is one; verbs give it some."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from emulator.cli.file import file_option, state_option


@click.command()
@file_option
@state_option
@click.option("-d", "--detach", is_flag=True, help="Run in the background; `emulator down` stops it.")
@click.option("--fresh-addresses", is_flag=True, help="Take addresses that no other emulator uses.")
@click.option("--ready-fd", type=int, hidden=True)
@click.option("--lifeline-fd", type=int, hidden=True)
def engine(
    file: Path | None,
    state: Path | None,
    detach: bool,
    fresh_addresses: bool,
    ready_fd: int | None,
    lifeline_fd: int | None,
) -> None:
    """Wait for verbs on .emulator/docker.sock; config.toml, if there is one, says what images are.

    Services of an earlier engine on the same folder are found again and brought back.
    """
    from emulator.cli import background
    from emulator.cli.start import Start, wait

    words = Start(
        file,
        state=state,
        fresh_addresses=fresh_addresses,
        quiet=True,
        stays=True,
        ready_fd=ready_fd,
        lifeline_fd=lifeline_fd,
    )
    if detach:
        sys.exit(background.detached("engine", words))
    sys.exit(wait(words))
