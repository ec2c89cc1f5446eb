"""`emulator tasks`: the tasks, as `docker service ps` lists them, with what a task is on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from emulator.cli.file import connected, file_option, state_option

if TYPE_CHECKING:
    from emulator.client import Task

HEAD = ("ID", "NAME", "IMAGE", "CURRENT STATE", "ADDRESS", "PID", "ERROR")


@click.command()
@click.argument("service", required=False)
@click.option("-a", "--all", "everything", is_flag=True, help="Also the tasks that have ended.")
@file_option
@state_option
def tasks(service: str | None, everything: bool, file: Path | None, state: Path | None) -> None:
    """List the tasks, or those of a service, with their addresses and PIDs on this machine."""
    from emulator.cli.table import columns

    with connected(file, state) as engine:
        found = engine.tasks(service, running=not everything)
        places = {task.id: engine.place(task.container).address for task in found if task.pid}
        click.echo(columns([HEAD, *rows(found, places, datetime.now(UTC))]))


def rows(tasks: list[Task], places: dict[str, str], now: datetime) -> Iterator[tuple[str, ...]]:
    """A row a task; an older one of the same slot hangs below the newest."""
    from emulator.cli.table import human, when

    above = ""
    for task in tasks:
        place = places.get(task.id, "")
        state = f"{task.state.capitalize()} {human((now - when(task.since)).total_seconds()).lower()} ago"
        older = " \\_ " if task.name == above else ""
        yield (
            task.id[:12],
            older + task.name,
            task.image,
            state,
            place,
            str(task.pid or ""),
            task.error,
        )
        above = task.name
