"""Answers without an end: logs in Docker's frames, events as lines of JSON.

What a client does not read is bounded: who is too slow for it is cut off.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Iterable, Mapping

from aiohttp import web

from ..swarm.errors import SwarmError
from ..swarm.model import Service, Task, TaskState
from ..swarm.store import Change, Kind
from .body import bad
from .events import Event, Events
from .filters import OfTask
from .numbers import seconds
from .stats import Sample, machine_time, shape
from .times import stamp
from .world import Container, Line, World

_UNREAD = 4096
_SECOND = 1.0


class Queue:
    """From callbacks to a stream; None is its end, and so is a reader who is too slow."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._full = False

    def put(self, data: bytes | None) -> None:
        if self._full:
            return
        if self._queue.qsize() >= _UNREAD:
            self._full, data = True, None
        self._queue.put_nowait(data)

    async def get(self) -> bytes | None:
        return await self._queue.get()


def frame(line: Line, text: bytes) -> bytes:
    """Docker's stdcopy: stream, three zeros, length, payload."""
    return bytes((line.stream, 0, 0, 0)) + len(text).to_bytes(4, "big") + text


class LogWish:
    """The query of a log: which streams, since when, how many of the last lines, in what dress."""

    def __init__(self, query: Mapping[str, str]) -> None:
        self.streams = {number for number, key in ((1, "stdout"), (2, "stderr")) if _true(query.get(key))}
        self.follow, self.timestamps = _true(query.get("follow")), _true(query.get("timestamps"))
        self.details = _true(query.get("details"))
        self.since, self.until = seconds(query.get("since")), seconds(query.get("until"))
        tail = query.get("tail", "all")
        self.tail = int(tail) if tail.isdigit() else None

    def takes(self, line: Line) -> bool:
        late = self.until and line.time > self.until
        return line.stream in self.streams and line.time >= self.since and not late

    def frame(self, line: Line, details: str) -> bytes:
        when = f"{stamp(line.time)} ".encode() if self.timestamps else b""
        label = f"{details} ".encode() if self.details else b""
        return frame(line, when + label + line.text + line.end)

    def past(self, lines: Iterable[Line]) -> list[Line]:
        wanted = [line for line in lines if self.takes(line)]
        return wanted if self.tail is None else wanted[len(wanted) - min(self.tail, len(wanted)) :]


def service_wish(query: Mapping[str, str]) -> LogWish:
    """Of a service's logs, which know no `until` and want a tail that is one (swarm/services.go)."""
    tail = query.get("tail", "")
    if tail not in ("", "all"):
        if not tail.removeprefix("-").isdigit():
            raise SwarmError(500, 'tail value must be a positive integer or "all"')
        if tail.startswith("-"):
            raise SwarmError(500, "negative tail values not supported")
    try:
        seconds(query.get("since"))
    except SwarmError as error:
        raise SwarmError(500, f"could not parse since timestamp: {error}") from None
    return LogWish({key: text for key, text in query.items() if key != "until"})


async def send_logs(
    request: web.Request, containers: list[Container], wish: LogWish, details: Callable[[Container], str]
) -> web.StreamResponse:
    """The past of each container, then, if asked for, what they write until the last has ended."""
    response = _stream("application/vnd.docker.raw-stream")
    queue = Queue()
    open_ends = {container.id for container in containers if container.running}
    undo = []

    def ended(identity: str) -> None:
        open_ends.discard(identity)
        if not open_ends:
            queue.put(None)

    for container in containers:
        label = details(container)
        for line in wish.past(container.log.lines()):
            queue.put(wish.frame(line, label))
        if wish.follow and container.running:
            undo.append(_tap(container, wish, label, queue, ended))
    if not undo:
        queue.put(None)
    return await _pour(request, response, queue, undo)


async def send_service_logs(
    request: web.Request,
    world: World,
    of: OfTask,
    wish: LogWish,
    details: Callable[[Container], str],
) -> web.StreamResponse:
    """Of all tasks, also of those to come where it is followed, until their service is gone."""
    response = _stream("application/vnd.docker.raw-stream")
    queue, undo, tapped = Queue(), [], set[str]()

    def add(container: Container) -> None:
        label = details(container)
        tapped.add(container.id)
        for line in wish.past(container.log.lines()):
            queue.put(wish.frame(line, label))
        if wish.follow and container.running:
            undo.append(_tap(container, wish, label, queue, lambda identity: None))

    def changed(change: Change) -> None:
        thing = change.object
        if isinstance(thing, Service) and change.kind is Kind.REMOVE and not _any_left(world, of):
            queue.put(None)
        elif isinstance(thing, Task) and of(thing) and thing.state is TaskState.RUNNING:
            container = world.containers.get(thing.container_id)
            if container is not None and container.id not in tapped:
                add(container)

    for container in tuple(world.containers.values()):
        if of(container.task):
            add(container)
    if wish.follow:
        undo.append(world.store.watch(changed))
    else:
        queue.put(None)
    return await _pour(request, response, queue, undo)


def _any_left(world: World, of: OfTask) -> bool:
    return any(of(task) and task.service_id in world.store.services for task in world.store.tasks.values())


async def send_stats(
    request: web.Request, container: Container, *, once: bool, at_once: bool
) -> web.StreamResponse:
    """One reading, against one of a second before unless it is wanted at once; or one a second for ever."""
    response = _stream("application/json")
    await response.prepare(request)
    before = None if at_once or not container.running else await _sample(request, container)
    with contextlib.suppress(ConnectionError):
        while True:
            if before is not None or not once:
                await asyncio.sleep(_SECOND if before is not None else 0)
            now = await _sample(request, container)
            await response.write(json.dumps(shape(container, before, now)).encode() + b"\n")
            if once or not container.running:
                break
            before = now
        await response.write_eof()
    return response


async def _sample(request: web.Request, container: Container) -> Sample:
    usage = await asyncio.to_thread(container.usage) if container.running else None
    return Sample(_now(request), usage, machine_time())


async def send_events(
    request: web.Request, events: Events, takes: Callable[[Event], bool]
) -> web.StreamResponse:
    """Those since a moment, then what happens, until `until`."""
    response = _stream("application/json")
    queue = Queue()

    def put(event: Event) -> None:
        if takes(event):
            queue.put(json.dumps(event, separators=(",", ":")).encode() + b"\n")

    since, until = request.query.get("since"), request.query.get("until")
    begin, end = seconds(since), seconds(until) if until else float("inf")
    if begin > end:
        raise bad(f"`since` time ({since}) cannot be after `until` time ({until})")
    for event in events.since(begin, end) if since else ():
        put(event)
    undo = [events.follow(put)]
    if end <= _now(request):
        queue.put(None)
    elif until:
        loop = asyncio.get_running_loop()
        alarm = loop.call_later(max(0.0, end - _now(request)), queue.put, None)
        undo.append(alarm.cancel)
    return await _pour(request, response, queue, undo)


def _tap(
    container: Container, wish: LogWish, label: str, queue: Queue, ended: Callable[[str], None]
) -> Callable[[], None]:
    def take(line: Line) -> None:
        if wish.takes(line):
            queue.put(wish.frame(line, label))

    return container.log.follow(take, lambda: ended(container.id))


async def _pour(
    request: web.Request, response: web.StreamResponse, queue: Queue, undo: list[Callable[[], None]]
) -> web.StreamResponse:
    try:
        await response.prepare(request)
        while (data := await queue.get()) is not None:
            await response.write(data)
        with contextlib.suppress(ConnectionError):
            await response.write_eof()
    except ConnectionError:
        pass
    finally:
        for action in undo:
            action()
    return response


def _stream(content_type: str) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": content_type})
    response.enable_chunked_encoding()
    return response


def _true(text: str | None) -> bool:
    return text is not None and text.lower() not in ("", "0", "no", "false", "none")


def _now(request: web.Request) -> float:
    return float(request.app["clock"]())
