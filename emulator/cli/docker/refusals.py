"""Docker's verbs that have no meaning here: what the engine says of them, or a reason where none runs.

The engine refuses each by name, as it refuses Docker's own client; so that both say the same, ours asks it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import quote

from emulator.cli.docker.verb import Refused
from emulator.client import Engine, EngineError

NO_CONTAINERS = "containers are made by services only"
NO_FILES = "a task's files are files of this machine"
NO_IMAGES = "images are what config.toml says under [images]"
NO_REGISTRY = "there is no registry"


class Refusal(NamedTuple):
    """Why not, and the order by which the engine is asked; `{}` is the first word that is no flag."""

    why: str
    order: str = ""
    before: str = ""  # what the client says first
    after: str = ""
    code: int = 1


TAGGED = "Using default tag: latest"
ON_CONTAINERS = "POST /containers/{}"
# Beneath `docker container` and `docker image` they are verbs, too.
REFUSED = {
    "attach": Refusal("a task's output is in its logs", f"{ON_CONTAINERS}/attach"),
    "build": Refusal(NO_IMAGES, "POST /build"),
    "builder": Refusal(NO_IMAGES),
    "buildx": Refusal(NO_IMAGES),
    "checkpoint": Refusal("a task is a plain process of this machine"),
    "commit": Refusal(NO_IMAGES, "POST /commit?container={}"),
    "compose": Refusal("what stays up is a stack: docker stack deploy"),
    "context": Refusal("the engine is that of the folder, or of DOCKER_HOST"),
    "cp": Refusal(NO_FILES, "GET /containers/{}/archive?path=/"),
    "create": Refusal(NO_CONTAINERS, "POST /containers/create"),
    "diff": Refusal(NO_FILES, "GET /containers/{}/changes"),
    "exec": Refusal("a task is a plain process of this machine", f"{ON_CONTAINERS}/exec"),
    "export": Refusal(NO_FILES, "GET /containers/{}/export"),
    "import": Refusal(NO_IMAGES, "POST /images/create?fromSrc=-"),
    "load": Refusal(NO_IMAGES, "POST /images/load"),
    "login": Refusal(NO_REGISTRY),
    "logout": Refusal(NO_REGISTRY),
    "manifest": Refusal(NO_REGISTRY),
    "plugin": Refusal("the engine takes no plugins"),
    "pull": Refusal(NO_IMAGES, "POST /images/create?fromImage={}&tag=latest", before=TAGGED),
    "push": Refusal(NO_REGISTRY, "POST /images/{}/push", before=TAGGED),
    "rename": Refusal(
        "a task's name is its service's, its slot and its ID",
        f"{ON_CONTAINERS}/rename?name=x",
        after="Error: failed to rename container named {}",
    ),
    "rmi": Refusal(NO_IMAGES, "DELETE /images/{}"),
    "run": Refusal(
        NO_CONTAINERS,
        "POST /containers/create",
        after="\nRun 'docker run --help' for more information",
        code=125,
    ),
    "save": Refusal(NO_IMAGES, "GET /images/get?names={}"),
    "search": Refusal(NO_REGISTRY, "GET /images/search?term={}"),
    "start": Refusal(NO_CONTAINERS, f"{ON_CONTAINERS}/start", after="Error: failed to start containers: {}"),
    "tag": Refusal(NO_IMAGES, "POST /images/{}/tag?repo=x"),
    "trust": Refusal(NO_REGISTRY),
    "update": Refusal("limits are a service's: service update", f"{ON_CONTAINERS}/update"),
}
OF_IMAGES = ("build", "import", "load", "pull", "push", "save", "tag")
OF_CONTAINERS = (
    *("attach", "commit", "cp", "create", "diff", "exec", "export", "rename", "run", "start", "update"),
)


def refuse(words: list[str], shown: str, engine: Callable[[], Engine]) -> int:
    """Refuse a verb: by the engine if there is one that does, else by its reason."""
    name, *rest = words
    refusal = REFUSED[name]
    # Whatever has many flags with values has its object at the end.
    names = [word for word in rest if not word.startswith("-")][:: -1 if name == "update" else 1]
    object_ = names[0] if names else ""
    if refusal.order and (object_ or "{}" not in refusal.order):
        code = _asked(engine(), refusal, object_.partition(":")[0] if name == "cp" else object_)
        if code:
            return code
    raise Refused(f"docker: '{shown}' is not emulated: {refusal.why}")


def _asked(engine: Engine, refusal: Refusal, name: str) -> int:
    import sys

    method, _, path = refusal.order.partition(" ")
    try:
        engine.order(method, path.format(quote(name)))
    except EngineError as error:
        if error.status is None:
            return 0
        before = refusal.before if ":" not in name and error.status != 404 else ""
        print(before) if before else None
        head = "docker: " if refusal.code == 125 else ""
        print(f"{head}Error response from daemon: {error}", file=sys.stderr)
        print(refusal.after.format(name), file=sys.stderr) if refusal.after else None
        return refusal.code
    return 0
