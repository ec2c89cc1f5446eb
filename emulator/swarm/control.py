"""The verbs on the swarm's objects: the only door for settings and the API.

What Docker refuses is raised as a SwarmError with Docker's status and words; what has been refused has
changed nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..settings import Port
from .errors import SwarmError, not_found, refused
from .model import (
    Network,
    NetworkSpec,
    Node,
    Pairs,
    Service,
    ServiceSpec,
    UpdateState,
    UpdateStatus,
    Volume,
)
from .network import Pool, next_subnet, overlap
from .networks import Networks
from .publishing import check_ports, published
from .store import Store


class Control:
    """Makes objects; what tasks they need is the orchestrator's affair."""

    def __init__(self, store: Store, networks: Networks, new_id: Callable[[], str]) -> None:
        self._store, self._networks, self._new_id = store, networks, new_id

    def create_network(self, spec: NetworkSpec) -> Network:
        if any(known.name == spec.name for known in self._store.networks.values()):
            raise SwarmError(409, f"network with name {spec.name} already exists")
        used = [known.subnet for known in self._store.networks.values() if known.subnet]
        subnet = spec.subnet or next_subnet(used)
        if any(overlap(subnet, other) for other in used):
            return self._unallocated(spec)
        made = Network(
            id=self._new_id(),
            name=spec.name,
            driver=spec.driver,
            subnet=subnet,
            gateway=spec.gateway or Pool(subnet).gateway,
            labels=spec.labels,
            options=spec.options,
            attachable=spec.attachable,
            internal=spec.internal,
            ip_range=spec.ip_range,
        )
        self._networks.create(made)
        self._store.put(made)
        return self._store.networks[made.id]

    def _unallocated(self, spec: NetworkSpec) -> Network:
        """As in Docker: a subnet that another has makes a network without one, whose tasks stay new."""
        made = Network(
            self._new_id(), spec.name, spec.driver, "", "", labels=spec.labels, options=spec.options
        )
        self._store.put(made._replace(attachable=spec.attachable, internal=spec.internal))
        return self._store.networks[made.id]

    def remove_network(self, reference: str) -> Network:
        network = self._store.network(reference)
        if network is None:
            raise not_found("network", reference)
        user = next(self._users(network), None)
        if user is not None:
            words = f"network {network.id} is in use by service {user.id}"
            raise refused("FailedPrecondition", words)
        tasks = (task for task in self._store.tasks.values() if network.name in task.spec.networks)
        busy = next((task for task in tasks if task.is_up), None)
        if busy is not None:
            raise refused("FailedPrecondition", f"network {network.id} is in use by task {busy.id}")
        self._networks.remove(network)
        self._store.remove(network)
        return network

    def prune_networks(self, keep: Callable[[Network], bool] = lambda network: False) -> list[Network]:
        """Remove what no service is on; `keep` says which of them stay."""
        idle = [network for network in self._store.networks.values() if not keep(network)]
        return [self.remove_network(n.id) for n in idle if self._is_idle(n)]

    def create_volume(
        self, name: str, mountpoint: str, labels: Pairs | None = None, options: Pairs | None = None
    ) -> Volume:
        """The volume of this name; one that is there already stays as it is, as in Docker."""
        if name not in self._store.volumes:
            self._store.put(Volume(name, mountpoint, labels=labels, options=options))
        return self._store.volumes[name]

    def remove_volume(self, name: str, *, force: bool = False) -> Volume | None:
        """None: it was not there, and `force` had nothing against that."""
        volume = self._store.volumes.get(name)
        if volume is None:
            if force:
                return None
            raise SwarmError(404, f"get {name}: no such volume")
        users = self.volume_users(name)
        if users:
            raise SwarmError(409, f"remove {name}: volume is in use - [{', '.join(users)}]")
        self._store.remove(volume)
        return volume

    def volume_users(self, name: str) -> list[str]:
        """The containers that have it, those of past tasks included."""
        return [
            task.container_id
            for task in self._store.tasks.values()
            if task.container_id
            and any(m.type == "volume" and m.source == name for m in task.mounts or task.spec.mounts)
        ]

    def create_service(self, spec: ServiceSpec, ports: tuple[Port, ...] | None = None) -> Service:
        """`ports` are the service's own as they are really published, where that has been found out."""
        if any(known.name == spec.name for known in self._store.services.values()):
            words = f"name conflicts with an existing object: service {spec.name} already exists"
            raise refused("AlreadyExists", words)
        check_ports(spec, self._store.services.values())
        self._check_networks(spec)
        if ports is None:
            ports = published(spec.ports, self._store.services.values())
        made = Service(self._new_id(), spec, ports=ports)
        self._store.put(made._replace(vips=self._networks.serve(made)))
        return self._store.services[made.id]

    def update_service(self, reference: str, spec: ServiceSpec, version: int | None = None) -> Service:
        """The whole new spec, as Docker's clients send it; `version` is the one that they have read."""
        known = self._known(reference, version)
        if spec.name != known.spec.name:
            raise refused("Unimplemented", "renaming services is not supported")
        if spec.mode != known.spec.mode:
            raise refused("Unimplemented", "service mode change is not allowed")
        changed = known._replace(
            spec=spec,
            spec_version=known.version,
            previous_spec=known.spec,
            previous_spec_version=known.spec_version,
            update_status=None,
        )
        return self._change(changed)

    def rollback_service(self, reference: str, version: int | None = None) -> Service:
        """To the previous spec, which the present one then becomes (swarmkit's UpdateService)."""
        known = self._known(reference, version)
        if known.previous_spec is None:
            words = f"service {known.id} does not have a previous spec"
            raise refused("FailedPrecondition", words)
        status = UpdateStatus(UpdateState.ROLLBACK_STARTED, "manually requested rollback", self._store.now())
        changed = known._replace(
            spec=known.previous_spec,
            spec_version=known.previous_spec_version,
            previous_spec=known.spec,
            previous_spec_version=known.spec_version,
            update_status=status,
        )
        return self._change(changed)

    def scale_service(self, reference: str, replicas: int) -> Service:
        known = self._known(reference, None)
        if known.spec.mode != "replicated":
            raise SwarmError(400, "scale can only be used with replicated mode")
        return self.update_service(known.id, known.spec._replace(replicas=replicas))

    def remove_service(self, reference: str) -> Service:
        """The object goes at once, its tasks when they have ended."""
        known = self._known(reference, None)
        self._networks.withdraw(known)
        self._store.remove(known)
        return known

    def update_node(self, reference: str, node: Node, version: int | None = None) -> Node:
        """Labels and availability; a drained node has no tasks."""
        known = self._store.nodes.get(reference)
        if known is None:
            raise not_found("node", reference)
        if version is not None and version != known.version:
            raise refused("Unknown", "update out of sequence")
        self._store.put(known._replace(labels=node.labels, availability=node.availability))
        return self._store.nodes[known.id]

    def _known(self, reference: str, version: int | None) -> Service:
        known = self._store.service(reference)
        if known is None:
            raise not_found("service", reference)
        if version is not None and version != known.version:
            raise refused("Unknown", "update out of sequence")
        return known

    def refit(self, changed: Service) -> Service:
        """With the ports and the addresses that its spec asks for; what it has of them it keeps."""
        ports = published(changed.spec.ports, self._others(changed), changed.ports)
        changed = changed._replace(ports=ports)
        return changed._replace(vips=self._networks.serve(changed))

    def _change(self, changed: Service) -> Service:
        check_ports(changed.spec, self._others(changed))
        self._check_networks(changed.spec)
        self._store.put(self.refit(changed))
        return self._store.services[changed.id]

    def _others(self, service: Service) -> list[Service]:
        return [other for other in self._store.services.values() if other.id != service.id]

    def _check_networks(self, spec: ServiceSpec) -> None:
        for name in spec.task.networks:
            if self._store.network(name) is None:
                raise not_found("network", name)

    def _users(self, network: Network) -> Iterator[Service]:
        return (s for s in self._store.services.values() if network.name in s.spec.task.networks)

    def _is_idle(self, network: Network) -> bool:
        busy = any(network.name in task.spec.networks for task in self._store.tasks.values())
        return not busy and not any(self._users(network))
