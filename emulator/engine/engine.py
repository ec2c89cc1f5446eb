"""One run of the emulator: the rooms put together, and the order of start and stop."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Mapping
from functools import partial

from ..container.children import Children
from ..container.container import Container, Surroundings
from ..container.guardian import Guardian, started
from ..container.images import Recipe
from ..container.runtime import Runtime
from ..settings import Mount, Port, Service, Settings
from ..swarm import described
from ..swarm.agent import Agent, Rejected
from ..swarm.control import Control
from ..swarm.identity import node_id, object_id
from ..swarm.loop import Loop
from ..swarm.membership import Membership
from ..swarm.mesh import Mesh
from ..swarm.model import Node, Volume
from ..swarm.model import Service as SwarmService
from ..swarm.networks import Networks
from ..swarm.orchestrator import Orchestrator
from ..swarm.store import Change, Kind, Store
from ..swarm.volumes import folder
from .check import check
from .console import Console
from .ending import Ending
from .keeping import Keeping, made_by_up
from .publish import Reservations
from .recovery import restore, revive
from .serving import Serving
from .startup import Startup
from .state import CannotStart, State
from .way import Way

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
        way: Way,
    ) -> None:
        self.settings, self.state, self.console, self.way = settings, state, console, way
        self.loop = Loop()
        self.store = Store(self.loop.time)
        self.node_id, self.node_name = node_id(state.folder), socket.gethostname()
        self.began = began()
        self.exit_code = 0
        self.children = Children(self.loop)
        self._keeper = keeper
        self._reservations = Reservations()
        self._ready_fd = way.ready_fd
        datagrams, path = state.datagrams()
        self._datagrams = datagrams
        self.networks = Networks(
            state.folder / "networks",
            loopback=settings.emulator.addressing == "loopback",
            anywhere=way.fresh_addresses,
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
            volume=self._volume,
            discard=lambda name: self.store.remove(self.store.volumes[name]),
            fresh_volumes=way.fresh_volumes,
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
        self.orchestrator.refit = self.control.refit
        self.startup = Startup(self.store, self.loop, self.agent, console, self._ready, self._failed)
        self.ending = Ending(self.store, self.loop, self.agent)
        self.keeping = Keeping(self.store, self.loop, state.journal, console.note)
        node = Node(self.node_id, self.node_name)
        self.swarm = Membership(self.store, node, object_id, self._erase)
        self.serving = Serving(self.loop, state.api_socket(), self._world)

    @property
    def containers(self) -> Mapping[str, Container]:
        return self.runtime.containers

    def container(self, reference: str) -> Container | None:
        return self.runtime.container(reference)

    def run(self) -> int:
        """Start, serve, stop; the exit code."""
        self.keeping.find()
        services = self._in_order() if self.way.deploy else []
        check(self.settings, services, self.state.folder / "checked")
        ports = {service.name: self._reservations.take(self._numbered(service)) for service in services}
        self.state.keep_record(self._keeper)
        self._listen_to_signals(self.way.lifeline_fd)
        self.loop.add_reader(self._datagrams.fileno(), self._hear)
        self.console.attach(self.loop)
        self.store.watch(self._let_speak)
        restore(self.store, self.networks)
        if self.way.deploy:
            self._deploy(services, ports)
        else:
            self._open()
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

    def _numbered(self, service: Service) -> Service:
        """With the ports that it had before a crash, where any would do."""
        known = self.store.service(service.name)
        had = {port.target: port.published for port in known.ports} if known else {}
        ports = (port._replace(published=port.published or had.get(port.target, 0)) for port in service.ports)
        return service._replace(ports=tuple(ports))

    def _deploy(self, services: list[Service], ports: dict[str, tuple[Port, ...]]) -> None:
        """What the settings describe is under way when this returns; readiness is an event."""
        if self.swarm.cluster is None:
            self.swarm.init()
        for network in self.settings.networks:
            if self.store.network(network.name) is None:
                self.control.create_network(described.network(network))
        for volume in self.settings.volumes:
            self.control.create_volume(volume.name, str(folder(self.settings, volume.name)))
        self._describe_again(services)
        revive(self.store, self.loop.time(), [service.name for service in services])
        checked = any(service.healthcheck or self._recipe(service).healthcheck for service in services)
        for service in services:
            create = partial(self._create, service, ports[service.name])
            if checked and self._recipe(service).has_namespace:
                self.startup.later(create)
            else:
                create()
            if self.ending.begun:
                return
        self.startup.begin()

    def _recipe(self, service: Service) -> Recipe:
        return self.runtime.recipe(service.image)

    def _create(self, service: Service, ports: tuple[Port, ...]) -> None:
        """A proxy comes after those who have to be healthy: before that their names lead nowhere."""
        if self.ending.begun:
            return
        known = self.store.service(service.name)
        self.startup.expect(known or self.control.create_service(described.service(service), ports))
        self.loop.settle()

    def _describe_again(self, services: list[Service]) -> None:
        """Services that a crash left are what the file says now."""
        for service in services:
            known, spec = self.store.service(service.name), described.service(service)
            if known is not None and known.spec != spec:
                self.control.update_service(known.id, spec)

    def _open(self) -> None:
        """An engine that waits for verbs; what an earlier one left is brought back."""
        self.keeping.begin()
        revive(self.store, self.loop.time())
        self.console.note(f"API listen on {self.state.api_path}")
        self._tell_ready([])
        self.serving.load()

    def _world(self) -> Engine:
        """For the API: what it acknowledges is kept."""
        try:
            self.keeping.begin()
        except CannotStart as error:
            self._failed(str(error))
        return self

    def _let_speak(self, change: Change) -> None:
        """What verbs have made is not waited for: its lines flow from the first.

        A volume takes its data along.
        """
        thing = change.object
        if isinstance(thing, SwarmService):
            self.loop.call_soon(lambda: self._release(thing))
        elif isinstance(thing, Volume) and change.kind is Kind.REMOVE:
            self.runtime.volumes.forget(thing.name)

    def _volume(self, mount: Mount) -> None:
        """One that no verb has made comes with its first task."""
        real = str(folder(self.settings, mount.source))
        self.control.create_volume(mount.source, real, mount.labels or None, mount.options)

    def _release(self, service: SwarmService) -> None:
        if not self.startup.expects(service.id):
            self.console.release(service.name)

    def _erase(self) -> None:
        """Of `swarm leave`: no service, no task, no network."""
        for service in tuple(self.store.services.values()):
            self.control.remove_service(service.id)
        self.agent.kill_all()
        for network in tuple(self.store.networks.values()):
            self.networks.remove(network)
            self.store.remove(network)

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
        self._world()
        urls = [port.url for service in self.store.services.values() for port in service.ports]
        where = f": {' '.join(urls)}" if urls else ""
        self.console.note(f"Ready in {time.monotonic() - self.began:.2f} s{where}")
        self._tell_ready(urls)
        self.serving.later()

    def _tell_ready(self, urls: list[str]) -> None:
        if self._ready_fd is not None:
            line = json.dumps({"socket": str(self.state.api_path), "urls": urls})
            os.write(self._ready_fd, line.encode() + b"\n")
            os.close(self._ready_fd)
            self._ready_fd = None

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
        if not self.ending.begun:
            self.console.note("Stopping; once more, and it is at once")
            self._stop()
        else:
            self.exit_code = self.exit_code or 130
            self.agent.kill_all()

    def _stop(self) -> None:
        if not self.ending.begun:
            self.orchestrator.freeze()
            made = () if self.way.stays else tuple(made_by_up(self.store, self.settings))
            self.store.let_go(made)
            self.ending.begin()


def began() -> float:
    """When this process was started, on the monotonic clock: before its interpreter was there."""
    now = time.monotonic()
    ticks = started(os.getpid())
    if not ticks or not hasattr(time, "CLOCK_BOOTTIME"):
        return now
    return now - (time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK"))
