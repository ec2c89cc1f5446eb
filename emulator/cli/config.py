"""`emulator config`: what config.toml comes to, defaults and absolute paths included."""

from __future__ import annotations

from pathlib import Path

import click

from emulator.cli.file import file_option, settings_of


@click.command()
@file_option
@click.option("-q", "--quiet", is_flag=True, help="Only check the file.")
def config(file: Path | None, quiet: bool) -> None:
    """Check config.toml and print what it comes to, as JSON."""
    settings = settings_of(file)
    if not quiet:
        import json

        click.echo(json.dumps(_plain(settings), indent=4, default=str))


def _plain(value: object) -> object:
    """Named tuples as objects, other tuples as lists."""
    if isinstance(value, tuple):
        if hasattr(value, "_asdict"):
            return {name: _plain(part) for name, part in value._asdict().items()}
        return [_plain(part) for part in value]
    return value
