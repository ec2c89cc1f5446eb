"""From a command line in Docker's words to the verb that does it, and from its end to an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from emulator.cli.docker.pflag import BadFlag, Flag, HelpWanted, Words, parse
from emulator.cli.docker.refusals import OF_CONTAINERS, OF_IMAGES, REFUSED, refuse
from emulator.cli.docker.verb import Refused, Verb, arity_problem, help_text, run_help, said
from emulator.client import Engine, EngineError

# The nouns, and the modules of this package that hold their tables.
TABLES = {
    **{name: (name,) for name in ("network", "node", "service", "stack", "swarm", "volume")},
    "config": ("absent",),
    "container": ("prune",),
    "image": ("images", "prune"),
    "secret": ("absent",),
    "system": ("diskusage", "prune"),
}
TOP = ("containers", "images", "inspect", "system")
_SAME = ("ps", "logs", "stop", "kill", "restart", "pause", "unpause", "rm", "top", "port", "stats", "wait")
# A noun whose verbs are also verbs by themselves: what each is called there.
SYNONYMS = {
    "container": {
        **dict(zip(_SAME, _SAME, strict=True)),
        "ls": "ps",
        "list": "ps",
        "inspect": "inspect",
        "remove": "rm",
    },
    "image": {"ls": "images", "list": "images", "history": "history"},
    "system": {"info": "info", "events": "events"},
}
ALIASES = {"list": "ls", "remove": "rm", "up": "deploy", "down": "rm"}
GLOBAL = (
    Flag("host", "H", "list", "The engine's socket, unix://PATH"),
    Flag("state", "", "string", "The folder of the emulator's state, instead of config.toml's"),
    Flag("config", "", "string", "Not looked at"),
    Flag("context", "c", "string", "Not looked at"),
    Flag("debug", "D", "bool", "Not looked at"),
    Flag("log-level", "l", "string", "Not looked at"),
    Flag("version", "v", "bool", "Print the version"),
)
BRIEF = {
    "config": "Manage Swarm configs",
    "container": "Manage containers",
    "image": "Manage images",
    "network": "Manage networks",
    "node": "Manage Swarm nodes",
    "secret": "Manage Swarm secrets",
    "service": "Manage Swarm services",
    "stack": "Manage Swarm stacks",
    "swarm": "Manage Swarm",
    "system": "Manage Docker",
    "volume": "Manage volumes",
}


def main(words: list[str]) -> int:
    """A command line without its program's name; its exit code."""
    try:
        return answered(words)
    except Refused as refusal:
        print(refusal, file=sys.stderr)
        return refusal.code
    except EngineError as error:
        print(said(error), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read the output has gone; the interpreter must not complain about it when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def answered(words: list[str]) -> int:
    try:
        before = parse(words, GLOBAL, interspersed=False)
    except BadFlag as error:
        usage = "Usage:  docker [OPTIONS] COMMAND [ARG...]\n\nRun 'docker --help' for more information"
        raise Refused(f"{error}\n\n{usage}", 125) from None
    except HelpWanted:
        before = Words({}, [])
    if not before.rest:
        from emulator.cli.verbs import emulator

        emulator(["--version" if before.get("version") else "--help"], prog_name="emulator")
    if before.rest[0] == "completion":
        from emulator.cli.docker.completion import script

        print(script(before.rest[1:]))
        return 0
    if before.rest[0] == "__complete":
        from emulator.cli.docker.completion import completions

        print("\n".join(completions(before.rest[1:], lambda: engine_of(before, None))))
        return 0
    if refused := _refused(before.rest):
        shown, words = refused
        return refuse(words, shown, lambda: engine_of(before, None))
    if before.rest[0] == "help":
        return answered([*before.rest[1:], "--help"])
    verb, rest = found(before.rest)
    return 0 if verb is None else run(verb, rest, before)


def _refused(words: list[str]) -> tuple[str, list[str]] | None:
    """The name and the words of a verb that has no meaning here."""
    noun, *rest = words
    if noun in REFUSED:
        return noun, words
    if noun == "image" and rest[:1] in (["rm"], ["remove"]):
        return f"image {rest[0]}", ["rmi", *rest[1:]]
    if rest and rest[0] in {"container": OF_CONTAINERS, "image": OF_IMAGES}.get(noun, ()):
        return f"{noun} {rest[0]}", rest
    return None


def found(words: list[str]) -> tuple[Verb | None, list[str]]:
    """The row of a command line, and its words after the verb's own; None when help has been printed."""
    name, *rest = words
    if name not in BRIEF:
        verb = top(name)
        if verb is None:
            raise Refused(
                f"docker: unknown command: docker {name}{meant(name)}\n\n"
                "Run 'docker --help' for more information"
            )
        return verb, rest
    if not rest or rest[0] in ("--help", "-h"):
        print(group_help(name))
        return None, []
    verb = next((one for one in of(name) if one.path == f"{name} {ALIASES.get(rest[0], rest[0])}"), None)
    verb = verb or next((one for one in of(name) if one.path == f"{name} {rest[0]}"), None)
    if verb is None:
        raise Refused(
            f"docker: unknown command: docker {name} {rest[0]}\n\nUsage:  docker {name}\n\n"
            f"Run 'docker {name} --help' for more information"
        )
    return verb, rest[1:]


def meant(name: str) -> str:
    """A verb of the emulator's own that a word is nearly; Docker's client leaves its users to guess."""
    from difflib import get_close_matches

    from emulator.cli.verbs import OWN

    near = get_close_matches(name, OWN, n=1)
    return f", did you mean 'emulator {near[0]}'?" if near else ""


def top(name: str) -> Verb | None:
    """The verb that stands by itself."""
    for module in TOP:
        for verb in table(module):
            if verb.path == name:
                return verb
    return None


def of(noun: str) -> Iterator[Verb]:
    """The verbs of a noun."""
    for module in TABLES.get(noun, ()):
        yield from (verb for verb in table(module) if verb.path.startswith(f"{noun} "))
    for name, other in SYNONYMS.get(noun, {}).items():
        verb = top(other)
        assert verb is not None
        yield verb._replace(path=f"{noun} {name}")


def table(module: str) -> tuple[Verb, ...]:
    rows: tuple[Verb, ...] = import_module(f"emulator.cli.docker.{module}").VERBS
    return rows


def group_help(noun: str) -> str:
    verbs = {verb.path.split()[1]: verb.brief for verb in of(noun)}
    width = max(map(len, verbs))
    rows = [f"  {name.ljust(width)}   {verbs[name]}" for name in sorted(verbs)]
    tail = f"Run 'docker {noun} COMMAND --help' for more information on a command."
    return "\n".join([f"Usage:  docker {noun} COMMAND", "", BRIEF[noun], "", "Commands:", *rows, "", tail])


def run(verb: Verb, rest: list[str], before: Words) -> int:
    try:
        words = parse(rest, verb.flags, verb.interspersed)
    except BadFlag as error:
        raise Refused(f"{error}\n\n{verb.usage}\n\n{run_help(verb)}", 125) from None
    except HelpWanted as help:
        if str(help) == "-h":
            print("Flag shorthand -h has been deprecated, use --help", file=sys.stderr)
        print(help_text(verb))
        return 0
    if problem := arity_problem(verb, len(words.rest)):
        raise Refused(problem)
    return verb.run(engine_of(before, verb), words)


def engine_of(before: Words, verb: Verb | None) -> Engine:
    """The engine of -H, of DOCKER_HOST, or of the nearest config.toml; there, the first may be started."""
    host = (before.get("host") or [os.environ.get("DOCKER_HOST", "")])[-1]
    if host:
        kind, _, path = host.partition("://")
        if kind != "unix":
            raise Refused(f"Cannot connect to the Docker daemon at {host}. Is the docker daemon running?")
        return Reached(Path(path))
    from emulator.cli.start import Start, settings_for
    from emulator.settings import SettingsError

    state = before.get("state")
    start = Start(state=Path(state) if state else None)
    try:
        settings = settings_for(start, needs_file=False)
    except SettingsError as error:
        raise Refused(str(error), 2) from None
    engine = Reached(settings.emulator.state / "docker.sock")
    if verb is not None and not engine.answers():
        may_start = settings.file.is_file() or verb.path == "swarm init"
        return Reached(first(start)) if may_start else engine
    return engine


def first(start: object) -> Path:
    from emulator.cli.background import NotStarted, first_engine
    from emulator.cli.start import Start

    assert isinstance(start, Start)
    try:
        return first_engine(start).socket
    except NotStarted as error:
        raise Refused(str(error)) from None


class Reached(Engine):
    """An engine whose absence is told in the words of Docker's client."""

    def answers(self) -> bool:
        """Whether somebody listens."""
        try:
            self.get("/_ping")
        except ValueError:
            return True
        except EngineError as error:
            return error.status is not None
        return True

    def absence(self) -> str:
        return f"Cannot connect to the Docker daemon at unix://{self.path}. Is the docker daemon running?"
