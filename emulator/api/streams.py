"""Answers without an end: logs in Docker's frames, events as lines of JSON.

What a client does not read is bounded: who is too slow for it is cut off.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Iterable, Mapping

from aiohttp import web

from .events import Event, Events
from .schema import moment
from .world import Container, Line

_UNREAD = 4096


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
        self.since = _seconds(query.get("since"))
        tail = query.get("tail", "all")
        self.tail = int(tail) if tail.isdigit() else None

    def takes(self, line: Line) -> bool:
        return line.stream in self.streams and line.time >= self.since

    def frame(self, line: Line, details: str) -> bytes:
        stamp = f"{moment(line.time)} ".encode() if self.timestamps else b""
        label = f"{details} ".encode() if self.details and details else b""
        return frame(line, stamp + label + line.text + b"\n")

    def past(self, lines: Iterable[Line]) -> list[Line]:
        wanted = [line for line in lines if self.takes(line)]
        return wanted if self.tail is None else wanted[len(wanted) - min(self.tail, len(wanted)) :]


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
    for event in events.since(_seconds(since)) if since else ():
        put(event)
    undo = [events.follow(put)]
    if until:
        loop = asyncio.get_running_loop()
        alarm = loop.call_later(max(0.0, _seconds(until) - _now(request)), queue.put, None)
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


def _seconds(text: str | None) -> float:
    """Seconds since the epoch, as the client sends them."""
    try:
        return float(text or 0)
    except ValueError:
        return 0.0


def _now(request: web.Request) -> float:
    return float(request.app["clock"]())
