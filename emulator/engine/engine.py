"""One run of the emulator: the rooms put together, and the order of start and stop."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Mapping

from ..container.children import Children
from ..container.container import Container, Surroundings
from ..container.guardian import Guardian, started
from ..container.runtime import Runtime
from ..settings import Port, Service, Settings
from ..swarm import described
from ..swarm.agent import Agent, Rejected
from ..swarm.control import Control
from ..swarm.identity import node_id, object_id
from ..swarm.loop import Loop
from ..swarm.mesh import Mesh
from ..swarm.model import Task
from ..swarm.networks import Networks
from ..swarm.orchestrator import Orchestrator
from ..swarm.store import Store
from ..swarm.volumes import folder
from .check import check
from .console import Console
from .publish import Reservations
from .serving import Serving
from .startup import Startup
from .state import CannotStart, State

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Engine:
    """Everything of a run; the API reads it."""

    def __init__(
        self,
        settings: Settings,
        state: State,
        keeper: Guardian,
        console: Console,
        run_id: str,
        *,
        fresh_addresses: bool,
    ) -> None:
        self.settings, self.state, self.console = settings, state, console
        self.loop = Loop()
        self.store = Store(self.loop.time)
        self.node_id, self.node_name = node_id(state.folder), socket.gethostname()
        self.began = began()
        self.exit_code = 0
        self.children = Children(self.loop)
        self._keeper = keeper
        self._reservations = Reservations()
        self._stopping: list[list[Task]] | None = None
        self._ready_fd: int | None = None
        datagrams, path = state.datagrams()
        self._datagrams = datagrams
        self.networks = Networks(
            state.folder / "networks",
            loopback=settings.emulator.addressing == "loopback",
            anywhere=fresh_addresses,
        )
        around = Surroundings(
            loop=self.loop,
            guardian=keeper,
            children=self.children,
            run=run_id,
            ready=path,
            node_id=self.node_id,
            node_name=self.node_name,
            listens=lambda task, host, port: self.agent.listens(task, host, port),
            output=console.line,
            note=console.note,
        )
        self.runtime = Runtime(settings, around)
        self.agent = Agent(
            self.store,
            self.loop,
            self.networks,
            self.runtime,
            self.node_id,
            listening=settings.emulator.endpoints == "listening",
        )
        self.mesh = Mesh(
            self.store,
            self.loop,
            self.networks,
            retry=settings.emulator.endpoints == "listening",
            reserved=self._reservations.hand_over,
            note=console.note,
        )
        self.agent.hold_ports = self.mesh.hold
        self.orchestrator = Orchestrator(self.store, self.loop, object_id)
        self.control = Control(self.store, self.networks, object_id)
        self.startup = Startup(self.store, self.loop, self.agent, console, self._ready, self._failed)
        self.serving = Serving(self.loop, state.api_socket(), lambda: self)

    @property
    def containers(self) -> Mapping[str, Container]:
        return self.runtime.containers

    def container(self, reference: str) -> Container | None:
        return self.runtime.container(reference)

    def run(self, ready_fd: int | None = None, lifeline_fd: int | None = None) -> int:
        """Start, serve, stop; the exit code."""
        self._ready_fd = ready_fd
        services = self._in_order()
        check(self.settings, services, self.state.folder / "checked")
        ports = {service.name: self._reservations.take(service) for service in services}
        self.state.keep_record(self._keeper)
        self._listen_to_signals(lifeline_fd)
        self.loop.add_reader(self._datagrams.fileno(), self._hear)
        self.console.attach(self.loop)
        self._create(services, ports)
        self.loop.run()
        self.serving.close()
        self.mesh.close()
        self._clear()
        self.networks.close()
        self._reservations.release()
        return self.exit_code

    def _clear(self) -> None:
        """The tasks' folders go with their tasks."""
        for container in tuple(self.runtime.containers.values()):
            container.remove()

    def _in_order(self) -> list[Service]:
        """As the article creates them: first who is asked, last who asks."""
        try:
            return sorted(self.settings.services, key=lambda s: self.runtime.binds_published_ports(s.image))
        except Rejected as error:
            raise CannotStart(str(error)) from None

    def _create(self, services: list[Service], ports: dict[str, tuple[Port, ...]]) -> None:
        """Everything is under way when this returns; readiness is an event."""
        for network in self.settings.networks:
            self.control.create_network(described.network(network))
        for volume in self.settings.volumes:
            self.control.create_volume(volume.name, str(folder(self.settings, volume.name)))
        for service in services:
            made = self.control.create_service(described.service(service), ports[service.name])
            self.loop.settle()
            if self._stopping is not None:
                return
            self.startup.expect(made)
        self.startup.begin()

    def _hear(self) -> None:
        """Tasks' words that they listen, one a datagram."""
        while True:
            try:
                said = json.loads(self._datagrams.recv(4096))
                host, port = said["listen"]
                self.agent.listens(str(said["task"]), str(host), int(port))
            except BlockingIOError:
                return
            except (ValueError, KeyError, TypeError):
                continue

    def _ready(self) -> None:
        self._reservations.release()
        urls = [port.url for service in self.store.services.values() for port in service.ports]
        where = f": {' '.join(urls)}" if urls else ""
        self.console.note(f"Ready in {time.monotonic() - self.began:.2f} s{where}")
        if self._ready_fd is not None:
            line = json.dumps({"socket": str(self.state.api_path), "urls": urls})
            os.write(self._ready_fd, line.encode() + b"\n")
            os.close(self._ready_fd)
            self._ready_fd = None
        self.serving.later()

    def _failed(self, words: str) -> None:
        """Nothing came of it: the reason last, and everything gone at once."""
        self.exit_code = 1
        self.console.close_lines()
        self.console.error(words)
        self._stop()
        self.agent.kill_all()

    def _listen_to_signals(self, lifeline_fd: int | None) -> None:
        reading, writing = socket.socketpair()
        for end in (reading, writing):
            end.setblocking(False)
        self._wakeup = (reading, writing)
        signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
        for number in (*_SIGNALS, signal.SIGCHLD):
            signal.signal(number, lambda number, frame: None)
        self.loop.add_reader(reading.fileno(), self._signalled)
        if lifeline_fd is not None:
            self.loop.add_reader(lifeline_fd, lambda: self._lifeline(lifeline_fd))

    def _signalled(self) -> None:
        for number in self._wakeup[0].recv(64):
            if number == signal.SIGCHLD:
                self.children.check()
            elif number in _SIGNALS:
                self._asked_to_stop()

    def _lifeline(self, descriptor: int) -> None:
        if not os.read(descriptor, 64):
            self.loop.remove_reader(descriptor)
            self._asked_to_stop()

    def _asked_to_stop(self) -> None:
        """Once: in order, within the grace. Twice: at once."""
        if self._stopping is None:
            self.console.note("Stopping; once more, and it is at once")
            self._stop()
        else:
            self.exit_code = self.exit_code or 130
            self.agent.kill_all()

    def _stop(self) -> None:
        """Who answers clients goes first, so that nobody asks who is already gone."""
        self.orchestrator.freeze()
        tasks = [task for task in self.store.tasks.values() if not task.state.is_final]
        fronts = [task for task in tasks if self.store.services[task.service_id].ports]
        self._stopping = [fronts, [task for task in tasks if task not in fronts]]
        self.store.watch(lambda change: self.loop.call_soon(self._stop_more))
        grace = max((task.spec.stop_grace_period for task in tasks), default=0.0)
        self.loop.call_later(grace, self.agent.kill_all)
        self.loop.call_later(grace / 2, lambda: self.agent.stop_all(self._alive()))
        self._stop_more()

    def _stop_more(self) -> None:
        """The next rank when the one before has ended; the loop's end after the last."""
        alive = self._alive()
        while self._stopping:
            rank = {task.id for task in self._stopping[0]}
            waiting = [task for task in alive if task.id in rank]
            if waiting:
                self.agent.stop_all(waiting)
                return
            self._stopping.pop(0)
        if not alive:
            self.loop.stop()

    def _alive(self) -> list[Task]:
        return [task for task in self.store.tasks.values() if not task.state.is_final]


def began() -> float:
    """When this process was started, on the monotonic clock: before its interpreter was there."""
    now = time.monotonic()
    ticks = started(os.getpid())
    if not ticks or not hasattr(time, "CLOCK_BOOTTIME"):
        return now
    return now - (time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK"))
