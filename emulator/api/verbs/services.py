"""`docker service` and what lists its tasks."""

from __future__ import annotations

from aiohttp import web

from ...swarm.errors import not_found
from ...swarm.model import Service, ServiceSpec
from .. import asking, filters, localnetworks, schema, specread
from ..asking import answer
from ..rules import check_service
from ..specshape import JSON
from ..world import World


class Services:
    """Handlers for /services and /tasks."""

    def __init__(self, world: World) -> None:
        self._world, self._store = world, world.store

    def rows(self) -> list[asking.Row]:
        return [
            ("GET", "/services", self.list),
            ("POST", "/services/create", self.create),
            ("GET", "/services/{name}", self.inspect),
            ("DELETE", "/services/{name}", self.remove),
            ("POST", "/services/{name}/update", self.update),
            ("GET", "/tasks", self.tasks),
            ("GET", "/tasks/{name}", self.task),
        ]

    async def list(self, request: web.Request) -> web.Response:
        asking.manager(self._world)
        wanted = filters.read(request.query.get("filters"), status=400)
        found = filters.services(sorted(self._store.services.values()), wanted)
        with_status = asking.flag(request, "status")
        return answer([self._shape(thing, with_status) for thing in found])

    async def create(self, request: web.Request) -> web.Response:
        spec = await self._spec(request)
        made = self._world.control.create_service(spec)
        return answer({"ID": made.id}, 201)

    async def inspect(self, request: web.Request) -> web.Response:
        asking.manager(self._world)
        defaults = asking.flag(request, "insertDefaults")
        return answer(schema.service(self._found(request), self._store, defaults=defaults))

    async def update(self, request: web.Request) -> web.Response:
        """With `rollback=previous` the body has to be one, and is not looked at."""
        asking.manager(self._world)
        version = asking.version(request, "service")
        if request.query.get("rollback") == "previous":
            await asking.body(request, "swarm.ServiceSpec")
            self._world.control.rollback_service(self._found(request).id, version)
        else:
            spec = await self._spec(request)
            self._world.control.update_service(self._found(request).id, spec, version)
        return answer({"Warnings": None})

    async def remove(self, request: web.Request) -> web.Response:
        asking.manager(self._world)
        self._world.control.remove_service(self._found(request).id)
        return asking.done(200)

    async def tasks(self, request: web.Request) -> web.Response:
        asking.manager(self._world)
        wanted = filters.tasks_wanted(filters.read(request.query.get("filters")), self._world)
        found = filters.tasks(sorted(self._store.tasks.values()), wanted, self._store)
        return answer([schema.task(thing, self._store) for thing in found])

    async def task(self, request: web.Request) -> web.Response:
        asking.manager(self._world)
        name = asking.name(request)
        thing = filters.one(self._store.tasks, name, "task")
        return answer(schema.task(thing, self._store))

    async def _spec(self, request: web.Request) -> ServiceSpec:
        found = await asking.body(request, "swarm.ServiceSpec")
        asking.manager(self._world)
        spec = specread.service_spec(found, self._store, localnetworks.names(self._store))
        check_service(spec)
        return spec

    def _shape(self, thing: Service, with_status: bool) -> JSON:
        shape = schema.service(thing, self._store)
        if with_status:
            shape["ServiceStatus"] = schema.service_status(thing, self._store)
        return shape

    def _found(self, request: web.Request) -> Service:
        name = asking.name(request)
        if not name:
            raise not_found("service", name)
        return filters.one(self._store.services, name, "service")
