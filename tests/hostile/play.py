"""Plays a case: what a client sends, what it gets, and when it may stop to wait.

How long is never guessed: the strict reader says how many answers the octets call for. What a server has to
refuse, it has to close; what is incomplete ends with FIN; and where the connection was kept, one more request
follows, whose answer proves that nothing was left over in between.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import time
from dataclasses import dataclass, field

from tests.oracle import drained

from . import answers, requests
from .backend import Backend, Script
from .corpus import Play
from .site import PROXIED

PATIENCE = 15.0
_POLL = 0.0005
_RESET = struct.pack("ii", 1, 0)


@dataclass(slots=True)
class Played:
    """What went over the client's connection; `left` if the client went away by itself."""

    address: str
    sent: bytes = b""
    got: bytes = b""
    ended: bool = False
    shut: bool = False
    left: bool = False
    late: bool = False
    seconds: float = 0.0
    _read: tuple[int, list[requests.Asked]] = field(default=(0, []), repr=False)

    def asked(self) -> list[requests.Asked]:
        """What has been sent, as the strict reader sees it."""
        if self._read[0] != len(self.sent):
            self._read = (len(self.sent), requests.read(self.sent))
        return self._read[1]

    def answered(self, asked: list[requests.Asked]) -> list[answers.Answered]:
        old = [i for i, request in enumerate(asked) if request.version == 9]
        return answers.read(self.got, [a.method for a in asked], self.ended, old[0] if old else -1)

    def finals(self, asked: list[requests.Asked]) -> list[answers.Answered]:
        return [answer for answer in self.answered(asked) if not answer.interim]


class Client:
    """One connection from an address of its own, by which the backend's record knows it."""

    def __init__(self, play: Play, port: int, script: Script | None) -> None:
        self._play, self._port, self._script = play, port, script
        self.played = Played(address_of(play.number))
        self._news = asyncio.Event()

    async def run(self) -> Played:
        began = time.monotonic()
        loop = asyncio.get_running_loop()
        with socket.socket() as self._sock:
            self._sock.setblocking(False)
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sock.bind((self.played.address, 0))
            await loop.sock_connect(self._sock, ("127.0.0.1", self._port))
            reading = asyncio.create_task(self._read())
            try:
                await asyncio.wait_for(self._talk(), PATIENCE)
            except TimeoutError:
                self.played.late = True
            except OSError:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._until_closed(), PATIENCE)
            finally:
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)
                self._leave_script()
        self.played.seconds = time.monotonic() - began
        return self.played

    def _leave_script(self) -> None:
        if self._script is not None:
            self._script.answered.set()

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while data := await loop.sock_recv(self._sock, 262144):
                self.played.got += data
                self._news.set()
        except OSError:
            pass
        self.played.ended = True
        self._news.set()

    async def _until(self, finals: int) -> None:
        """Return when that many answers are whole, or the server has closed."""
        while not self.played.ended and not self._has(finals):
            self._news.clear()
            await self._news.wait()

    def _has(self, finals: int) -> bool:
        """Whether that many answers are whole; counted only where they may be."""
        if self.played.got.count(b"HTTP/1.") < finals:
            return False
        answered = self.played.finals(self.played.asked())
        return sum(answer.whole or answer.status == 101 for answer in answered) >= finals

    async def _until_closed(self) -> None:
        while not self.played.ended:
            self._news.clear()
            await self._news.wait()

    async def _talk(self) -> None:
        wanted = 0
        for step in self._play.steps:
            if step.verb == "send":
                await self._send(step.data)
            elif step.verb == "split":
                await self._read_by_the_server()
            elif step.verb == "await":
                wanted += 1
                await self._until(wanted)
            elif step.verb == "wait":
                await self._until_text(step.data)
            elif step.verb == "hold":
                await self._until_closed()
            elif step.verb == "shutdown":
                self._shutdown()
            elif step.verb in ("close", "reset"):
                self.played.left = True
                if step.verb == "reset":
                    self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                return
        await self._finish()

    async def _send(self, data: bytes) -> None:
        self.played.sent += data
        if self.played.ended:
            return
        try:
            await asyncio.get_running_loop().sock_sendall(self._sock, data)
        except OSError:
            self._news.set()

    async def _until_text(self, text: bytes) -> None:
        while not self.played.ended and text not in self.played.got:
            self._news.clear()
            await self._news.wait()

    async def _read_by_the_server(self) -> None:
        here, there = self._sock.getsockname(), ("127.0.0.1", self._port)
        until = time.monotonic() + 2
        while not self.played.ended and time.monotonic() < until:
            found = drained.end(there, here)
            if found is None or not found.unread:
                return
            await asyncio.sleep(_POLL)

    def _shutdown(self) -> None:
        self.played.shut = True
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)

    async def _finish(self) -> None:
        """After the last octet: wait for what must come, then see whether the connection still works."""
        asked = self.played.asked()
        last = asked[-1] if asked else None
        if last is None or self.played.shut:
            self._shutdown()
            await self._until_closed()
        elif last.fault or last.closes:
            await self._until_closed()
        elif not last.whole:
            await self._until(len(asked) - 1)
            self._shutdown()
            await self._until_closed()
        else:
            await self._until(len(asked))
            await self._follow_up(len(asked))

    async def _follow_up(self, count: int) -> None:
        finals = self.played.finals(self.played.asked())
        if finals and finals[-1].status == 101:
            self._shutdown()
            await self._until_closed()
            return
        if self._script is not None and self._script.used:
            self._script.answered.set()
            await asyncio.wait_for(self._script.done.wait(), PATIENCE)
        if self.played.ended or (finals and finals[-1].closes):
            await self._until_closed()
            return
        route = self._play.route if self._play.route in PROXIED else "/kept"
        target = f"{route}/k{self._play.number}-after"
        await self._send(f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        await self._until(count + 1)


def address_of(number: int) -> str:
    """An address of the loopback network for each play."""
    return f"127.{1 + number // 62500}.{number // 250 % 250}.{1 + number % 250}"


async def play(item: Play, port: int, backend: Backend) -> tuple[Play, Played, Script | None]:
    script = Script(item.behind) if item.behind else None
    if script is not None:
        backend.scripts[item.number] = script
    return item, await Client(item, port, script).run(), script
