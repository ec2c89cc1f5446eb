"""`/emulator/…`: what Docker has no verb for."""

from __future__ import annotations

from aiohttp import web

from ...swarm.errors import SwarmError
from .. import asking, containers
from ..asking import answer
from ..world import World


class Places:
    """Where a task really is on this machine."""

    def __init__(self, world: World) -> None:
        self._world = world

    def rows(self) -> list[asking.Row]:
        return [("GET", "/emulator/containers/{name}", self.container)]

    async def container(self, request: web.Request) -> web.Response:
        reference = asking.name(request)
        thing = self._world.container(reference)
        if thing is None:
            raise SwarmError(404, f"No such container: {reference}")
        return answer(containers.place(thing, self._world.store))
