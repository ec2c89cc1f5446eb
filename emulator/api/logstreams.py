"""Logs in Docker's frames: what containers have written, and what they will write.

A reader is a place in each log, not a copy of it: one who is slow costs nothing, and misses only what a
container has forgotten meanwhile, as one of Docker's does whose file is rotated away.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping

from aiohttp import web

from ..swarm.errors import SwarmError
from ..swarm.model import Service, Task, TaskState
from ..swarm.store import Change, Kind
from .filters import OfTask
from .numbers import seconds
from .streams import UNREAD, is_true, pour, stream
from .times import stamp
from .world import Container, Line, Log, World

_TYPE = "application/vnd.docker.raw-stream"
Label = Callable[[Container], str]


def frame(line: Line, text: bytes) -> bytes:
    """Docker's stdcopy: stream, three zeros, length, payload."""
    return bytes((line.stream, 0, 0, 0)) + len(text).to_bytes(4, "big") + text


class LogWish:
    """The query of a log: which streams, since when, how many of the last lines, in what dress."""

    def __init__(self, query: Mapping[str, str]) -> None:
        self.streams = {number for number, key in ((1, "stdout"), (2, "stderr")) if is_true(query.get(key))}
        self.follow, self.timestamps = is_true(query.get("follow")), is_true(query.get("timestamps"))
        self.details = is_true(query.get("details"))
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


class Reader:
    """One client's reading of some containers' logs, until all have ended or, if it `stays`, it is told."""

    def __init__(self, wish: LogWish, label: Label, *, stays: bool = False) -> None:
        self._wish, self._label, self._stays = wish, label, stays
        self._unread: list[bytes] = []
        self._places: dict[str, Place] = {}
        self._seen: set[str] = set()
        self._news = asyncio.Event()

    def add(self, container: Container) -> None:
        """Its past at once; its future if that is wanted and there will be one."""
        if container.id in self._seen:
            return
        self._seen.add(container.id)
        log, label = container.log, self._label(container)
        self._unread += (self._wish.frame(line, label) for line in self._wish.past(log.lines()))
        if self._wish.follow and container.running:
            leave = log.follow(lambda line: self._news.set(), lambda: self._ended(container.id))
            self._places[container.id] = Place(log, label, log.written, leave)
        self._news.set()

    def end(self) -> None:
        self._stays = False
        self.close()
        self._news.set()

    def close(self) -> None:
        for identity in tuple(self._places):
            self._ended(identity)

    async def pieces(self) -> AsyncIterator[bytes]:
        """Frames as they come, those that are there in one piece."""
        while True:
            self._news.clear()
            self._read(self._places.values())
            unread, self._unread = self._unread, []
            if unread:
                yield b"".join(unread)
            elif not self._places and not self._stays:
                return
            else:
                await self._news.wait()

    def _read(self, places: Iterable[Place]) -> None:
        """What has been written since; of several containers in the order of its writing."""
        fresh = [(line, place.label) for place in places for line in place.take() if self._wish.takes(line)]
        fresh.sort(key=lambda found: found[0].time)
        self._unread += (self._wish.frame(line, label) for line, label in fresh)

    def _ended(self, identity: str) -> None:
        place = self._places.pop(identity)
        place.leave()
        # Of containers that ended since its client last read, more than this is forgotten for it.
        if sum(map(len, self._unread)) < UNREAD:
            self._read([place])
        self._news.set()


class Place:
    """How far a log has been read."""

    def __init__(self, log: Log, label: str, number: int, leave: Callable[[], None]) -> None:
        self.label, self.leave = label, leave
        self._log, self._number = log, number

    def take(self) -> tuple[Line, ...]:
        number, self._number = self._number, self._log.written
        return self._log.after(number) if number < self._number else ()


async def send_logs(request: web.Request, container: Container, wish: LogWish) -> web.StreamResponse:
    """A container's past, then, if asked for, what it writes until it has ended."""
    reader = Reader(wish, lambda container: "")
    reader.add(container)
    return await pour(request, stream(_TYPE), reader.pieces(), reader.close)


async def send_service_logs(
    request: web.Request, world: World, of: OfTask, wish: LogWish, label: Label
) -> web.StreamResponse:
    """Of all tasks, also of those to come where it is followed, until their service is gone."""
    reader = Reader(wish, label, stays=wish.follow)

    def changed(change: Change) -> None:
        thing = change.object
        if isinstance(thing, Service) and change.kind is Kind.REMOVE and not _any_left(world, of):
            reader.end()
        elif isinstance(thing, Task) and of(thing) and thing.state is TaskState.RUNNING:
            container = world.containers.get(thing.container_id)
            if container is not None:
                reader.add(container)

    for container in tuple(world.containers.values()):
        if of(container.task):
            reader.add(container)
    ignore = world.store.watch(changed) if wish.follow else lambda: None
    return await pour(request, stream(_TYPE), reader.pieces(), reader.close, ignore)


def _any_left(world: World, of: OfTask) -> bool:
    return any(of(task) and task.service_id in world.store.services for task in world.store.tasks.values())
