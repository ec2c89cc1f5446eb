"""`emulator nginx ...`: here for the list of verbs; main() passes its arguments on before click is there."""

from __future__ import annotations

import sys

import click


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def nginx(arguments: tuple[str, ...]) -> None:
    """Run, check or print an nginx configuration, as the nginx binary does."""
    from emulator.nginx.commandline import main

    sys.exit(main(list(arguments)))
