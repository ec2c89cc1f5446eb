"""Names while serving: name servers are asked over UDP, and nobody waits for one (ngx_resolver.c).

What the container's own network knows, its own name server (Docker's is 127.0.0.11) answers at once, from
the live table: a change of tasks is seen with the next question. For other names it asks the machine, in a
thread.
"""

from __future__ import annotations

import os
import socket
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from emulator.nginx import dns
from emulator.nginx.upstream import Group, Peer

if TYPE_CHECKING:
    from emulator.nginx.event import Timer
    from emulator.nginx.modules.http_core import Resolver as Written
    from emulator.nginx.request import Request
    from emulator.nginx.worker import Worker

_RESEND = 5.0
_SOON = 1  # seconds that an answer of the network's own name server holds
_LARGEST = 65535
_MOST_NAMES = 8  # that lead from one to the next
_MOST_KEPT = 1000  # answers: clients may choose what is asked for
_THREADS = 16


class Found(NamedTuple):
    """The addresses of a name and for how many seconds they hold; `code` is 0, or why there are none."""

    addresses: tuple[str, ...]
    ttl: int = 0
    code: int = 0
    services: tuple[dns.Record, ...] = ()

    @property
    def why(self) -> str:
        return f"{self.code}: {dns.WORDS.get(self.code, 'Unknown error')}"


Then = Callable[[Found], None]


class Resolver:
    """One `resolver` of the configuration in one worker."""

    def __init__(self, worker: Worker, written: Written) -> None:
        self._worker = worker
        self._written = written
        self._cache: dict[str, tuple[float, Found]] = {}
        self._asked: dict[str, Question] = {}
        self._open: set[Question] = set()  # that ask for services
        self._turn = 0
        self._outside = Outside(worker)
        namespace = worker.namespace
        self._local = any(namespace.is_name_server(each.host) for each in written.servers)

    def find(self, name: str, timeout: float, then: Then) -> None:
        """Say what a name's addresses are, now or later."""
        name = name.lower().rstrip(".")
        if self._local:
            self._find_locally(name, timeout, then)
            return
        until, found = self._cache.get(name, (0.0, None))
        if found is not None and self._worker.loop.now < until:
            then(found)
            return
        asked = self._asked.get(name)
        if asked is None:
            kinds = (dns.A,) * self._written.ipv4 + (dns.AAAA,) * self._written.ipv6
            asked = self._asked[name] = Question(self, name, kinds, self._keep)
        asked.wait(timeout, then)

    def find_service(self, name: str, timeout: float, then: Then) -> None:
        """Say which servers a service has; their addresses are yet to be found."""
        if self._local:
            then(Found((), code=dns.NOT_FOUND))
            return
        self._open.add(asked := Question(self, name, (dns.SRV,), lambda it, found: self._open.discard(it)))
        asked.wait(timeout, then)

    def close(self) -> None:
        """Nobody waits any more."""
        for question in (*self._asked.values(), *self._open):
            question.close()

    def _keep(self, question: Question, found: Found) -> None:
        self._asked.pop(question.name, None)
        valid = self._written.valid
        ttl = found.ttl if valid is None else valid
        self._cache.pop(question.name, None)
        if not found.code and ttl:
            self._cache[question.name] = (self._worker.loop.now + ttl, found)
            if len(self._cache) > _MOST_KEPT:
                del self._cache[next(iter(self._cache))]

    def _find_locally(self, name: str, timeout: float, then: Then) -> None:
        known = self._worker.namespace.known(name)
        if known is not None:
            then(_found(known))
        else:
            self._outside.find(name, timeout, then)

    def next_server(self) -> tuple[str, int]:
        servers = self._written.servers
        self._turn += 1
        server = servers[self._turn % len(servers)]
        return server.host.strip("[]"), server.port or 53

    @property
    def worker(self) -> Worker:
        return self._worker


class Lookup(NamedTuple):
    """What a request waits for: the group of one name, or why there is none."""

    host: str
    port: int
    resolver: Written
    timeout: float

    def find(self, r: Request, then: Callable[[Group | str], None]) -> None:
        """Say it now or later."""
        host, port = self.host, self.port

        def found(answer: Found) -> None:
            if answer.code:
                then(f"{host} could not be resolved ({answer.why})")
            else:
                addresses, first = answer.addresses, r.worker.draw() % len(answer.addresses)
                then(Group(host, [Peer(each, port) for each in addresses[first:] + addresses[:first]]))

        resolver_of(r.worker, self.resolver).find(host, self.timeout, found)


class Outside:
    """Names that the machine is asked for: each once for all who wait for it, few at a time."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._waiting: dict[str, list[tuple[Then, Timer]]] = {}
        self._next: deque[str] = deque()
        self._threads = 0

    def find(self, name: str, timeout: float, then: Then) -> None:
        waiting = self._waiting.get(name)
        if waiting is None:
            waiting = self._waiting[name] = []
            self._next.append(name)
        timer = self._worker.loop.call_later(timeout, partial(self._timed_out, waiting, then))
        waiting.append((then, timer))
        self._ask()

    def _ask(self) -> None:
        while self._next and self._threads < _THREADS:
            name = self._next.popleft()
            if not self._waiting[name]:
                del self._waiting[name]  # nobody waits any more
                continue
            self._threads += 1
            in_a_thread(
                self._worker, partial(self._worker.namespace.resolve, name), partial(self._answered, name)
            )

    def _answered(self, name: str, addresses: tuple[str, ...]) -> None:
        self._threads -= 1
        waiting = self._waiting.pop(name)
        for _, timer in waiting:
            timer.cancel()
        self._ask()
        for then, _ in waiting:
            then(_found(addresses))

    @staticmethod
    def _timed_out(waiting: list[tuple[Then, Timer]], then: Then) -> None:
        waiting[:] = [each for each in waiting if each[0] is not then]
        then(Found((), code=dns.TIMED_OUT))


def _found(addresses: tuple[str, ...]) -> Found:
    return Found(addresses, _SOON) if addresses else Found((), code=dns.NOT_FOUND)


def in_a_thread(
    worker: Worker, work: Callable[[], tuple[str, ...]], then: Callable[[tuple[str, ...]], None]
) -> None:
    """Do what may take its time beside the loop."""
    import threading

    reading, writing = os.pipe()
    result: list[tuple[str, ...]] = []

    def run() -> None:
        try:
            result.append(work())
        finally:
            os.write(writing, b"!")

    def done(mask: int) -> None:
        worker.loop.remove(reading)
        os.close(reading)
        os.close(writing)
        then(result[0] if result else ())

    worker.loop.add_listener(reading, done)
    threading.Thread(target=run, daemon=True).start()


class Question:
    """One name that is asked for, and all who wait for it; asked again while nothing comes."""

    def __init__(
        self,
        resolver: Resolver,
        name: str,
        kinds: tuple[int, ...],
        over: Callable[[Question, Found], None],
    ) -> None:
        self.name = name
        self._resolver = resolver
        self._loop = resolver.worker.loop
        self._over = over
        self._waiting: list[tuple[Then, Timer]] = []
        self._open: dict[int, int] = {}  # number -> kind
        self._kinds = kinds
        self._left = list(kinds)
        self._asks = name  # a CNAME's target later on
        self._names = 0
        self._records: list[dns.Record] = []
        self._code = 0
        self._sock: socket.socket | None = None
        self._server = ""
        self._again: Timer | None = None

    def wait(self, timeout: float, then: Then) -> None:
        timer = self._loop.call_later(timeout, lambda: self._timed_out(then))
        self._waiting.append((then, timer))
        if self._again is None:
            self._ask()

    def _ask(self) -> None:
        self._again = self._loop.call_later(_RESEND, self._ask)
        self._close()
        host, port = self._resolver.next_server()
        self._server = f"{host}:{port}"
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            sock = self._sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
            sock.connect((host, port))
            self._loop.add_listener(sock.fileno(), lambda mask: self._read())
            self._open = {}
            for kind in self._left:
                number = int.from_bytes(os.urandom(2), "big")
                self._open[number] = kind
                sock.send(dns.question(number, self._asks, kind))
        except (UnicodeEncodeError, ValueError):
            self._end(Found((), code=dns.NOT_FOUND))
        except OSError as error:
            self._complain("send", error)

    def _read(self) -> None:
        while self._sock is not None:
            try:
                packet = self._sock.recv(_LARGEST)
            except BlockingIOError:
                return
            except OSError as error:
                self._complain("recv", error)
                return
            try:
                self._take(dns.read(packet))
            except dns.BadAnswer as bad:
                self._log(str(bad))

    def _complain(self, call: str, error: OSError) -> None:
        self._log(
            f"{call}() failed ({error.errno}: {error.strerror}) while resolving, resolver: {self._server}"
        )
        self._close()

    def _log(self, message: str) -> None:
        self._resolver.worker.log_global("error", message)

    def _take(self, answer: dns.Answer) -> None:
        if answer.code == dns.FORMAT_ERROR:
            why = dns.WORDS[answer.code]
            self._log(f'DNS error (1: {why}), query id:{answer.number}, name:"{answer.name}"')
            return
        number = next((number for number, kind in self._open.items() if kind == answer.kind), None)
        if number is None or answer.name != self._asks.lower():
            self._log(f"unexpected DNS response for {answer.name}")
            return
        if number != answer.number:
            name = answer.name
            self._log(f"wrong ident {answer.number} in DNS response for {name}, expect {number}")
            return
        kind = self._open.pop(number)
        self._left.remove(kind)
        self._code = answer.code or self._code
        self._records.extend(answer.records)
        if not self._left:
            self._complete(kind)

    def _complete(self, kind: int) -> None:
        wanted = [record for record in self._records if record.kind != dns.CNAME]
        names = [record.value for record in self._records if record.kind == dns.CNAME]
        if not wanted and names and not self._code and self._names < _MOST_NAMES:
            self._names += 1
            self._asks, self._records = names[-1], []
            self._left = list(self._kinds)
            self._cancel()
            self._ask()
            return
        if not wanted:
            self._end(Found((), code=self._code or dns.NOT_FOUND))
            return
        ttl = min(record.ttl for record in self._records)
        if kind == dns.SRV:
            self._end(Found((), ttl, services=tuple(wanted)))
        else:
            self._end(Found(tuple(record.value for record in wanted), ttl))

    def _timed_out(self, then: Then) -> None:
        self._waiting = [each for each in self._waiting if each[0] is not then]
        found = Found((), code=dns.TIMED_OUT)
        if not self._waiting:
            self._end(found)
        then(found)

    def _end(self, found: Found) -> None:
        self.close()
        self._over(self, found)
        waiting, self._waiting = self._waiting, []
        for then, timer in waiting:
            timer.cancel()
            then(found)

    def close(self) -> None:
        """Ask no more."""
        self._cancel()
        self._close()

    def _cancel(self) -> None:
        if self._again is not None:
            self._again.cancel()
            self._again = None

    def _close(self) -> None:
        if self._sock is not None:
            self._loop.remove(self._sock.fileno())
            self._sock.close()
            self._sock = None


def resolver_of(worker: Worker, written: Written) -> Resolver:
    """A worker's own Resolver for one `resolver` line."""
    found = worker.resolvers.get(id(written))
    if found is None:
        found = worker.resolvers[id(written)] = Resolver(worker, written)
    return found
