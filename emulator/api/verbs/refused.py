"""What Docker can and an emulator of services cannot: each is refused by name, with what to do instead.

As with Docker, a container, image or exec that is not there is told first.
"""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from ...swarm.errors import SwarmError
from .. import asking, filters, images
from ..asking import answer
from ..world import World

_EXEC = "exec cannot be emulated: a task is a process of this machine, which any shell here can look at"
_RUN = "a container without a service cannot be emulated: docker service create makes one"
_IMAGE = "images cannot be changed: an image is an [images] entry of config.toml"
_BUILD = "build cannot be emulated: an image is a folder, named in [images] of config.toml"
_FILES = "the files of a container cannot be copied: they are files of this machine"
_SECRETS = "secrets cannot be emulated: mount a file of this machine instead (--mount type=bind)"
_CONFIGS = "configs cannot be emulated: mount a file of this machine instead (--mount type=bind)"
_PLUGINS = "plugins cannot be emulated"
_SEARCH = "a search cannot be emulated: no registry is asked here"

_ATTACH = "attach cannot be emulated: a task has no terminal, and docker logs -f follows what it writes"
_CHECKPOINTS = (
    "This experimental feature is disabled by default. "
    "Start the Docker daemon in experimental mode in order to enable it."
)

# Method, path, why not; of those on one container or image it has to be there.
_REFUSED = (
    ("POST", "/build", _BUILD),
    ("POST", "/build/cancel", _BUILD),
    ("POST", "/session", _BUILD),
    ("POST", "/grpc", _BUILD),
    ("POST", "/containers/create", _RUN),
    ("GET", "/images/search", _SEARCH),
    ("POST", "/images/load", _IMAGE),
    ("GET", "/images/get", _IMAGE),
    ("POST", "/secrets/create", _SECRETS),
    ("POST", "/configs/create", _CONFIGS),
    ("GET", "/plugins/privileges", _PLUGINS),
    ("POST", "/plugins/pull", _PLUGINS),
    ("POST", "/plugins/create", _PLUGINS),
)
_OF_CONTAINERS = (
    ("POST", "attach", _ATTACH),
    ("GET", "attach/ws", _ATTACH),
    ("POST", "exec", _EXEC),
    ("POST", "rename", "a task's container cannot be renamed: its name is its task's"),
    ("POST", "update", "a task's container cannot be changed: update its service"),
    ("POST", "resize", _ATTACH),
    ("GET", "archive", _FILES),
    ("PUT", "archive", _FILES),
    ("HEAD", "archive", _FILES),
    ("GET", "changes", _FILES),
    ("GET", "export", _FILES),
    ("GET", "checkpoints", _CHECKPOINTS),
    ("POST", "checkpoints", _CHECKPOINTS),
)
_OF_IMAGES = (
    ("GET", "/get", _IMAGE),
    ("POST", "/tag", _IMAGE),
    ("POST", "/push", _IMAGE),
    ("DELETE", "", _IMAGE),
)
_ABSENT = (
    *((noun, method, way) for noun in ("secret", "config")
      for method, way in (("GET", ""), ("DELETE", ""), ("POST", "/update"))),
    *(("plugin", method, way) for method, way in (
        ("GET", "/json"), ("DELETE", ""), *(("POST", f"/{verb}") for verb in
        ("enable", "disable", "set", "push", "upgrade")))),
    *(("exec", method, way) for method, way in (("GET", "/json"), ("POST", "/start"), ("POST", "/resize"))),
)  # fmt: skip


class Refusing:
    """Handlers for what is refused, and for the nouns of which there are none."""

    def __init__(self, world: World) -> None:
        self._world = world

    def rows(self) -> list[asking.Row]:
        return [
            *((method, path, _refuse(why)) for method, path, why in _REFUSED),
            *(
                (method, f"/containers/{{name}}/{verb}", _refuse(why, self._container))
                for method, verb, why in _OF_CONTAINERS
            ),
            *(
                (method, f"/images/{{name:.+}}{way}", _refuse(why, self._image))
                for method, way, why in _OF_IMAGES
            ),
            ("POST", "/commit", self.commit),
            ("GET", "/secrets", self.none),
            ("GET", "/configs", self.none),
            ("GET", "/plugins", self.no_plugins),
            *((method, _path(noun, way), _refuse("", self._absent(noun))) for noun, method, way in _ABSENT),
            ("OPTIONS", "/{any:.*}", self.options),
        ]

    async def commit(self, request: web.Request) -> web.Response:
        self._container(request.query.get("container", ""))
        raise SwarmError(501, _IMAGE)

    async def none(self, request: web.Request) -> web.Response:
        asking.manager(self._world)
        filters.read(request.query.get("filters"))
        return answer([])

    async def no_plugins(self, request: web.Request) -> web.Response:
        filters.read(request.query.get("filters"))
        return answer([])

    async def options(self, request: web.Request) -> web.Response:
        return asking.done(200)

    def _container(self, reference: str) -> None:
        if self._world.container(reference) is None:
            raise SwarmError(404, f"No such container: {reference}")

    def _image(self, reference: str) -> None:
        images.known(reference, self._world.settings)

    def _absent(self, noun: str) -> Callable[[str], None]:
        def check(reference: str) -> None:
            if noun in ("secret", "config"):
                asking.manager(self._world)
            raise SwarmError(404, _WORDS.get(noun, noun + " {} not found").format(reference))

        return check


_WORDS = {"plugin": 'plugin "{}" not found', "exec": "No such exec instance: {}"}


def _path(noun: str, way: str) -> str:
    return f"/{noun if noun == 'exec' else noun + 's'}/{{name}}{way}"


def _refuse(why: str, check: Callable[[str], None] | None = None) -> asking.Handler:
    async def refuse(request: web.Request) -> web.StreamResponse:
        if check is not None:
            check(asking.name(request))
        raise SwarmError(501, why)

    return refuse
