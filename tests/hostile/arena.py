"""Where plays meet: one server, one recording backend, many clients at a time; then the judge."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field

from tests.oracle.servers import Command

from .backend import Backend, Record, Script
from .corpus import Play
from .judge import Seen, backend_requests, judge, tunnelled
from .play import Played, play
from .site import Site

AT_A_TIME = 24
SETTLED = 4.0


@dataclass(slots=True)
class Verdict:
    """What the judge found in one play; `seen` is what the backend got of it."""

    play: Play
    played: Played
    findings: list[str] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list, repr=False)


class Arena:
    """One server process with its backend; `run` may be called again and again."""

    def __init__(self, command: Command) -> None:
        self._runner = asyncio.Runner()
        self.backend = Backend()
        self._runner.run(self.backend.start())
        self.site = Site(command, self.backend.port)
        self._descriptors = self.site.descriptors()

    def run(self, plays: list[Play]) -> list[Verdict]:
        """Play all of them, and judge them."""
        return self._runner.run(self._run(plays))

    def turn(self, work: object) -> object:
        """Run a coroutine of a test's own in the arena's loop."""
        return self._runner.run(work)  # type: ignore[arg-type]

    async def _run(self, plays: list[Play]) -> list[Verdict]:
        gate = asyncio.Semaphore(AT_A_TIME)

        async def one(item: Play) -> tuple[Play, Played, Script | None]:
            async with gate:
                return await play(item, self.site.port, self.backend)

        done = await asyncio.gather(*[one(item) for item in plays if not item.alone])
        done += [await one(item) for item in plays if item.alone]
        await asyncio.sleep(0.02)
        return self._judged(done, self.backend.take())

    def _judged(self, done: list[tuple[Play, Played, Script | None]], records: list[Record]) -> list[Verdict]:
        seen: dict[str, list[Seen]] = defaultdict(list)
        astray: dict[str, list[str]] = defaultdict(list)
        tunnels: dict[str, bytes] = {}
        for i, record in enumerate(records):
            http = bytes(record.raw if record.tunnel < 0 else record.raw[: record.tunnel])
            requests, texts = backend_requests(http, i)
            for request in requests:
                seen[request.address].append(request)
            for whose, text in texts:
                astray[whose].append(text)
            if record.tunnel >= 0 and requests:
                tunnels[requests[-1].address] = bytes(record.raw[record.tunnel :])
        verdicts = []
        for item, played, script in done:
            mine = seen.get(played.address, [])
            back, ended = (bytes(script.sent), script.ended) if script else (b"", False)
            findings = judge(item, played, mine, back, ended)
            findings += [text for text in astray.pop(played.address, []) if not _own_fault(item, text)]
            findings += tunnelled(item, played, back, tunnels.get(played.address))
            verdicts.append(Verdict(item, played, findings, mine))
        if verdicts:
            verdicts[-1].findings += [text for texts in astray.values() for text in texts]
        return verdicts

    def aftermath(self) -> list[str]:
        """(e) The worker has neither died nor complained, and holds nothing that it held not before."""
        found = self.site.complaints()
        if not self.site.same_worker():
            return [*found, "the worker has died"]
        self.site.knock()
        left = self._runner.run(self._settle())
        if left > self._descriptors:
            found.append(f"{left - self._descriptors} descriptors are still open")
        return found

    async def _settle(self) -> int:
        await self.backend.hang_up()
        until = asyncio.get_running_loop().time() + SETTLED
        while self.site.descriptors() > self._descriptors and asyncio.get_running_loop().time() < until:
            await asyncio.sleep(0.02)
        return self.site.descriptors()

    def stop(self) -> None:
        self.site.stop()
        self._runner.run(self.backend.stop())
        self._runner.close()


def _own_fault(item: Play, finding: str) -> bool:
    """`proxy_pass http://a$uri` puts a decoded space into the request line: one line, and no request."""
    return item.case.group == "splitting" and "got no request: 3 request line" in finding
