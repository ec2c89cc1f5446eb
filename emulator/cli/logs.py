"""`emulator logs`: what tasks have written, each line after its task's name."""

from __future__ import annotations

import sys
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import click

from emulator.cli.file import connected, state_option

if TYPE_CHECKING:
    from emulator.client import Engine, Task


@click.command()
@click.argument("task", required=False)
@click.option("-f", "--follow", is_flag=True, help="Go on with what they write from now on.")
@click.option("-n", "--tail", default="all", metavar="LINES", help="Only the last lines  [default: all]")
@click.option(
    "--file", type=click.Path(path_type=Path), help="The settings  [default: the nearest config.toml]"
)
@state_option
def logs(task: str | None, follow: bool, tail: str, file: Path | None, state: Path | None) -> None:
    """Print what a task like webapp.2, a service like webapp, or every task has written."""
    with connected(file, state) as engine:
        tasks = chosen(engine.tasks(), task)
        if not tasks:
            click.echo(f"no such task or service: {task}" if task else "no task has run", err=True)
            sys.exit(1)
        width = max(len(one.name) for one in tasks)
        for one in tasks if not follow else ():
            show(engine, one, width, False, tail)
        if follow:
            show_all(engine, tasks, width, tail)


def chosen(tasks: list[Task], word: str | None) -> list[Task]:
    """The tasks that a word means: a slot's, a service's, one by the beginning of its id, or all."""
    ran = [task for task in tasks if task.container]
    if word is None:
        return ran
    return [task for task in ran if word in (task.name, task.service) or task.id.startswith(word)]


def show_all(engine: Engine, tasks: list[Task], width: int, tail: str) -> None:
    """Follow all of them at once until each has ended, or until Ctrl-C."""
    running = [Thread(target=show, args=(engine, one, width, True, tail), daemon=True) for one in tasks]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()


def show(engine: Engine, task: Task, width: int, follow: bool, tail: str) -> None:
    """Print whole lines, each after the task's name, on the stream that the task wrote them to."""
    streams = {1: sys.stdout.buffer, 2: sys.stderr.buffer}
    started = {1: b"", 2: b""}
    name = f"{task.name.ljust(width)}  | ".encode()
    for stream, piece in engine.logs(task.container, follow, tail):
        *lines, started[stream] = (started[stream] + piece).split(b"\n")
        streams[stream].write(b"".join(name + line + b"\n" for line in lines))
        streams[stream].flush()
    for stream, rest in started.items():
        if rest:
            streams[stream].write(name + rest + b"\n")
            streams[stream].flush()
