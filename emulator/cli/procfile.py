"""`emulator procfile`: the same topology as a Procfile, for honcho and its kind."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from emulator.cli.file import file_option, settings_of

if TYPE_CHECKING:
    from emulator.settings import Service, Settings

HEAD = "# As config.toml has it: written by `emulator procfile`."
# How a command may write the address on which a container listens on all of its own.
WILDCARDS = ("0.0.0.0:{}", "[::]:{}", "*:{}", ":{}")


class NoLine(Exception):
    """A service that a line of a Procfile cannot stand for."""


@click.command()
@file_option
def procfile(file: Path | None) -> None:
    """Print the Procfile that config.toml implies."""
    settings = settings_of(file)
    try:
        text = "\n".join(lines(settings))
    except NoLine as error:
        print(f"{settings.file.name}: {error}", file=sys.stderr)
        sys.exit(2)
    click.echo(text)


def lines(settings: Settings) -> Iterator[str]:
    """One line a replica, on ports counted on from `honcho_port`, and one a proxy."""
    from emulator.procfile import ports, proxies

    yield HEAD
    numbers = ports(settings)
    for service in settings.services:
        for slot, port in enumerate(numbers.get(service.name, ()), 1):
            yield f"{service.name}_{slot}: {command(settings, service, slot, port)}"
    fronts = proxies(settings)
    for service in fronts:
        alone = len(fronts) == 1
        yield (
            "proxy: python -m emulator proxy"
            if alone
            else (f"{service.name}: python -m emulator proxy {service.name}")
        )


def command(settings: Settings, service: Service, slot: int, port: int) -> str:
    """A replica's command in a shell's words: its folder, its variables, its address."""
    from emulator.container.images import recipe

    made = recipe(service.image, settings.images)
    env = {**dict(made.env), **dict(service.env), "PYTHONUNBUFFERED": "1"}
    variables = " ".join(f"{name}={shlex.quote(filled(service, slot, env[name]))}" for name in env)
    argv = placed(service, list(made.command(None, service.command)), made.expose, port)
    folder = made.folder or settings.root
    relative = folder.relative_to(settings.root) if folder.is_relative_to(settings.root) else folder
    there = "" if folder == settings.root else f"cd {shlex.quote(str(relative))} && "
    return f"{there}{variables} exec {shlex.join(argv)}"


def filled(service: Service, slot: int, text: str) -> str:
    """The text with the templates that mean something outside a swarm."""
    known = {"Service.Name": service.name, "Task.Slot": str(slot), "Task.Name": f"{service.name}.{slot}"}
    for name, value in known.items():
        text = text.replace(f"{{{{.{name}}}}}", value)
    if "{{" in text:
        raise NoLine(f"services.{service.name}.env: {text} has no meaning in a Procfile")
    return text


def placed(service: Service, argv: list[str], exposed: tuple[int, ...], port: int) -> list[str]:
    """The command with a port of 127.0.0.1 where it listens on all addresses of its container."""
    words = [word.replace("{address}", "127.0.0.1").replace("{port}", str(port)) for word in argv]
    if words != argv:
        return words
    for wildcard in WILDCARDS:
        for number in exposed:
            listens = wildcard.format(number)
            words = [
                word.removesuffix(listens) + f"127.0.0.1:{port}" if word.endswith(listens) else word
                for word in argv
            ]
            if words != argv:
                return words
    raise NoLine(
        f"services.{service.name}.command: no word ends in an address like 0.0.0.0:{(exposed or (8000,))[0]}"
        " that is exposed, expected {address}:{port} in its place"
    )
