"""Readers of logs: fast, slow, of one container and of a service whose tasks come and go."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import SimpleNamespace
from typing import cast

from emulator.api.logstreams import LogWish, Reader
from emulator.api.world import Container
from emulator.container.logs import STDOUT, Log

ALL = {"stdout": "1", "stderr": "1"}
FOLLOW = ALL | {"follow": "1"}


class Written:
    """A container that only writes."""

    def __init__(self, identity: str = "a", limit: int = 1 << 20) -> None:
        self.id, self.running = identity, True
        self.now = 0.0
        self.log = Log(lambda: self.now, limit)

    def write(self, *lines: str) -> None:
        self.log.feed(STDOUT, "".join(f"{line}\n" for line in lines).encode())

    def end(self) -> None:
        self.running = False
        self.log.end()


def reader(query: Mapping[str, str], *containers: Written, stays: bool = False) -> Reader:
    made = Reader(LogWish(query), lambda container: "", stays=stays)
    for container in containers:
        made.add(cast(Container, container))
    return made


def lines(data: bytes) -> list[str]:
    """The texts of frames."""
    texts, at = [], 0
    while at < len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "big")
        texts.append(data[at + 8 : at + 8 + size].decode().rstrip("\n"))
        at += 8 + size
    return texts


async def everything(of: Reader) -> list[str]:
    return lines(b"".join([piece async for piece in of.pieces()]))


def test_all_that_is_kept_is_given_however_many_lines_it_is() -> None:
    container = Written()
    container.write(*map(str, range(7000)))
    assert asyncio.run(everything(reader(ALL, container))) == [str(number) for number in range(7000)]


def test_a_burst_of_short_lines_ends_nobodys_reading() -> None:
    container = Written()
    following = reader(FOLLOW, container)

    async def play() -> list[str]:
        reading = asyncio.create_task(everything(following))
        await asyncio.sleep(0)
        container.write(*map(str, range(7000)))
        container.end()
        return await reading

    assert asyncio.run(play()) == [str(number) for number in range(7000)]


def test_who_is_slow_misses_what_the_log_has_forgotten_and_nothing_else() -> None:
    container = Written(limit=150 * 10)
    following = reader(FOLLOW, container)

    async def play() -> list[str]:
        pieces = following.pieces()
        container.write("first")
        first = await anext(pieces)
        container.write(*map(str, range(1000)))
        second = await anext(pieces)
        container.write("last")
        third = await anext(pieces)
        container.end()
        return lines(first + second + third)

    heard = asyncio.run(play())
    kept = [line.text.decode() for line in container.log.lines()]
    assert heard[0] == "first"
    assert heard[-1] == "last"
    assert heard[1:-1] == [str(number) for number in range(1000)][-len(heard[1:-1]) :]
    assert len(heard[1:-1]) >= len(kept) - 1


def test_lines_of_several_containers_come_in_the_order_of_their_writing() -> None:
    one, other = Written("a"), Written("b")
    following = reader(FOLLOW, one, other)

    async def play() -> list[str]:
        for number in range(4):
            container = (one, other)[number % 2]
            container.now = float(number)
            container.write(str(number))
        return lines(await anext(following.pieces()))

    assert asyncio.run(play()) == ["0", "1", "2", "3"]


def test_a_services_reader_outlives_its_tasks_and_is_told_when_it_ends() -> None:
    first, second = Written("a"), Written("b")
    following = reader(FOLLOW, first, stays=True)

    async def play() -> list[str]:
        reading = asyncio.create_task(everything(following))
        await asyncio.sleep(0)
        first.write("one")
        first.end()
        await asyncio.sleep(0)
        assert not reading.done()
        following.add(cast(Container, second))
        following.add(cast(Container, second))
        second.write("two")
        following.end()
        return await reading

    assert asyncio.run(play()) == ["one", "two"]


def test_a_client_that_leaves_leaves_nothing_behind() -> None:
    container = Written()
    following = reader(FOLLOW, container)
    following.close()
    container.write("x")
    assert container.log._followers == []


def test_the_tail_counts_what_is_wanted() -> None:
    container = SimpleNamespace(id="a", running=False, log=Log(lambda: 5.0))
    container.log.feed(STDOUT, b"a\nb\nc\n")
    made = Reader(LogWish(ALL | {"tail": "2", "timestamps": "1"}), lambda container: "")
    made.add(cast(Container, container))
    assert asyncio.run(everything(made)) == [f"1970-01-01T00:00:05.000000000Z {text}" for text in "bc"]
