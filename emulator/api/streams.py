"""Answers without an end: events and readings as lines of JSON; clients who leave, or do not read."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable

from aiohttp import web

from .body import bad
from .events import Event, Events
from .numbers import seconds
from .stats import Sample, machine_time, shape
from .world import Container

# Octets that wait for a client who does not read, at most.
UNREAD = 8 << 20
_SECOND = 1.0


class Queue:
    """From callbacks to a stream: octets, until `put(None)` or until a reader has left too many unread."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._octets = 0
        self._over = False

    def put(self, data: bytes | None) -> None:
        if self._over:
            return
        self._octets += len(data or b"")
        if self._octets > UNREAD:
            data = None
        self._over = data is None
        self._queue.put_nowait(data)

    async def pieces(self) -> AsyncIterator[bytes]:
        while (data := await self._queue.get()) is not None:
            self._octets -= len(data)
            yield data


async def send_stats(
    request: web.Request, container: Container, *, once: bool, at_once: bool
) -> web.StreamResponse:
    """One reading, against one of a second before unless it is wanted at once; or one a second for ever."""
    response = stream("application/json")
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
    response = stream("application/json")
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
    return await pour(request, response, queue.pieces(), *undo)


async def pour(
    request: web.Request,
    response: web.StreamResponse,
    pieces: AsyncIterator[bytes],
    *undo: Callable[[], object],
) -> web.StreamResponse:
    """Until they end or the client has left; whatever happens, `undo` is called."""
    try:
        await response.prepare(request)
        async for piece in pieces:
            await response.write(piece)
        with contextlib.suppress(ConnectionError):
            await response.write_eof()
    except ConnectionError:
        pass
    finally:
        for action in undo:
            action()
    return response


def stream(content_type: str) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": content_type})
    response.enable_chunked_encoding()
    return response


def is_true(text: str | None) -> bool:
    return text is not None and text.lower() not in ("", "0", "no", "false", "none")


def _now(request: web.Request) -> float:
    return float(request.app["clock"]())
