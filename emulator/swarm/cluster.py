"""The swarm itself as an object: what `swarm init` makes and `swarm leave` forgets.

A store without one belongs to an engine whose node is in no swarm, as dockerd's before `swarm init`.
"""

from __future__ import annotations

from typing import NamedTuple

from .identity import digits


class Cluster(NamedTuple):
    """swarmkit's Cluster; `spec` is Docker's SwarmSpec as JSON, shown as it came."""

    id: str
    worker_token: str
    manager_token: str
    spec: str = "{}"
    version: int = 0
    created_at: float = 0.0
    updated_at: float = 0.0

    @property
    def name(self) -> str:
        return "default"


def token(digest: str) -> str:
    """A join token: the digest of the swarm's CA and a secret, as swarmkit's ca.GenerateJoinToken."""
    return f"SWMTKN-1-{digest}-{digits(25)}"


def found(identity: str, spec: str) -> Cluster:
    """A new swarm; its two tokens share the digest."""
    digest = digits(50)
    return Cluster(identity, token(digest), token(digest), spec)


def rotated(cluster: Cluster, *, worker: bool, manager: bool) -> Cluster:
    """With new tokens of the kinds that are asked for."""
    digest = cluster.worker_token.split("-")[2]
    if worker:
        cluster = cluster._replace(worker_token=token(digest))
    if manager:
        cluster = cluster._replace(manager_token=token(digest))
    return cluster
