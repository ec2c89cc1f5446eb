"""Makes containers of tasks: the recipe of the image, its root, its environment, its process."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from .. import livetable
from ..settings import Mount, Settings
from ..swarm import templates
from ..swarm.agent import Rejected
from ..swarm.identity import container_id
from ..swarm.model import Service, Task
from ..swarm.networks import Links
from ..swarm.volumes import Stale, folder, seed_source
from .busy import taken
from .container import Container, Surroundings
from .environment import PACKAGE, SHIM, environment
from .guardian import MARK
from .images import NoSuchImage, Recipe, recipe
from .process import Command
from .root import Root
from .seed import seed

STATE_MARK = "EMULATOR_STATE"


class Runtime:
    """The only one: plain processes."""

    def __init__(self, settings: Settings, around: Surroundings) -> None:
        self._settings, self._around = settings, around
        self._state = settings.emulator.state
        self._recipes: dict[str, Recipe] = {}
        self._told: set[str] = set()
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
        made = self.recipe(task.spec.image)
        home = self._state / "tasks" / task.id
        identity = container_id()
        known = self._context(task, service)
        try:
            hostname = templates.expand(task.spec.hostname or identity[:12], known)
            mounts = [self._mount(mount, made, known) for mount in task.spec.mounts]
            wanted = {name: templates.expand(value, known) for name, value in (*made.env, *task.spec.env)}
        except templates.BadTemplate as error:
            raise Rejected(f"expanding env failed: {error}") from None
        for port in () if made.has_namespace else made.expose:
            if words := taken(links.place.host, links.place.port(port)):
                raise Rejected(f"cannot listen on {words}")
        root = self._root(made, home / "root", mounts)
        around = self._around
        marks = _marks(task, links, hostname, around, str(self._state))
        descriptors: tuple[int, ...] = ()
        if made.has_namespace:
            marks["EMULATOR_NAMESPACE"] = str(_write_namespace(home, hostname, root, links, self._settings))
            descriptors = tuple(descriptor for _, descriptor in links.rotations)
        wanted = {name: root.translate(value) for name, value in wanted.items()}
        said = made.real(made.command(task.spec.command, task.spec.args))
        argv = tuple(root.translate(_placed(word, made, links)) for word in said)
        front = PACKAGE if made.has_namespace else SHIM
        env = environment(os.environ, hostname, wanted, marks, front)
        command = Command(argv, env, str(root.folder(made.workdir)), descriptors)
        container = Container(identity, hostname, task, made, links, command, home, around)
        self.containers[identity] = container
        container.on_remove = lambda: self.containers.pop(identity, None)
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

    def _mount(self, mount: Mount, made: Recipe, known: Mapping[str, str]) -> tuple[str, str]:
        """Container path and real path; a volume that is empty takes what the image has there."""
        source, target = templates.expand(mount.source, known), templates.expand(mount.target, known)
        if not target.startswith("/"):
            raise Rejected(f"invalid mount target, must be an absolute path: {target}")
        if mount.type == "bind":
            if not Path(source).exists():
                words = "bind source path does not exist"
                raise Rejected(f'invalid mount config for type "bind": {words}: {source}')
            return target, source
        real = folder(self._settings, source)
        real.mkdir(parents=True, exist_ok=True)
        record = self._state / "volumes" / f"{source}.seed.json"
        old = seed(source, real, seed_source(made.folder, made.workdir, target), record)
        if old is not None and source not in self._told:
            self._told.add(source)
            self._around.note(_words(old, real))
        return target, str(real)

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


def _words(old: Stale, real: Path) -> str:
    """As in Docker the volume keeps its first content, which there nobody tells."""
    more = f" and {len(old.files) - 1} more" if len(old.files) > 1 else ""
    return (
        f"volume {old.volume} still has the image's files of its first use; {old.files[0]}{more} "
        f"changed since (empty {real} to take the new ones)"
    )
