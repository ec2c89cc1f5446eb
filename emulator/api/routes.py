"""The routes: a table of method, path and handler; each parses, asks the store or a container, answers.

Errors are Docker's: its status and, in JSON, its words.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from aiohttp import web

from ..swarm.model import Service, Task
from ..swarm.signals import number as signal_number
from ..swarm.store import Change
from . import containers as shapes
from . import filters, node, schema
from .events import Event, Events
from .streams import LogWish, send_events, send_logs
from .world import Container, World

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Found = TypeVar("Found")


class Refused(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Routes:
    """Handlers around one world."""

    def __init__(self, world: World) -> None:
        self._world, self._store = world, world.store
        self._events = Events(world.store, world.loop.time, world.node_id)

    def table(self) -> list[tuple[str, str, Handler]]:
        return [
            ("GET", "/_ping", self.ping),
            ("GET", "/version", self.version),
            ("GET", "/info", self.info),
            ("GET", "/events", self.events),
            ("GET", "/nodes", self.nodes),
            ("GET", "/nodes/{name}", self.node),
            ("GET", "/services", self.services),
            ("GET", "/services/{name}", self.service),
            ("GET", "/services/{name}/logs", self.service_logs),
            ("GET", "/tasks", self.tasks),
            ("GET", "/tasks/{name}", self.task),
            ("GET", "/networks", self.networks),
            ("GET", "/networks/{name}", self.network),
            ("GET", "/volumes", self.volumes),
            ("GET", "/volumes/{name}", self.volume),
            ("GET", "/containers/json", self.containers),
            ("GET", "/containers/{name}/json", self.container),
            ("GET", "/containers/{name}/logs", self.container_logs),
            ("POST", "/containers/{name}/kill", self.kill),
            ("POST", "/containers/{name}/stop", self.stop),
            ("POST", "/containers/{name}/pause", self.pause),
            ("POST", "/containers/{name}/unpause", self.unpause),
        ]

    async def ping(self, request: web.Request) -> web.Response:
        headers = {"Cache-Control": "no-cache, no-store, must-revalidate", "Pragma": "no-cache"}
        return web.Response(text="OK", headers=headers)

    async def version(self, request: web.Request) -> web.Response:
        return answer(node.version())

    async def info(self, request: web.Request) -> web.Response:
        return answer(node.info(self._world))

    async def events(self, request: web.Request) -> web.StreamResponse:
        wanted = filters.read(request.query.get("filters"))

        def takes(event: Event) -> bool:
            facts = {
                "type": {event["Type"]},
                "event": {event["Action"]},
                "container": {event["Actor"]["ID"], event["Actor"]["Attributes"].get("name", "")},
                "service": {event["Actor"]["Attributes"].get("com.docker.swarm.service.name", "")},
                "scope": {event["scope"]},
            }
            return all(not values or values & facts.get(name, set()) for name, values in wanted.items())

        return await send_events(request, self._events, takes)

    async def nodes(self, request: web.Request) -> web.Response:
        return answer([node.node(self._world)])

    async def node(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        world = self._world
        if not (name == world.node_name or (name and world.node_id.startswith(name))):
            raise Refused(404, f"node {name} not found")
        return answer(node.node(world))

    async def services(self, request: web.Request) -> web.Response:
        found = filters.services(self._store.services.values(), filters.read(request.query.get("filters")))
        with_status = request.query.get("status", "").lower() in ("1", "true")
        return answer([self._service(thing, with_status) for thing in found])

    async def service(self, request: web.Request) -> web.Response:
        return answer(self._service(self._found_service(request), False))

    async def service_logs(self, request: web.Request) -> web.StreamResponse:
        service = self._found_service(request)
        chosen = [c for c in self._world.containers.values() if c.task.service_id == service.id]
        return await send_logs(request, chosen, LogWish(request.query), self._details)

    async def tasks(self, request: web.Request) -> web.Response:
        wanted = filters.read(request.query.get("filters"))
        found = filters.tasks(self._store.tasks.values(), wanted, self._store)
        return answer([schema.task(thing, self._store) for thing in found])

    async def task(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        thing: Task = _some(self._store.task(name), f"task {name} not found")
        return answer(schema.task(thing, self._store))

    async def networks(self, request: web.Request) -> web.Response:
        return answer([self._network(name) for name in self._store.networks])

    async def network(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        return answer(self._network(_some(self._store.network(name), f"network {name} not found").id))

    async def volumes(self, request: web.Request) -> web.Response:
        found = [schema.volume(thing) for thing in self._store.volumes.values()]
        return answer({"Volumes": found, "Warnings": None})

    async def volume(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        return answer(schema.volume(_some(self._store.volumes.get(name), f"get {name}: no such volume")))

    async def containers(self, request: web.Request) -> web.Response:
        wanted = filters.read(request.query.get("filters"))
        everything = request.query.get("all", "").lower() in ("1", "true") or "status" in wanted
        found = filters.containers(self._world.containers.values(), wanted, shapes.state)
        shown = [thing for thing in found if everything or thing.running]
        shown.sort(key=lambda thing: thing.created, reverse=True)
        now, node_id = self._world.loop.time(), self._world.node_id
        return answer([shapes.summary(thing, now, self._store, node_id) for thing in shown])

    async def container(self, request: web.Request) -> web.Response:
        return answer(shapes.inspect(self._container(request), self._store, self._world.node_id))

    async def container_logs(self, request: web.Request) -> web.StreamResponse:
        wish = LogWish(request.query)
        if not wish.streams:
            raise Refused(400, "Bad parameters: you must choose at least one stream")
        return await send_logs(request, [self._container(request)], wish, self._details)

    async def kill(self, request: web.Request) -> web.Response:
        """After SIGKILL the container has ended when this answers, as with Docker."""
        thing = self._container(request)
        name = request.match_info["name"]
        try:
            number = signal_number(request.query.get("signal") or "SIGKILL")
        except ValueError as error:
            raise Refused(400, str(error)) from None
        if not thing.running:
            raise Refused(409, f"Cannot kill container: {name}: Container {thing.id} is not running")
        self._events.container(self._task_of(thing), "kill", signal=str(number))
        thing.send(number)
        if number == signal_number("KILL"):
            await self._end(thing, None)
        return web.Response(status=204)

    async def stop(self, request: web.Request) -> web.Response:
        thing = self._container(request)
        if not thing.running:
            return web.Response(status=304)
        grace = request.query.get("t", "")
        patience = float(grace) if grace.isdigit() else thing.task.spec.stop_grace_period
        thing.stop(thing.task.spec.stop_signal)
        await self._end(thing, patience)
        self._events.container(self._task_of(thing), "stop")
        return web.Response(status=204)

    async def pause(self, request: web.Request) -> web.Response:
        thing = self._container(request)
        if not thing.running:
            raise Refused(409, f"Container {thing.id} is not running")
        if thing.paused:
            raise Refused(409, f"Container {thing.id} is already paused")
        thing.pause()
        self._events.container(self._task_of(thing), "pause")
        return web.Response(status=204)

    async def unpause(self, request: web.Request) -> web.Response:
        thing = self._container(request)
        if not thing.paused:
            raise Refused(500, f"Container {thing.id} is not paused")
        thing.unpause()
        self._events.container(self._task_of(thing), "unpause")
        return web.Response(status=204)

    async def _end(self, thing: Container, patience: float | None) -> None:
        """Wait for the end of a container's task; after the patience it is killed."""
        ended = asyncio.Event()

        def changed(change: Change) -> None:
            if change.object.id == thing.task.id and not thing.running:
                ended.set()

        forget = self._store.watch(changed)
        try:
            if thing.running:
                await asyncio.wait_for(ended.wait(), patience)
        except TimeoutError:
            thing.kill()
            await ended.wait()
        finally:
            forget()

    def _service(self, thing: Service, with_status: bool) -> schema.JSON:
        shape = schema.service(thing, self._store)
        if with_status:
            shape["ServiceStatus"] = schema.service_status(thing, self._store)
        return shape

    def _network(self, identity: str) -> schema.JSON:
        tasks = list(self._store.tasks.values())
        return schema.network(self._store.networks[identity], tasks, self._world.containers)

    def _found_service(self, request: web.Request) -> Service:
        name = request.match_info["name"]
        return _some(self._store.service(name), f"service {name} not found")

    def _container(self, request: web.Request) -> Container:
        name = request.match_info["name"]
        return _some(self._world.container(name), f"No such container: {name}")

    def _task_of(self, thing: Container) -> Task:
        return self._store.tasks.get(thing.task.id, thing.task)

    def _details(self, thing: Container) -> str:
        labels = {"node": self._world.node_id, "service": thing.task.service_id, "task": thing.task.id}
        return ",".join(f"com.docker.swarm.{kind}.id={value}" for kind, value in labels.items())


def answer(value: Any) -> web.Response:
    body = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
    return web.Response(body=body, content_type="application/json")


def _some(value: Found | None, message: str) -> Found:
    if value is None:
        raise Refused(404, message)
    return value
