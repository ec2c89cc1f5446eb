"""Names while serving: the network's own at once, others of a name server, and nobody blocks the loop."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator

import pytest

from emulator.namespace import HostNamespace
from emulator.nginx import dns
from emulator.nginx.address import parse_address
from emulator.nginx.event import Loop
from emulator.nginx.modules.http_core import Resolver as Written
from emulator.nginx.resolver import Found, Resolver
from emulator.tasknamespace import StillTable, TaskNamespace

from .serving import Clock


class Turning(StillTable):
    """A live table that a test changes."""

    def __init__(self) -> None:
        super().__init__({})
        self.addresses: list[str] = ["10.0.0.2"]

    def changed(self) -> bool:
        return True

    def read(self) -> dict[str, object]:
        ends = [{"address": each, "host": "127.0.0.1", "ports": {}, "name": None} for each in self.addresses]
        return {
            "network": "n",
            "services": {"webapp": {"vip": None, "mode": "dnsrr", "endpoints": ends}},
        }


class Rig:
    """What a Resolver sees of a worker, and a name server whose packets the test sees and sends."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.loop = Loop(clock=self.clock)
        self.table = Turning()
        self.namespace: HostNamespace | TaskNamespace = HostNamespace("here")
        self.logged: list[str] = []
        self.server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.server.bind(("127.0.0.1", 0))
        self.server.settimeout(5)
        self.answers: list[Found] = []
        self.made: list[Resolver] = []

    def log_global(self, level: str, message: str) -> None:
        self.logged.append(message)

    def resolver(self, server: str = "", valid: int | None = None) -> Resolver:
        port = self.server.getsockname()[1]
        address = parse_address(server or f"127.0.0.1:{port}", default_port=53)
        made = Resolver(self, Written((address,), valid, True, False))  # type: ignore[arg-type]
        self.made.append(made)
        return made

    def question(self) -> tuple[bytes, tuple[str, int]]:
        packet, whom = self.server.recvfrom(512)
        return packet, whom

    def answer(self, *values: bytes, code: int = 0, ttl: int = 60, kind: int = dns.A) -> None:
        packet, whom = self.question()
        head = packet[:2] + struct.pack("!5H", 0x8180 | code, 1, len(values), 0, 0)
        records = [b"\xc0\x0c" + struct.pack("!2HIH", kind, 1, ttl, len(value)) + value for value in values]
        self.server.sendto(head + packet[12:] + b"".join(records), whom)
        self.turn()

    def turn(self, seconds: float = 0.0) -> None:
        self.clock.now += seconds
        for _ in range(3):
            self.loop.post(lambda: None)
            self.loop.turn()

    def until(self, done: Callable[[], bool]) -> None:
        while not done():
            self.loop.turn()


@pytest.fixture
def rig() -> Iterator[Rig]:
    made = Rig()
    yield made
    for resolver in made.made:
        resolver.close()
    made.server.close()
    made.loop.close()


def test_the_networks_own_names_are_answered_at_once_and_as_they_are_now(rig: Rig) -> None:
    rig.namespace = TaskNamespace({"hostname": "h"}, [rig.table])
    resolver = rig.resolver("127.0.0.11", valid=3600)
    resolver.find("webapp", 5.0, rig.answers.append)
    rig.table.addresses = ["10.0.0.2", "10.0.0.3"]
    resolver.find("webapp", 5.0, rig.answers.append)
    rig.table.addresses = []
    resolver.find("webapp", 5.0, rig.answers.append)
    assert [each.addresses for each in rig.answers] == [("10.0.0.2",), ("10.0.0.2", "10.0.0.3"), ()]
    assert rig.answers[-1].why == "3: Host not found"


def test_a_name_of_the_world_is_asked_for_beside_the_loop(rig: Rig) -> None:
    class Outside(TaskNamespace):
        def resolve(self, host: str) -> tuple[str, ...]:
            return ("192.0.2.1",) if host == "far.test" else ()

    rig.namespace = Outside({"hostname": "h"}, [])
    resolver = rig.resolver("127.0.0.11")
    resolver.find("far.test", 5.0, rig.answers.append)
    assert not rig.answers
    rig.until(lambda: bool(rig.answers))
    assert rig.answers == [Found(("192.0.2.1",), 1)]


def test_slow_names_of_the_world_take_few_threads_and_nobody_waits_longer_than_he_may(rig: Rig) -> None:
    asked: list[str] = []
    go_on = threading.Event()

    class Slow(TaskNamespace):
        def resolve(self, host: str) -> tuple[str, ...]:
            asked.append(host)
            go_on.wait(10)
            return ("192.0.2.1",)

    rig.namespace = Slow({"hostname": "h"}, [])
    resolver = rig.resolver("127.0.0.11")
    for number in range(40):
        resolver.find(f"name{number % 20}.test", 5.0 if number < 20 else 60.0, rig.answers.append)
    rig.turn(6.0)
    assert [each.why for each in rig.answers] == ["110: Operation timed out"] * 20
    assert len(asked) == 16
    go_on.set()
    rig.until(lambda: len(rig.answers) == 40)
    assert len(asked) == 20
    assert rig.answers[20:] == [Found(("192.0.2.1",), 1)] * 20


def test_no_more_answers_are_kept_than_anybody_needs(rig: Rig) -> None:
    resolver = rig.resolver(valid=3600)
    for number in range(1100):
        resolver.find(f"name{number}.test", 5.0, rig.answers.append)
        rig.answer(b"\x7f\0\0\1")
    assert len(rig.answers) == 1100
    assert len(resolver._cache) == 1000


def test_an_answer_holds_for_its_time(rig: Rig) -> None:
    resolver = rig.resolver()
    resolver.find("one.test", 5.0, rig.answers.append)
    rig.answer(b"\x7f\0\0\1", ttl=60)
    resolver.find("ONE.test.", 5.0, rig.answers.append)
    assert [each.addresses for each in rig.answers] == [("127.0.0.1",)] * 2
    rig.turn(60.0)
    resolver.find("one.test", 5.0, rig.answers.append)
    rig.answer(b"\x7f\0\0\2")
    assert rig.answers[-1].addresses == ("127.0.0.2",)


def test_valid_says_for_how_long(rig: Rig) -> None:
    resolver = rig.resolver(valid=10)
    resolver.find("one.test", 5.0, rig.answers.append)
    rig.answer(b"\x7f\0\0\1", ttl=60)
    rig.turn(10.0)
    resolver.find("one.test", 5.0, rig.answers.append)
    assert len(rig.answers) == 1


def test_many_who_ask_for_a_name_ask_once(rig: Rig) -> None:
    resolver = rig.resolver()
    for _ in range(3):
        resolver.find("one.test", 5.0, rig.answers.append)
    rig.answer(b"\x7f\0\0\1")
    assert len(rig.answers) == 3
    rig.server.setblocking(False)
    with pytest.raises(BlockingIOError):
        rig.question()


def test_what_was_not_found_is_asked_for_again(rig: Rig) -> None:
    resolver = rig.resolver()
    for _ in range(2):
        resolver.find("no.test", 5.0, rig.answers.append)
        rig.answer(code=3)
    assert [each.code for each in rig.answers] == [3, 3]


def test_a_silent_server_is_asked_again_and_each_waits_as_long_as_it_wants(rig: Rig) -> None:
    resolver = rig.resolver()
    resolver.find("one.test", 3.0, rig.answers.append)
    resolver.find("one.test", 30.0, rig.answers.append)
    rig.question()
    rig.turn(3.1)
    assert [each.code for each in rig.answers] == [dns.TIMED_OUT]
    rig.turn(2.0)
    rig.answer(b"\x7f\0\0\1")
    assert rig.answers[-1].addresses == ("127.0.0.1",)
    resolver.find("two.test", 1.0, rig.answers.append)
    rig.turn(1.1)
    assert rig.answers[-1].why == "110: Operation timed out"
    rig.turn(60.0)
    assert not [timer for timer in rig.loop._timers if timer.callback is not None]


def test_names_that_lead_in_a_circle_end(rig: Rig) -> None:
    rig.resolver().find("one.test", 5.0, rig.answers.append)
    for _ in range(9):
        rig.answer(b"\xc0\x0c", kind=dns.CNAME)
    assert [each.code for each in rig.answers] == [3]


def test_a_stranger_answers_nothing(rig: Rig) -> None:
    rig.resolver().find("one.test", 5.0, rig.answers.append)
    packet, whom = rig.question()
    number = (int.from_bytes(packet[:2], "big") + 1) % 65536
    forged = struct.pack("!6H", number, 0x8180, 1, 0, 0, 0) + packet[12:]
    rig.server.sendto(forged, whom)
    rig.turn()
    assert not rig.answers
    assert rig.logged[0].startswith(f"wrong ident {number} in DNS response for one.test")


def test_a_server_that_is_not_there_is_told_of(rig: Rig) -> None:
    resolver = rig.resolver()
    rig.server.close()
    resolver.find("one.test", 1.0, rig.answers.append)
    rig.turn()
    told = "recv() failed (111: Connection refused) while resolving, resolver: 127.0.0.1:"
    assert rig.logged[0].startswith(told)
    rig.turn(1.1)
    assert [each.code for each in rig.answers] == [dns.TIMED_OUT]


@pytest.mark.parametrize("name", ["a..b", "x" * 64, "bücher", ""])
def test_what_is_no_name_is_not_found(rig: Rig, name: str) -> None:
    rig.resolver().find(name, 5.0, rig.answers.append)
    assert [each.code for each in rig.answers] == [3]
