"""`docker images` and `docker image inspect`: what config.toml says an image's name means."""

from __future__ import annotations

from aiohttp import web

from ...swarm.errors import SwarmError
from .. import asking, filters, images
from ..asking import answer
from ..world import World

_NO_REGISTRY = "no registry is asked here: an image is an [images] entry of config.toml"


class Images:
    """Handlers for /images and /distribution."""

    def __init__(self, world: World) -> None:
        self._world = world

    def rows(self) -> list[asking.Row]:
        return [
            ("GET", "/images/json", self.list),
            ("POST", "/images/create", self.pull),
            ("POST", "/images/prune", self.prune),
            ("GET", r"/images/{name:.+}/json", self.inspect),
            ("GET", r"/images/{name:.+}/history", self.history),
            ("GET", r"/distribution/{name:.+}/json", self.distribution),
        ]

    async def list(self, request: web.Request) -> web.Response:
        wanted = filters.read(request.query.get("filters"))
        shown = [images.summary(image) for image in images.facts(self._world.settings)]
        return answer(filters.images(shown, wanted, self._made))

    async def inspect(self, request: web.Request) -> web.Response:
        return answer(images.inspect(self._found(request)))

    async def history(self, request: web.Request) -> web.Response:
        image = images.summary(self._known(asking.name(request)))
        row = {"Comment": "", "Created": image["Created"], "CreatedBy": "", "Id": image["Id"],
               "Size": image["Size"], "Tags": image["RepoTags"]}  # fmt: skip
        return answer([row])

    async def pull(self, request: web.Request) -> web.Response:
        raise SwarmError(500, _NO_REGISTRY)

    async def prune(self, request: web.Request) -> web.Response:
        wanted = filters.read(request.query.get("filters"))
        filters.kept(wanted, self._world.loop.time(), more=("dangling",))
        return answer({"ImagesDeleted": None, "SpaceReclaimed": 0})

    async def distribution(self, request: web.Request) -> web.Response:
        """As of an engine that reaches no registry; the client goes on without a digest."""
        raise SwarmError(500, _NO_REGISTRY)

    def _made(self, reference: str) -> int:
        return int(images.summary(self._known(reference))["Created"])

    def _found(self, request: web.Request) -> images.Facts:
        """`inspect` says it twice."""
        reference = asking.name(request)
        try:
            return self._known(reference)
        except SwarmError as error:
            raise SwarmError(404, f"no such image: {reference}: {error}") from None

    def _known(self, reference: str) -> images.Facts:
        return images.known(reference, self._world.settings)
