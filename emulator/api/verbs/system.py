"""What is asked of the engine itself: ping, version, info, events, logs of services, disk usage."""

from __future__ import annotations

from aiohttp import web

from ...swarm.errors import SwarmError
from ...swarm.model import Task
from .. import asking, containers, filters, images, node, schema
from ..asking import answer
from ..events import Event, Events, passes
from ..logstreams import send_service_logs, service_wish
from ..streams import send_events
from ..world import Container, World


class System:
    """Handlers without a noun of their own."""

    def __init__(self, world: World, events: Events) -> None:
        self._world, self._store, self._events = world, world.store, events

    def rows(self) -> list[asking.Row]:
        return [
            ("GET", "/_ping", self.ping),
            ("GET", "/version", self.version),
            ("GET", "/info", self.info),
            ("GET", "/events", self.events),
            ("GET", "/system/df", self.disk),
            ("GET", "/services/{name}/logs", self.service_logs),
            ("GET", "/tasks/{name}/logs", self.task_logs),
            ("POST", "/build/prune", self.build_prune),
            ("POST", "/auth", self.auth),
        ]

    async def ping(self, request: web.Request) -> web.Response:
        headers = {"Cache-Control": "no-cache, no-store, must-revalidate", "Pragma": "no-cache"}
        return web.Response(text="OK", headers=headers)

    async def version(self, request: web.Request) -> web.Response:
        return answer(node.version())

    async def info(self, request: web.Request) -> web.Response:
        return answer(node.info(self._world))

    async def auth(self, request: web.Request) -> web.Response:
        raise SwarmError(501, "a login cannot be emulated: no registry is asked here")

    async def build_prune(self, request: web.Request) -> web.Response:
        return answer({"CachesDeleted": None, "SpaceReclaimed": 0})

    async def events(self, request: web.Request) -> web.StreamResponse:
        wanted = filters.read(request.query.get("filters"))

        def takes(event: Event) -> bool:
            return passes(event, wanted)

        return await send_events(request, self._events, takes)

    async def disk(self, request: web.Request) -> web.Response:
        now, node_id = self._world.loop.time(), self._world.node_id
        shown = [images.summary(image) for image in images.facts(self._world.settings)]
        control = self._world.control
        for image in shown:
            image["Containers"] = sum(
                images.image_id(thing.task.spec.image) == image["Id"]
                for thing in self._world.containers.values()
            )
            image["SharedSize"] = 0
        made = [
            containers.summary(thing, now, self._store, node_id) for thing in self._world.containers.values()
        ]
        volumes = [
            schema.volume(thing)
            | {"UsageData": {"RefCount": len(control.volume_users(thing.name)), "Size": 0}}
            for thing in self._store.volumes.values()
        ]
        size = sum(image["Size"] for image in shown)
        return answer(
            {"LayersSize": size, "Images": shown, "Containers": made, "Volumes": volumes, "BuildCache": None,
             "BuilderSize": 0}
        )  # fmt: skip

    async def service_logs(self, request: web.Request) -> web.StreamResponse:
        asking.manager(self._world)
        service = filters.one(self._store.services, asking.name(request), "service")
        return await self._logs(request, lambda task: task.service_id == service.id)

    async def task_logs(self, request: web.Request) -> web.StreamResponse:
        asking.manager(self._world)
        wanted = filters.one(self._store.tasks, asking.name(request), "task")
        return await self._logs(request, lambda task: task.id == wanted.id)

    async def _logs(self, request: web.Request, of: filters.OfTask) -> web.StreamResponse:
        wish = service_wish(request.query)
        if not wish.streams:
            raise SwarmError(500, "Bad parameters: you must choose at least one stream")
        return await send_service_logs(request, self._world, of, wish, self._details)

    def _details(self, thing: Container) -> str:
        task: Task = thing.task
        labels = {"node": self._world.node_id, "service": task.service_id, "task": task.id}
        return ",".join(f"com.docker.swarm.{kind}.id={value}" for kind, value in labels.items())
