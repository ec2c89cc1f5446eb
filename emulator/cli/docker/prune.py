"""`container prune`, `image prune` and `system prune` (docker/cli, cli/command/system/prune.go)."""

from __future__ import annotations

from emulator.cli.docker import tasks
from emulator.cli.docker.network import FORCE, confirmed
from emulator.cli.docker.pflag import Flag, Words
from emulator.cli.docker.units import decimal_size
from emulator.cli.docker.verb import FILTER, NONE, Verb
from emulator.client import Engine

STOPPED = "WARNING! This will remove all stopped containers.\n"
DANGLING = "WARNING! This will remove all dangling images.\n"
UNUSED = "WARNING! This will remove all images without at least one container associated to them.\n"


def containers(engine: Engine, words: Words) -> int:
    if words.get("force") or confirmed(STOPPED):
        _reclaimed(_containers(engine, words))
    return 0


def images(engine: Engine, words: Words) -> int:
    if words.get("force") or confirmed(UNUSED if words.get("all") else DANGLING):
        _reclaimed(_images(engine, words))
    return 0


def system(engine: Engine, words: Words) -> int:
    if not words.get("force") and not confirmed(_what(words)):
        return 0
    freed = _containers(engine, words)
    _listed("Networks", engine.post("/networks/prune", None, **_asked(words)).get("NetworksDeleted"))
    if words.get("volumes"):
        answer = engine.post("/volumes/prune", None, **_asked(words))
        _listed("Volumes", answer.get("VolumesDeleted"))
        freed += answer.get("SpaceReclaimed", 0)
    _reclaimed(freed + _images(engine, words))
    return 0


def _what(words: Words) -> str:
    things = ["all stopped containers", "all networks not used by at least one container"]
    if words.get("volumes"):
        things.append("all anonymous volumes not used by at least one container")
    things.append(
        "all images without at least one container associated to them"
        if words.get("all")
        else "all dangling images"
    )
    things.append("all build cache" if words.get("all") else "unused build cache")
    return "WARNING! This will remove:\n" + "".join(f"  - {thing}\n" for thing in things) + "\n"


def _asked(words: Words, **more: dict[str, bool]) -> dict[str, str]:
    return tasks.asked(tasks.filters(words) | more)


def _containers(engine: Engine, words: Words) -> int:
    answer = engine.post("/containers/prune", None, **_asked(words))
    _listed("Containers", answer.get("ContainersDeleted"))
    return int(answer.get("SpaceReclaimed", 0))


def _images(engine: Engine, words: Words) -> int:
    dangling = {"false" if words.get("all") else "true": True}
    answer = engine.post("/images/prune", None, **_asked(words, dangling=dangling))
    return int(answer.get("SpaceReclaimed", 0))


def _listed(what: str, names: list[str] | None) -> None:
    if names:
        print(f"Deleted {what}:", *names, "", sep="\n")


def _reclaimed(size: int) -> None:
    print(f"Total reclaimed space: {decimal_size(size)}")


FLAGS = (FILTER._replace(short=""), FORCE)
ALL = Flag("all", "a", "bool", "Also images that have a name")
VERBS = (
    Verb("container prune", "", "Remove the containers that have ended", containers, NONE, FLAGS),
    Verb("image prune", "", "Remove the images that nothing uses", images, NONE, (ALL, *FLAGS)),
    Verb(
        "system prune",
        "",
        "Remove what nothing uses",
        system,
        NONE,
        (ALL, *FLAGS, Flag("volumes", "", "bool", "Also volumes without a name")),
    ),
)
