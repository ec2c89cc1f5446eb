"""The recording backend: it keeps every octet of every connection, and answers as the play says.

It is strict itself: what is no request by RFC 9112 is answered with 400 and closed, and the record tells.
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from dataclasses import dataclass, field

from tests.oracle.script import Step

from . import requests

_PLAY = re.compile(rb"/k([0-9]+)")
_QUIET = 5.0


@dataclass(slots=True)
class Record:
    """One connection from the server; `tunnel` is where it stopped to be HTTP."""

    raw: bytearray = field(default_factory=bytearray)
    tunnel: int = -1
    open: bool = True


@dataclass(slots=True)
class Script:
    """What a play wants to be answered, and what of it went out; `answered` comes from the client."""

    steps: tuple[Step, ...]
    sent: bytearray = field(default_factory=bytearray)
    ended: bool = False
    used: bool = False
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    done: asyncio.Event = field(default_factory=asyncio.Event)


class Backend:
    """Listens on a port of its own in the running event loop."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.scripts: dict[int, Script] = {}
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, backlog=1024, limit=1 << 20)
        self.port: int = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        self._server.close()
        await self.hang_up()

    async def hang_up(self) -> None:
        """Close every connection that is left."""
        for task in tuple(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def take(self) -> list[Record]:
        """The records so far; new ones from here on."""
        records, self.records = self.records, []
        return records

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        record = Record()
        self.records.append(record)
        try:
            await Talk(self, record, reader, writer).go_on()
        except (EOFError, OSError, asyncio.CancelledError):
            pass
        finally:
            record.open = False
            writer.close()


class Talk:
    """One connection while it lives; `at` is how far its requests have been answered."""

    def __init__(
        self, backend: Backend, record: Record, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.backend, self.record, self.reader, self.writer = backend, record, reader, writer
        self.at = 0
        self._answered = False  # before the request was whole

    async def go_on(self) -> None:
        while True:
            asked = await self._request()
            script = self._script(asked)
            if script is None:
                self.writer.write(_echo(asked))
                await self.writer.drain()
                if asked.closes:
                    return
                continue
            try:
                if not await self._play(script):
                    return
            finally:
                script.done.set()

    async def _more(self) -> None:
        data = await self.reader.read(262144)
        if not data:
            raise EOFError
        self.record.raw += data

    async def _request(self) -> requests.Asked:
        """The next request, as soon as it is whole, or as its script's `<early>` says, as its head is."""
        while True:
            found = requests.read(bytes(self.record.raw[self.at :]))
            if found and found[0].fault:
                self.writer.write(b"HTTP/1.1 400 Not a request\r\nContent-Length: 0\r\n\r\n")
                raise EOFError
            if found and found[0].headed:
                script = self._script(found[0])
                early = script is not None and any(step.verb == "early" for step in script.steps)
                if found[0].whole and self._answered:
                    self._answered = False
                    self.at += len(found[0].raw)
                    continue
                if found[0].whole or (early and not self._answered):
                    self._answered = not found[0].whole
                    self.at += len(found[0].raw) if found[0].whole else 0
                    return found[0]
            await self._more()

    def _script(self, asked: requests.Asked) -> Script | None:
        found = _PLAY.search(asked.target)
        script = self.backend.scripts.get(int(found[1])) if found else None
        return script if b"-after" not in asked.target else None

    async def _play(self, script: Script) -> bool:
        """False when the script closed the connection."""
        script.used, script.ended = True, False
        script.sent.clear()
        for step in script.steps:
            if step.verb == "send":
                if b"HTTP/1.1 101" in step.data and self.record.tunnel < 0:
                    self.record.tunnel = self.at
                script.sent += step.data
                self.writer.write(step.data)
                await self.writer.drain()
            elif step.verb == "split":
                await asyncio.sleep(0.003)
            elif step.verb == "wait":
                await asyncio.wait_for(script.answered.wait(), _QUIET)
            elif step.verb in ("close", "reset"):
                script.ended = True
                if step.verb == "reset":
                    linger = struct.pack("ii", 1, 0)
                    self.writer.get_extra_info("socket").setsockopt(
                        socket.SOL_SOCKET, socket.SO_LINGER, linger
                    )
                return False
            elif step.verb == "shutdown":
                script.ended = True
                self.writer.write_eof()
            elif step.verb == "hold":
                await self._listen()
        if self.record.tunnel >= 0:
            await self._listen()
        return True

    async def _listen(self) -> None:
        """Only record, until the server closes."""
        while True:
            await self._more()


def _echo(asked: requests.Asked) -> bytes:
    """A plain answer that tells whose it is."""
    sender = (asked.values(b"x-from") or [b"nobody"])[0]
    body = b"" if asked.method == b"HEAD" else b"answer to " + sender
    return b"HTTP/1.1 200 OK\r\nX-Seen: %b\r\nContent-Length: %d\r\n\r\n%b" % (sender, len(body), body)
