"""The upstream servers of a scene: they record every octet of every connection and answer as told.

One thread runs one event loop for all of them. A connection is *busy* from the first octet of a request until
its script has ended, else idle or closed; a side is quiet when none is busy, and then its record is final.
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
import threading
import time
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from . import secure
from .drained import wait_until_read
from .script import Step

T = TypeVar("T")
Routes = dict[tuple[int, str], tuple[Step, ...]]
PATIENCE = 4.0
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,18})[ \t]*\r\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[ \t]*chunked[ \t]*\r\n", re.IGNORECASE)


class Signals:
    """Events by name, between the client's steps and the upstream's."""

    def __init__(self) -> None:
        self._events: dict[str, threading.Event] = {}
        self._lock = threading.Lock()

    def get(self, name: bytes) -> threading.Event:
        with self._lock:
            return self._events.setdefault(name.decode().strip(), threading.Event())


class Loop:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="upstream", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(PATIENCE + 1)

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


@dataclass(slots=True)
class Connection:
    """One connection as recorded; `end` says who closed it."""

    server: int
    raw: bytearray = field(default_factory=bytearray)
    taken: int = 0
    reported: bool = False
    busy: bool = False
    end: str = "open"
    agreed: str = ""  # in a TLS handshake


@dataclass(frozen=True, slots=True)
class Seen:
    """What one connection brought during one exchange."""

    server: int
    new: bool
    raw: bytes
    end: str
    agreed: str = ""


class Wire:
    """Reads of one connection, recorded as they come; `at` is how far the script has understood them."""

    def __init__(
        self, record: Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.record, self.reader, self.writer = record, reader, writer
        self.at = 0

    async def more(self) -> None:
        data = await self.reader.read(262144)
        if not data:
            raise EOFError
        self.record.busy = True
        self.record.raw += data

    async def until(self, mark: bytes) -> bytes:
        """What comes up to `mark` and with it."""
        while (end := self.record.raw.find(mark, self.at)) < 0:
            await self.more()
        start, self.at = self.at, end + len(mark)
        return bytes(self.record.raw[start : self.at])

    async def skip(self, count: int) -> None:
        while len(self.record.raw) < self.at + count:
            await self.more()
        self.at += count

    async def body(self, head: bytes) -> None:
        if _CHUNKED.search(head):
            while size := int((await self.until(b"\r\n")).split(b";")[0], 16):
                await self.skip(size + 2)
            while await self.until(b"\r\n") != b"\r\n":
                pass
        elif length := _LENGTH.search(head):
            await self.skip(int(length[1]))


class Upstreams:
    """The upstream servers of one side."""

    def __init__(self, loop: Loop, numbers: set[int]) -> None:
        self._loop = loop
        self.routes: Routes = {}
        self._connections: list[Connection] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._calls: dict[tuple[int, str], int] = {}
        self.signals = Signals()
        self.octets = False
        self.ports: dict[int, int] = {}
        self._servers = [loop.run(self._start(number)) for number in sorted(numbers)]

    async def _start(self, number: int) -> asyncio.Server:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            await self._serve(number, reader, writer)

        tls = secure.server_context(number)
        server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=512, ssl=tls)
        self.ports[number] = server.sockets[0].getsockname()[1]
        return server

    def begin(self, octets: bool = False) -> None:
        """Forget what belongs to earlier exchanges; `octets`: each octet of an answer goes out by itself."""
        self.octets = octets
        self.take()
        self._calls.clear()
        self.signals = Signals()

    def take(self) -> list[Seen]:
        """What came since the last call; connections that are gone are forgotten."""
        seen = []
        for record in self._connections:
            raw = bytes(record.raw[record.taken :])
            if raw or not record.reported:
                seen.append(Seen(record.server, not record.reported, raw, record.end, record.agreed))
            record.taken, record.reported = len(record.raw), True
        self._connections = [record for record in self._connections if record.end == "open"]
        return seen

    def settle(self) -> bool:
        """Wait until every connection is idle or closed, as far as the kernel already knows it."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            self._loop.run(_turns(6))
            if not any(record.busy for record in self._connections):
                return True
        return False

    def close(self) -> None:
        self._loop.run(self._close())

    async def _close(self) -> None:
        for server in self._servers:
            server.close()
        for task in tuple(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _serve(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        record = Connection(number)
        if (connection := writer.get_extra_info("ssl_object")) is not None:
            record.agreed = f", {secure.describe_server(connection)}"
        self._connections.append(record)
        wire = Wire(record, reader, writer)
        try:
            while await self._request(wire):
                record.busy = False
        except (EOFError, OSError, ValueError) as error:
            record.end = "closed by the proxy" if not isinstance(error, ValueError) else "not understood"
        finally:
            record.busy = False
            writer.close()

    async def _request(self, wire: Wire) -> bool:
        """One request and its answer; False when the script closed the connection."""
        head = await wire.until(b"\r\n\r\n")
        wire.record.busy = True
        script = self._script(wire.record.server, head)
        if not any(step.verb == "early" for step in script):
            await wire.body(head)
        for step in script:
            if not await self._step(wire, step):
                return False
        if any(step.verb == "early" for step in script):
            await wire.body(head)
        return True

    def _script(self, number: int, head: bytes) -> tuple[Step, ...]:
        """The most special route: server before any, method before any, query before none."""
        method, target = [*head.split(b" ", 2), b""][:2]
        paths = [target.decode("latin-1"), target.partition(b"?")[0].decode("latin-1")]
        names = [f"{method.decode('latin-1')} {path}" for path in paths] + [*paths, "*"]
        for name in names:
            for server in (number, 0):
                if (server, name) in self.routes:
                    return self._turn((server, name))
        body = b"" if method == b"HEAD" else b"upstream %d" % number
        return (Step("send", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n" + body),)

    def _turn(self, key: tuple[int, str]) -> tuple[Step, ...]:
        """The n-th part between `<next>`s for the n-th call; the last one stays."""
        parts: list[list[Step]] = [[]]
        for step in self.routes[key]:
            if step.verb == "next":
                parts.append([])
            else:
                parts[-1].append(step)
        call = self._calls.get(key, 0)
        self._calls[key] = call + 1
        return tuple(parts[min(call, len(parts) - 1)])

    async def _step(self, wire: Wire, step: Step) -> bool:
        if step.verb == "send":
            for piece in _single(step.data) if self.octets else (step.data,):
                wire.writer.write(piece)
                await (_read(wire.writer) if self.octets else wire.writer.drain())
        elif step.verb == "split":
            await _read(wire.writer)
        elif step.verb == "signal":
            self.signals.get(step.data).set()
        elif step.verb == "wait":
            await asyncio.to_thread(self.signals.get(step.data).wait, PATIENCE)
        elif step.verb == "shutdown":
            wire.writer.write_eof()
        elif step.verb in ("hold", "echo"):
            await _rest(wire, echo=step.verb == "echo")
        elif step.verb in ("close", "reset"):
            if step.verb == "reset":
                _socket(wire.writer).setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            wire.record.end = "closed by the upstream"
            return False
        return True


def _single(data: bytes) -> Iterator[bytes]:
    return (data[at : at + 1] for at in range(len(data)))


async def _read(writer: asyncio.StreamWriter) -> None:
    """Return when the other side has read all that was written."""
    await writer.drain()
    here, there = (writer.get_extra_info(name) for name in ("sockname", "peername"))
    wait_until_read(here, there, time.monotonic() + PATIENCE)


async def _rest(wire: Wire, echo: bool) -> None:
    """Read until the other side closes (EOFError ends the connection)."""
    while True:
        if echo:
            wire.writer.write(bytes(wire.record.raw[wire.at :]))
            await wire.writer.drain()
        wire.at = len(wire.record.raw)
        await wire.more()


def _socket(writer: asyncio.StreamWriter) -> socket.socket:
    found: socket.socket = writer.get_extra_info("socket")
    return found


async def _turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)
