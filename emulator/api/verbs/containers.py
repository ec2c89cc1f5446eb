"""`docker ps`, `inspect`, `logs`, `top`, `stats` and the verbs on one container."""

from __future__ import annotations

import asyncio
import os

from aiohttp import web

from ...swarm import templates
from ...swarm.errors import SwarmError
from ...swarm.model import Task
from ...swarm.signals import number as signal_number
from ...swarm.store import Change
from .. import asking, filters, images
from .. import containers as shapes
from ..asking import answer
from ..body import bad
from ..events import Events
from ..logstreams import LogWish, send_logs
from ..numbers import atoi
from ..stats import TITLES, row
from ..streams import send_stats
from ..world import Container, World

_EVERY = "-ef"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Containers:
    """Handlers for /containers: all of them belong to tasks."""

    def __init__(self, world: World, events: Events) -> None:
        self._world, self._store, self._events = world, world.store, events

    def rows(self) -> list[asking.Row]:
        return [
            ("GET", "/containers/json", self.ps),
            ("POST", "/containers/prune", self.prune),
            ("GET", "/containers/{name}/json", self.inspect),
            ("GET", "/containers/{name}/logs", self.logs),
            ("GET", "/containers/{name}/top", self.top),
            ("GET", "/containers/{name}/stats", self.stats),
            ("POST", "/containers/{name}/kill", self.kill),
            ("POST", "/containers/{name}/stop", self.stop),
            ("POST", "/containers/{name}/restart", self.restart),
            ("POST", "/containers/{name}/start", self.start),
            ("POST", "/containers/{name}/pause", self.pause),
            ("POST", "/containers/{name}/unpause", self.unpause),
            ("POST", "/containers/{name}/wait", self.wait),
            ("DELETE", "/containers/{name}", self.remove),
        ]

    async def ps(self, request: web.Request) -> web.Response:
        wanted = filters.read(request.query.get("filters"))
        everything = asking.flag(request, "all") or "status" in wanted or "exited" in wanted
        node_id = self._world.node_id
        found = filters.containers(
            self._world.containers.values(),
            wanted,
            shapes.state,
            lambda thing: shapes.labels(thing.task, node_id),
        )
        shown = [thing for thing in found if everything or thing.running]
        shown.sort(key=lambda thing: thing.created, reverse=True)
        if (limit := atoi(request.query.get("limit") or "0")) > 0:
            shown = sorted(found, key=lambda thing: thing.created, reverse=True)[:limit]
        now = self._world.loop.time()
        return answer([shapes.summary(thing, now, self._store, node_id) for thing in shown])

    async def inspect(self, request: web.Request) -> web.Response:
        thing = self._found(request)
        return answer(shapes.inspect(thing, self._store, self._world.node_id, self._environment(thing)))

    async def logs(self, request: web.Request) -> web.StreamResponse:
        wish = LogWish(request.query)
        if not wish.streams:
            raise bad("Bad parameters: you must choose at least one stream")
        return await send_logs(request, self._found(request), wish)

    async def top(self, request: web.Request) -> web.Response:
        thing = self._found(request)
        self._running(thing, f"Container {thing.id} is not running")
        wanted = request.query.get("ps_args") or _EVERY
        if wanted != _EVERY:
            titles, found = await asyncio.to_thread(thing.ps, wanted)
            return answer({"Processes": found or None, "Titles": titles})
        rows = await asyncio.to_thread(thing.top)
        return answer({"Processes": [row(process) for process in rows], "Titles": list(TITLES)})

    async def stats(self, request: web.Request) -> web.StreamResponse:
        thing = self._found(request)
        once = not asking.flag(request, "stream") and "stream" in request.query
        return await send_stats(request, thing, once=once, at_once=asking.flag(request, "one-shot"))

    async def kill(self, request: web.Request) -> web.Response:
        """After SIGKILL the container has ended when this answers, as with Docker."""
        wanted, cannot = (
            request.query.get("signal") or "SIGKILL",
            f"Cannot kill container: {asking.name(request)}",
        )
        try:
            thing = self._found(request)
            number = signal_number(wanted)
        except SwarmError as error:
            raise SwarmError(error.status, f"{cannot}: {error}") from None
        except ValueError as error:
            if wanted.isdigit() and int(wanted):
                raise SwarmError(
                    500, f"{cannot}: The linux daemon does not support signal {wanted}"
                ) from None
            raise bad(str(error)) from None
        self._running(thing, f"{cannot}: Container {thing.id} is not running")
        self._tell(thing, "kill", signal=str(number))
        thing.send(number)
        if number == signal_number("KILL"):
            await self._end(thing, None)
        return asking.done()

    async def stop(self, request: web.Request) -> web.Response:
        grace, thing = _grace(request), self._found(request)
        if not thing.running:
            return asking.done(304)
        await self._stop(thing, grace)
        return asking.done()

    async def restart(self, request: web.Request) -> web.Response:
        """A container is stopped, and its service's next task takes its place."""
        grace, thing = _grace(request), self._found(request)
        if thing.running:
            await self._stop(thing, grace)
        self._tell(thing, "restart")
        return asking.done()

    async def start(self, request: web.Request) -> web.Response:
        thing = self._found(request)
        if thing.running:
            return asking.done(304)
        instead = "its service starts a new task in its place (docker service update --force)"
        raise SwarmError(501, f"a task's container is never started again: {instead}")

    async def pause(self, request: web.Request) -> web.Response:
        thing = self._found(request)
        self._running(thing, f"Container {thing.id} is not running")
        if thing.paused:
            raise SwarmError(409, f"Container {thing.id} is already paused")
        thing.pause()
        self._tell(thing, "pause")
        return asking.done()

    async def unpause(self, request: web.Request) -> web.Response:
        thing = self._found(request)
        if not thing.paused:
            raise SwarmError(500, f"Container {thing.id} is not paused")
        thing.unpause()
        self._tell(thing, "unpause")
        return asking.done()

    async def wait(self, request: web.Request) -> web.Response:
        thing = self._found(request)
        await self._end(thing, None)
        return answer({"StatusCode": thing.exit_code})

    async def remove(self, request: web.Request) -> web.Response:
        """With force a running one is killed; the container of a past task stays its task's history."""
        thing = self._found(request)
        if thing.running and not asking.flag(request, "force"):
            words = "Stop the container before attempting removal or force remove"
            raise SwarmError(409, f"You cannot remove a running container {thing.id}. {words}")
        if thing.running:
            self._tell(thing, "kill", signal="9")
            thing.kill()
            await self._end(thing, None)
        return asking.done()

    async def prune(self, request: web.Request) -> web.Response:
        """Ended containers are the history of their tasks, and the swarm's own."""
        filters.kept(filters.read(request.query.get("filters"), status=400), self._world.loop.time())
        return answer({"ContainersDeleted": None, "SpaceReclaimed": 0})

    async def _stop(self, thing: Container, grace: int | None) -> None:
        """A grace below zero has no end; none at all is the service's."""
        spec = thing.task.spec
        self._tell(thing, "kill", signal=str(signal_number(spec.stop_signal or "TERM")))
        thing.stop(spec.stop_signal)
        patience = spec.stop_grace_period if grace is None else grace
        await self._end(thing, None if patience < 0 else patience)
        self._tell(thing, "stop")

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

    def _running(self, thing: Container, words: str) -> None:
        if not thing.running:
            raise SwarmError(409, words)

    def _found(self, request: web.Request) -> Container:
        reference = asking.name(request)
        thing = self._world.container(reference)
        if thing is None:
            raise SwarmError(404, f"No such container: {reference}")
        return thing

    def _tell(self, thing: Container, action: str, **attributes: str) -> None:
        task: Task = self._store.tasks.get(thing.task.id, thing.task)
        self._events.container(task, action, **attributes)

    def _environment(self, thing: Container) -> list[str]:
        """What the image and the service say, templates with their values."""
        world, task = self._world, thing.task
        service, machine = self._store.services.get(task.service_id), os.uname()
        node = (world.node_id, world.node_name)
        labels = dict(service.spec.labels) if service else {}
        known = templates.context(task, node, (machine.machine, machine.sysname.lower()), labels)
        image = images.find(task.spec.image, world.settings)
        found = {"PATH": _PATH, **dict(image.env if image else ()), **dict(task.spec.env)}
        try:
            return [f"{name}={templates.expand(text, known)}" for name, text in found.items()]
        except templates.BadTemplate:
            return [f"{name}={text}" for name, text in found.items()]


def _grace(request: web.Request) -> int | None:
    text = request.query.get("t", "")
    return atoi(text) if text else None
