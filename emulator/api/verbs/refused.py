"""What Docker can and an emulator of services cannot: each is refused by name, with what to do instead."""

from __future__ import annotations

from aiohttp import web

from ...swarm.errors import SwarmError
from .. import asking
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

# Method, path, why not.
_REFUSED = (
    ("POST", "/build", _BUILD),
    ("POST", "/commit", _IMAGE),
    ("POST", "/containers/create", _RUN),
    ("POST", "/containers/{name}/attach", _RUN),
    ("POST", "/containers/{name}/exec", _EXEC),
    ("POST", "/containers/{name}/rename", "a task's container cannot be renamed: its name is its task's"),
    ("POST", "/containers/{name}/update", "a task's container cannot be changed: update its service"),
    ("POST", "/containers/{name}/resize", _RUN),
    ("GET", "/containers/{name}/archive", _FILES),
    ("PUT", "/containers/{name}/archive", _FILES),
    ("HEAD", "/containers/{name}/archive", _FILES),
    ("GET", "/containers/{name}/changes", _FILES),
    ("GET", "/containers/{name}/export", _FILES),
    ("POST", "/exec/{name}/start", _EXEC),
    ("GET", "/exec/{name}/json", _EXEC),
    ("POST", "/exec/{name}/resize", _EXEC),
    ("POST", "/images/load", _IMAGE),
    ("GET", "/images/get", _IMAGE),
    ("POST", r"/images/{name:.+}/tag", _IMAGE),
    ("POST", r"/images/{name:.+}/push", _IMAGE),
    ("DELETE", r"/images/{name:.+}", _IMAGE),
    ("POST", "/secrets/create", _SECRETS),
    ("POST", "/configs/create", _CONFIGS),
    ("POST", "/plugins/pull", _PLUGINS),
    ("POST", "/plugins/create", _PLUGINS),
    ("POST", "/session", _BUILD),
)  # fmt: skip


class Refusing:
    """Handlers for what is refused, and for the nouns of which there are none."""

    def __init__(self, world: World) -> None:
        self._world = world

    def rows(self) -> list[asking.Row]:
        refused = [(method, path, _refuse(why)) for method, path, why in _REFUSED]
        return [
            *refused,
            ("GET", "/secrets", self.none),
            ("GET", "/configs", self.none),
            ("GET", "/plugins", self.no_plugins),
            ("GET", "/secrets/{name}", self.no_secret),
            ("DELETE", "/secrets/{name}", self.no_secret),
            ("GET", "/configs/{name}", self.no_config),
            ("DELETE", "/configs/{name}", self.no_config),
            ("GET", "/plugins/{name}/json", self.no_plugin),
        ]

    async def none(self, request: web.Request) -> web.Response:
        asking.manager(self._world)
        return answer([])

    async def no_plugins(self, request: web.Request) -> web.Response:
        return answer([])

    async def no_secret(self, request: web.Request) -> web.Response:
        asking.manager(self._world)
        raise SwarmError(404, f"secret {asking.name(request)} not found")

    async def no_config(self, request: web.Request) -> web.Response:
        asking.manager(self._world)
        raise SwarmError(404, f"config {asking.name(request)} not found")

    async def no_plugin(self, request: web.Request) -> web.Response:
        raise SwarmError(404, f'plugin "{asking.name(request)}" not found')


def _refuse(why: str) -> asking.Handler:
    async def refuse(request: web.Request) -> web.StreamResponse:
        raise SwarmError(501, why)

    return refuse
