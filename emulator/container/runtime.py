"""Makes containers of tasks: the recipe of the image, its root, its environment, its process."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from .. import livetable
from ..settings import Mount, Settings
from ..swarm import signals, templates
from ..swarm.agent import Rejected
from ..swarm.identity import container_id
from ..swarm.model import Service, Task
from ..swarm.networks import Links
from .busy import taken
from .container import Container, Surroundings
from .environment import PACKAGE, SHIM, environment
from .guardian import MARK
from .images import NoSuchImage, Recipe, recipe
from .mounts import Mounted, Volumes, readonly
from .process import Command
from .root import Root, remove_tree

STATE_MARK = "EMULATOR_STATE"


class Runtime:
    """The only one: plain processes."""

    def __init__(self, settings: Settings, around: Surroundings) -> None:
        self._settings, self._around = settings, around
        self._state = settings.emulator.state
        self._recipes: dict[str, Recipe] = {}
        note, fresh = around.note, around.fresh_volumes
        self.volumes = Volumes(settings, around.loop.time, note, fresh=fresh)
        self.containers: dict[str, Container] = {}

    def recipe(self, image: str) -> Recipe:
        if image not in self._recipes:
            try:
                self._recipes[image] = recipe(image, self._settings.images)
            except NoSuchImage as error:
                raise Rejected(str(error)) from None
        return self._recipes[image]

    def expose(self, image: str) -> tuple[int, ...]:
        return self.recipe(image).expose

    def binds_published_ports(self, image: str) -> bool:
        return self.recipe(image).has_namespace

    def prepare(self, task: Task, service: Service, links: Links) -> Container:
        """Of one that cannot be made nothing is left."""
        home = self._state / "tasks" / task.id
        try:
            return self._prepared(task, service, links, home)
        except (Rejected, OSError):
            remove_tree(home)
            raise

    def _prepared(self, task: Task, service: Service, links: Links, home: Path) -> Container:
        made = self.recipe(task.spec.image)
        identity = container_id()
        spec = _expanded(task, self._context(task, service))
        said = made.real(made.command(task.spec.command, task.spec.args))
        _check(task, said)
        mounts = tuple(self._mount(mount, made, home) for mount in spec.mounts)
        for port in () if made.has_namespace else made.expose:
            if words := taken(links.place.host, links.place.port(port)):
                raise Rejected(f"cannot listen on {words}")
        hostname = spec.hostname or identity[:12]
        root = self._root(made, home / "root", [(mount.target, real) for mount, real in mounts])
        around = self._around
        marks = _marks(task, links, hostname, around, str(self._state))
        marks["EMULATOR_READONLY"] = readonly(root.path, mounts, whole=task.spec.read_only)
        descriptors: tuple[int, ...] = ()
        if made.has_namespace:
            marks["EMULATOR_NAMESPACE"] = str(_write_namespace(home, hostname, root, links, self._settings))
            descriptors = tuple(descriptor for _, descriptor in links.rotations)
        wanted = {name: root.translate(value) for name, value in (*made.env, *spec.env)}
        argv = tuple(root.translate(_placed(word, made, links)) for word in said)
        front = PACKAGE if made.has_namespace else SHIM
        env = environment(os.environ, hostname, wanted, marks, front)
        command = Command(argv, env, str(root.folder(task.spec.dir or made.workdir)), descriptors)
        container = Container(identity, hostname, task, made, links, command, home, around)
        container.mounts = tuple(mount for mount, _ in mounts)
        self.containers[identity] = container
        container.on_remove = lambda: self._removed(container)
        return container

    def container(self, reference: str) -> Container | None:
        """By id, unique prefix of it, or the task's name."""
        if reference in self.containers:
            return self.containers[reference]
        name = reference.removeprefix("/")
        for container in self.containers.values():
            if container.task.name == name:
                return container
        found = [c for key, c in self.containers.items() if reference and key.startswith(reference)]
        return found[0] if len(found) == 1 else None

    def _context(self, task: Task, service: Service) -> Mapping[str, str]:
        node = (self._around.node_id, self._around.node_name)
        machine = (os.uname().machine, os.uname().sysname.lower())
        return templates.context(task, node, machine, dict(service.spec.labels))

    def _mount(self, mount: Mount, made: Recipe, home: Path) -> Mounted:
        mounted = self.volumes.mount(mount, made, home)
        if mount.type == "volume":
            self._around.volume(mounted.mount)
        return mounted

    def _removed(self, container: Container) -> None:
        """Its anonymous volumes go with it."""
        self.containers.pop(container.id, None)
        for wanted, mount in zip(container.task.spec.mounts, container.mounts, strict=False):
            if mount.type == "volume" and not wanted.source:
                self._around.discard(mount.source)

    def _root(self, made: Recipe, path: Path, mounts: list[tuple[str, str]]) -> Root:
        root = Root(path)
        if made.folder is not None:
            if not made.folder.is_dir():
                raise Rejected(f"No such image: {made.name}: its folder {made.folder} does not exist")
            root.image(made.workdir, made.folder, self._state / "bytecode" / made.name.replace("/", "_"))
            root.provide(made.workdir)
        for needed in made.folders:
            root.folder(needed)
        root.mounts((*made.layout, *mounts))
        return root


def _placed(word: str, made: Recipe, links: Links) -> str:
    """`{address}` and `{port}`: where the task is here, for what is not Python."""
    if "{" not in word:
        return word
    port = links.place.port(made.expose[0]) if made.expose else 0
    return word.replace("{address}", links.place.host).replace("{port}", str(port))


def _marks(task: Task, links: Links, hostname: str, around: Surroundings, state: str) -> dict[str, str]:
    """The EMULATOR_* variables of a task."""
    real = links.source or links.place.host
    return {
        "EMULATOR_TASK": task.id,
        "EMULATOR_TASK_ADDRESS": real,
        "EMULATOR_CONTAINER_ADDRESS": links.address or "",
        "EMULATOR_HOSTNAME": hostname,
        "EMULATOR_READY": around.ready,
        "EMULATOR_HOSTS": "\n".join(task.spec.hosts),
        "EMULATOR_PORTS": ",".join(f"{port}={real}" for port, real in links.place.ports),
        "EMULATOR_TABLES": os.pathsep.join(links.tables),
        "EMULATOR_SUBNETS": ",".join(f"{subnet}={base}" for subnet, base in links.subnets),
        "EMULATOR_LIVETABLE": livetable.__file__,
        STATE_MARK: state,
        MARK: around.run,
    }


def _write_namespace(home: Path, hostname: str, root: Root, links: Links, settings: Settings) -> Path:
    listen: dict[str, list[list[object]]] = {}
    for port, host, number in links.listen:
        listen.setdefault(str(port), []).append([host, number])
    description = {
        "hostname": hostname,
        "address": links.address,
        "source": links.source,
        "mounts": root.links(),
        "listen": listen,
        "ports": dict(links.place.ports),
        "client": links.client,
        "retry": settings.emulator.endpoints == "listening",
        "tables": links.tables,
        "rotation": dict(links.rotations),
    }
    file = home / "namespace.json"
    file.write_text(json.dumps(description))
    return file


def _expanded(task: Task, known: Mapping[str, str]) -> templates.Expanded:
    try:
        return templates.expand_spec(task.spec, known)
    except templates.BadTemplate as error:
        raise Rejected(str(error)) from None


def _check(task: Task, command: tuple[str, ...]) -> None:
    """What Docker finds out only when it creates the container."""
    if not command:
        raise Rejected("No command specified")
    try:
        signals.number(task.spec.stop_signal or "SIGTERM")
    except ValueError as error:
        raise Rejected(str(error)) from None
