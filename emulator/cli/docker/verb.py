"""A verb as a row: its words, its flags, how many words it takes, and what it does."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from emulator.cli.docker.pflag import Flag, Words
from emulator.client import Engine

Run = Callable[[Engine, Words], int]
# The number of words that a verb takes: at least, and at most (None is any number).
Arity = tuple[int, int | None]
NONE: Arity = (0, 0)
ONE: Arity = (1, 1)
TWO: Arity = (2, 2)
SOME: Arity = (1, None)
ANY: Arity = (0, None)


class Refused(Exception):
    """The end of a verb: a line for the standard error and an exit code."""

    def __init__(self, text: str, code: int = 1) -> None:
        super().__init__(text)
        self.code = code


class Verb(NamedTuple):
    """One row of a noun's table."""

    path: str
    words: str
    brief: str
    run: Run
    arity: Arity = NONE
    flags: tuple[Flag, ...] = ()
    interspersed: bool = True

    @property
    def usage(self) -> str:
        options = " [OPTIONS]" if self.flags else ""
        return f"Usage:  docker {self.path}{options}{self.words and ' ' + self.words}"


FORMAT = Flag(
    "format", "", "string", "Print with a Go template, 'table TEMPLATE' or 'json' instead of a table"
)
INSPECT_FORMAT = Flag("format", "f", "string", "Print with a Go template, or 'json'")
FILTER = Flag("filter", "f", "filter", "Only those to which NAME=VALUE applies; can be repeated")
QUIET = Flag("quiet", "q", "bool", "Print the IDs alone")
NO_TRUNC = Flag("no-trunc", "", "bool", "Print IDs and texts in full")
DETACH = Flag("detach", "d", "bool", "Do not wait until the service has converged")
NO_PROGRESS = Flag("quiet", "q", "bool", "Wait, but do not print the progress")


def arity_problem(verb: Verb, count: int) -> str | None:
    """What is wrong with a number of words, as cli.RequiresMinArgs and its kin say it."""
    least, most = verb.arity
    name = f"docker: 'docker {verb.path}'"
    if most == 0 and count:
        return f"{name} accepts no arguments\n\n{verb.usage}\n\n{run_help(verb)}"
    if least == most != count:
        return f"{name} requires {least} argument{'s' * (least != 1)}\n\n{verb.usage}\n\n{run_help(verb)}"
    if count < least:
        told = f"{name} requires at least {least} argument{'s' * (least != 1)}"
        if most is not None:
            return f"{told} and at most {most} arguments\n\n{verb.usage}\n\n{run_help(verb)}".replace(
                f"{least} argument and", f"{least} and"
            )
        return f"{told}\n\n{verb.usage}\n\nSee {_help(verb)}"
    if most is not None and count > most:
        # The client says "SRun" here: its own slip, kept.
        return (
            f"{name} requires at most {most} argument{'s' * (most != 1)}\n\n{verb.usage}\n\nS{run_help(verb)}"
        )
    return None


def run_help(verb: Verb) -> str:
    return f"Run {_help(verb)}"


def _help(verb: Verb) -> str:
    return f"'docker {verb.path} --help' for more information"


def help_text(verb: Verb) -> str:
    """What --help prints."""
    lines = [verb.usage, "", verb.brief]
    if verb.flags:
        names = [
            f"{f'-{flag.short}, ' if flag.short else '    '}--{flag.name}{_meta(flag)}"
            for flag in _sorted(verb)
        ]
        width = max(map(len, names))
        lines += ["", "Options:"]
        lines += [
            f"  {name.ljust(width)}   {flag.help}" for name, flag in zip(names, _sorted(verb), strict=True)
        ]
    return "\n".join(lines)


def _sorted(verb: Verb) -> list[Flag]:
    return sorted(verb.flags, key=lambda flag: flag.name)


def _meta(flag: Flag) -> str:
    words = {"health": "duration", "env": "list", "hosts": "list"}
    return "" if flag.kind == "bool" else f" {words.get(flag.kind, flag.kind)}"


def path_of(kind: str, name: str) -> str:
    """Where the API has an object; an empty name is refused before anybody is asked, as trimID does it."""
    if not name:
        raise Refused(f"invalid {kind} name or ID: value is empty")
    from urllib.parse import quote

    return f"/{kind}s/{quote(name)}"


def each(names: list[str], act: Callable[[str], object], show: bool = True) -> int:
    """Do it to each, print its name, and go on after a refusal: 1 if there was one."""
    import sys

    from emulator.client import EngineError

    refusals = []
    for name in names:
        try:
            act(name)
            if show:
                print(name)
        except (EngineError, Refused) as error:
            refusals.append(said(error))
    for line in refusals:
        print(line, file=sys.stderr)
    return 1 if refusals else 0


def said(error: Exception) -> str:
    """A refusal as the client prints it."""
    return f"Error response from daemon: {error}" if getattr(error, "status", None) else str(error)
