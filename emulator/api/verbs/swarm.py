"""`docker swarm` and `docker node`."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from ...swarm.errors import SwarmError
from ...swarm.model import Node
from .. import asking, filters
from .. import node as shapes
from ..asking import answer
from ..body import Part, bad
from ..world import World

_AVAILABILITIES = ("active", "pause", "drain")
_ALONE = "a swarm here has this machine as its only node"


class Swarm:
    """Handlers for /swarm and /nodes."""

    def __init__(self, world: World) -> None:
        self._world, self._store = world, world.store

    def rows(self) -> list[asking.Row]:
        return [
            ("GET", "/swarm", self.inspect),
            ("POST", "/swarm/init", self.init),
            ("POST", "/swarm/join", self.join),
            ("POST", "/swarm/leave", self.leave),
            ("POST", "/swarm/update", self.update),
            ("GET", "/swarm/unlockkey", self.unlock_key),
            ("POST", "/swarm/unlock", self.unlock),
            ("GET", "/nodes", self.nodes),
            ("GET", "/nodes/{name}", self.node),
            ("DELETE", "/nodes/{name}", self.remove_node),
            ("POST", "/nodes/{name}/update", self.update_node),
        ]

    async def inspect(self, request: web.Request) -> web.Response:
        asking.manager(self._world)
        assert self._store.cluster is not None
        return answer(shapes.swarm(self._store.cluster))

    async def init(self, request: web.Request) -> web.Response:
        body = await asking.body(request, "swarm.InitRequest")
        if body.flag("AutoLockManagers"):
            raise SwarmError(501, "autolock cannot be emulated: there is no raft log to encrypt")
        spec = body.part("Spec") or Part({}, "Spec")
        return answer(self._world.swarm.init(json.dumps(_settings(spec.fields))))

    async def join(self, request: web.Request) -> web.Response:
        await asking.body(request, "swarm.JoinRequest")
        if self._store.cluster is not None:
            leave = 'Use "docker swarm leave" to leave this swarm and join another one.'
            raise SwarmError(503, f"This node is already part of a swarm. {leave}")
        raise SwarmError(501, f"joining a swarm cannot be emulated: {_ALONE} (docker swarm init)")

    async def leave(self, request: web.Request) -> web.Response:
        self._world.swarm.leave(force=asking.flag(request, "force"))
        return asking.done(200)

    async def update(self, request: web.Request) -> web.Response:
        """The whole spec again, and new tokens where they are asked for."""
        body = await asking.body(request, "swarm.Spec")
        version = asking.version(request, "swarm")
        asking.manager(self._world)
        cluster = self._store.cluster
        assert cluster is not None
        if version != cluster.version:
            raise SwarmError(500, "rpc error: code = Unknown desc = update out of sequence")
        encryption = body.part("EncryptionConfig")
        if encryption is not None and encryption.flag("AutoLockManagers"):
            raise SwarmError(501, "autolock cannot be emulated: there is no raft log to encrypt")
        self._world.swarm.update(
            json.dumps(_settings(body.fields)),
            rotate_worker=asking.flag(request, "rotateWorkerToken"),
            rotate_manager=asking.flag(request, "rotateManagerToken"),
        )
        return asking.done(200)

    async def unlock_key(self, request: web.Request) -> web.Response:
        asking.manager(self._world)
        return answer({"UnlockKey": ""})

    async def unlock(self, request: web.Request) -> web.Response:
        if self._store.cluster is None:
            raise SwarmError(503, "This node is not part of a swarm")
        raise SwarmError(409, "swarm is not locked")

    async def nodes(self, request: web.Request) -> web.Response:
        asking.manager(self._world)
        wanted = filters.read(request.query.get("filters"))
        found = filters.nodes(self._store.nodes.values(), wanted)
        return answer([shapes.node(thing) for thing in found])

    async def node(self, request: web.Request) -> web.Response:
        return answer(shapes.node(self._found(request)))

    async def update_node(self, request: web.Request) -> web.Response:
        body = await asking.body(request, "swarm.NodeSpec")
        version = asking.version(request, "node")
        asking.manager(self._world)
        role, availability = body.text("Role"), body.text("Availability")
        if role not in ("manager", "worker"):
            raise bad(f'invalid Role: "{role}"')
        if availability not in _AVAILABILITIES:
            raise bad(f'invalid Availability: "{availability}"')
        known = self._found(request)
        if role == "worker":
            words = "attempting to demote the last manager of the swarm"
            raise SwarmError(400, f"rpc error: code = FailedPrecondition desc = {words}")
        changed = known._replace(labels=body.pairs("Labels"), availability=availability)
        self._world.control.update_node(known.id, changed, version)
        return asking.done(200)

    async def remove_node(self, request: web.Request) -> web.Response:
        known = self._found(request)
        manager = "is a cluster manager and is a member of the raft cluster"
        words = f"node {known.id} {manager}. It must be demoted to worker before removal"
        raise SwarmError(400, f"rpc error: code = FailedPrecondition desc = {words}")

    def _found(self, request: web.Request) -> Node:
        asking.manager(self._world)
        return filters.one(self._store.nodes, asking.name(request), "node")


def _settings(spec: Any) -> dict[str, Any]:
    """What was said in a SwarmSpec; what was left empty is Docker's default."""
    return {key: found for key, found in spec.items() if found not in (None, {}, "")}
