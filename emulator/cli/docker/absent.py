"""`secret` and `config`, of which there are none: lists are empty, and whoever makes one is refused."""

from __future__ import annotations

import sys
from pathlib import Path

from emulator.cli.docker.formats import Sheet, listed
from emulator.cli.docker.inspect import inspecting
from emulator.cli.docker.pflag import Flag, Words
from emulator.cli.docker.verb import (
    FILTER,
    FORMAT,
    INSPECT_FORMAT,
    NONE,
    QUIET,
    SOME,
    Refused,
    Verb,
    each,
    path_of,
)
from emulator.client import Engine

HEADS = {"ID": "ID", "Name": "NAME", "Driver": "DRIVER", "CreatedAt": "CREATED", "UpdatedAt": "UPDATED"}


def _sheet(kind: str) -> Sheet:
    fields = [field for field in HEADS if field != "Driver" or kind == "secret"]
    return Sheet("\t".join(f"{{{{.{field}}}}}" for field in fields), HEADS, f"*{kind}.{kind}Context")


def _verbs(kind: str) -> tuple[Verb, ...]:
    def create(engine: Engine, words: Words) -> int:
        """The file is read first, as the client does; the engine says why there can be none."""
        from base64 import b64encode

        name, file = words.rest if len(words.rest) == 2 else (words.rest[0], "-")
        data = _read(file)
        engine.post(f"/{kind}s/create", {"Name": name, "Data": b64encode(data).decode()})
        return 0

    def list_none(engine: Engine, words: Words) -> int:
        engine.get(f"/{kind}s")
        return listed(_sheet(kind), [], words.get("format"), words.get("quiet", False))

    def inspect(engine: Engine, words: Words) -> int:
        return inspecting(words, f"swarm.{kind.capitalize()}", lambda name: engine.get(path_of(kind, name)))

    def remove(engine: Engine, words: Words) -> int:
        return each(words.rest, lambda name: engine.delete(path_of(kind, name)))

    many = f"{kind.upper()} [{kind.upper()}...]"
    file = "[file|-]" if kind == "secret" else "file|-"
    return (
        Verb(
            f"{kind} create",
            f"{kind.upper()} {file}",
            f"Refused: there are no {kind}s here",
            create,
            (1, 2),
            CREATE,
        ),
        Verb(f"{kind} inspect", many, f"Print all that is known of {kind}s", inspect, SOME, INSPECT),
        Verb(f"{kind} ls", "", f"List the {kind}s: there are none", list_none, NONE, (FILTER, FORMAT, QUIET)),
        Verb(f"{kind} rm", many, f"Remove {kind}s", remove, SOME),
    )


def _read(file: str) -> bytes:
    if file == "-":
        data = sys.stdin.buffer.read()
        if not data:
            raise Refused("error reading from STDIN: data is empty")
        return data
    try:
        return Path(file).read_bytes()
    except OSError as error:
        words = (error.strerror or str(error)).lower()
        raise Refused(f"error reading from {file}: open {file}: {words}") from None


CREATE = (
    Flag("driver", "d", "string", "Who keeps it"),
    Flag("label", "l", "list", "A label"),
    Flag("template-driver", "", "string", "Who fills it in"),
)
INSPECT = (INSPECT_FORMAT, Flag("pretty", "", "bool", "For people, not for programs"))
VERBS = (*_verbs("secret"), *_verbs("config"))
