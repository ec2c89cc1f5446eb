"""The group of all verbs; a verb's module is imported when it is named or listed."""

from __future__ import annotations

from importlib import import_module

import click

from emulator import __version__

# Verbs of the emulator's own, and the module of this package that holds a command of the same name.
OWN = ("up", "down", "engine", "tasks", "config", "procfile", "proxy", "nginx")
# Docker's: the package docker has their tables.
DOCKER = {
    "container": "Containers: inspect, ls, logs, prune, stop, kill, restart, pause, ...",
    "events": "Print what happens.",
    "history": "Print the layers of an image.",
    "image": "Images: history, inspect, ls, prune.",
    "images": "List the images that config.toml gives a meaning.",
    "info": "Print what the engine says of itself.",
    "inspect": "Print all that is known of objects.",
    "kill": "Kill containers, or send them a signal.",
    "logs": "Print what a container has written.",
    "network": "Networks: create, inspect, ls, prune, rm.",
    "node": "Nodes: demote, inspect, ls, promote, ps, rm, update.",
    "pause": "Freeze the processes of containers.",
    "port": "List the ports that a container publishes.",
    "ps": "List containers.",
    "restart": "Stop containers and start them again.",
    "rm": "Remove containers.",
    "secret": "Secrets: there are none.",
    "service": "Services: create, inspect, logs, ls, ps, rm, rollback, scale, update.",
    "stack": "Stacks: deploy, ls, ps, rm, services.",
    "stats": "Show what containers use.",
    "stop": "Ask containers to stop, and kill those that do not.",
    "swarm": "The swarm: init, join-token, leave, update.",
    "system": "The engine: df, events, info, prune.",
    "top": "List the processes of a container.",
    "unpause": "Let frozen processes go on.",
    "wait": "Wait until containers end, and print their exit codes.",
    "version": "Print the versions of client and engine.",
    "volume": "Volumes: create, inspect, ls, prune, rm.",
}


class Verbs(click.Group):
    """Commands by name, imported late."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*OWN, *DOCKER]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name in DOCKER:
            return click.Command(name, help=DOCKER[name])
        if name not in OWN:
            return None
        command: click.Command = getattr(import_module(f"emulator.cli.{name}"), name)
        return command


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="emulator %(version)s")
def emulator() -> None:
    """Gunicorn replicas behind nginx in a Docker swarm, emulated on this machine.

    Without a verb: `up`, from the nearest config.toml. The verbs from `container` on are Docker's, flags
    included: with `alias docker='python -m emulator'` a command of Docker's documentation works as it stands.
    """
