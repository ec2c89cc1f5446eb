"""This node's part in a swarm: it founds one, is its manager, may leave (dockerd's cluster package)."""

from __future__ import annotations

from collections.abc import Callable

from .cluster import Cluster, found, rotated
from .errors import SwarmError
from .model import Node
from .store import Store

_MEMBER = (
    'This node is already part of a swarm. Use "docker swarm leave" to leave this swarm and join another one.'
)
_NO_MEMBER = "This node is not part of a swarm"
_LAST_MANAGER = (
    "You are attempting to leave the swarm on a node that is participating as a manager. Removing the last "
    "manager erases all current state of the swarm. Use `--force` to ignore this message. "
)
NO_MANAGER = (
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node '
    "to swarm and try again."
)


class Membership:
    """`node` is this machine as the swarm's only node; `erase` ends every task and removes every network."""

    def __init__(
        self, store: Store, node: Node, new_id: Callable[[], str], erase: Callable[[], None]
    ) -> None:
        self._store, self._node, self._new_id, self._erase = store, node, new_id, erase

    @property
    def cluster(self) -> Cluster | None:
        return self._store.cluster

    def init(self, spec: str = "{}") -> str:
        """Found a swarm; the id of this node in it."""
        if self.cluster is not None:
            raise SwarmError(503, _MEMBER)
        self._store.put(found(self._new_id(), spec), self._node)
        return self._node.id

    def leave(self, *, force: bool) -> None:
        """As its last manager: nothing of the swarm is left, and the volumes are."""
        cluster = self.cluster
        if cluster is None:
            raise SwarmError(503, _NO_MEMBER)
        if not force:
            raise SwarmError(503, _LAST_MANAGER)
        self._erase()
        self._store.remove(cluster, *self._store.nodes.values())

    def update(self, spec: str, *, rotate_worker: bool = False, rotate_manager: bool = False) -> None:
        cluster = self.cluster
        if cluster is None:
            raise SwarmError(503, NO_MANAGER)
        self._store.put(rotated(cluster, worker=rotate_worker, manager=rotate_manager)._replace(spec=spec))
