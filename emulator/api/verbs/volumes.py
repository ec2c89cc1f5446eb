"""`docker volume`."""

from __future__ import annotations

import shutil

from aiohttp import web

from ...swarm.errors import SwarmError
from ...swarm.identity import container_id
from ...swarm.model import Volume
from ...swarm.volumes import folder, state_folder
from .. import asking, filters, schema
from ..asking import answer
from ..body import bad
from ..rules import check_volume_name
from ..world import World


class Volumes:
    """Handlers for /volumes; a volume's folder goes with it."""

    def __init__(self, world: World) -> None:
        self._world, self._store = world, world.store

    def rows(self) -> list[asking.Row]:
        return [
            ("GET", "/volumes", self.list),
            ("POST", "/volumes/create", self.create),
            ("POST", "/volumes/prune", self.prune),
            ("GET", "/volumes/{name}", self.inspect),
            ("DELETE", "/volumes/{name}", self.remove),
        ]

    async def list(self, request: web.Request) -> web.Response:
        try:
            wanted = filters.read(request.query.get("filters"))
        except SwarmError as error:
            raise bad(f"error reading volume filters: {error}") from None
        users = {name: self._world.control.volume_users(name) for name in self._store.volumes}
        found = filters.volumes(self._store.volumes.values(), wanted, users)
        return answer({"Volumes": [schema.volume(thing) for thing in found], "Warnings": None})

    async def create(self, request: web.Request) -> web.Response:
        body = await asking.body(request, "volume.VolumeCreateBody")
        driver, name = body.text("Driver") or "local", body.text("Name") or container_id()
        if driver != "local":
            words = f'create {name}: error looking up volume plugin {driver}: plugin "{driver}" not found'
            raise SwarmError(404, words)
        options = body.pairs("DriverOpts")
        if name not in self._store.volumes:
            check_volume_name(name)
            if options:
                instead = "mount a folder of this machine instead: --mount type=bind"
                raise SwarmError(501, f"options of the local driver cannot be emulated: {instead}")
        labels = body.pairs("Labels") if "Labels" in body else None
        place = folder(self._world.settings, name)
        place.mkdir(parents=True, exist_ok=True)
        made = self._world.control.create_volume(name, str(place), labels)
        return answer(schema.volume(made), 201)

    async def inspect(self, request: web.Request) -> web.Response:
        name = asking.name(request)
        if name not in self._store.volumes:
            raise SwarmError(404, f"get {name}: no such volume")
        return answer(schema.volume(self._store.volumes[name]))

    async def remove(self, request: web.Request) -> web.Response:
        gone = self._world.control.remove_volume(asking.name(request), force=asking.flag(request, "force"))
        if gone is not None:
            self._clear(gone)
        return asking.done()

    async def prune(self, request: web.Request) -> web.Response:
        """Those that no container has, past ones included."""
        keep = filters.kept(filters.read(request.query.get("filters")), self._world.loop.time())
        gone, size = [], 0
        for name, thing in tuple(self._store.volumes.items()):
            if keep(thing.labels or (), thing.created_at) or self._world.control.volume_users(name):
                continue
            self._world.control.remove_volume(name)
            size += self._clear(thing)
            gone.append(name)
        return answer({"VolumesDeleted": gone or None, "SpaceReclaimed": size})

    def _clear(self, volume: Volume) -> int:
        """The octets of its files, which are gone; a folder that config.toml names is the user's own."""
        settings = self._world.settings
        place = folder(settings, volume.name)
        own = state_folder(settings.root / settings.emulator.state, volume.name)
        if place != own or not place.is_dir():
            return 0
        size = sum(found.lstat().st_size for found in place.rglob("*") if not found.is_dir())
        shutil.rmtree(place.parent, ignore_errors=True)
        place.parent.with_name(f"{volume.name}.seed.json").unlink(missing_ok=True)
        return size
