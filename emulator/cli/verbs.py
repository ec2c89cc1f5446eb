"""The group of all verbs; a verb's module is imported when it is named or listed."""

from __future__ import annotations

from importlib import import_module

import click

from emulator import __version__

# The verb, and the module of this package that holds a command of the same name.
VERBS = ("up", "down", "engine", "ps", "logs", "config", "procfile", "proxy", "nginx")


class Verbs(click.Group):
    """Commands by name, imported late."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in VERBS:
            return None
        command: click.Command = getattr(import_module(f"emulator.cli.{name}"), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does it, with the verb that was probably meant."""
        from difflib import get_close_matches

        if args and args[0] not in VERBS and (near := get_close_matches(args[0], VERBS, n=1)):
            ctx.fail(f"No such command '{args[0]}', did you mean '{near[0]}'?")
        return super().resolve_command(ctx, args)


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="emulator %(version)s")
def emulator() -> None:
    """Gunicorn replicas behind nginx in a Docker swarm, emulated on this machine.

    Without a verb: `up`, from the nearest config.toml.
    """
