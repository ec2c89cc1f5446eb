"""The verbs on the swarm's objects: the only door for settings and the API."""

from __future__ import annotations

from collections.abc import Callable

from .. import settings as described
from .model import Network, Service, ServiceSpec, TaskSpec, Volume
from .network import Pool, next_subnet
from .networks import Networks
from .store import Store


class Control:
    """Makes objects; what tasks they need is the orchestrator's affair."""

    def __init__(self, store: Store, networks: Networks, new_id: Callable[[], str]) -> None:
        self._store, self._networks, self._new_id = store, networks, new_id

    def create_network(self, network: described.Network) -> Network:
        used = [known.subnet for known in self._store.networks.values()]
        subnet = network.subnet or next_subnet(used)
        made = Network(self._new_id(), network.name, network.driver, subnet, Pool(subnet).gateway)
        self._networks.create(made)
        self._store.put(made)
        return made

    def create_volume(self, name: str, mountpoint: str) -> Volume:
        made = Volume(name, mountpoint)
        self._store.put(made)
        return made

    def create_service(self, service: described.Service, ports: tuple[described.Port, ...]) -> Service:
        """`ports` are the service's own as they are really published."""
        made = Service(self._new_id(), specification(service), ports=ports)
        made = made._replace(vips=self._networks.serve(made))
        self._store.put(made)
        return self._store.services[made.id]


def specification(service: described.Service) -> ServiceSpec:
    """The service of a config.toml as Docker's spec."""
    task = TaskSpec(
        image=service.image,
        command=service.command,
        env=service.env,
        hostname=service.hostname,
        networks=service.networks,
        mounts=service.mounts,
        restart=service.restart_policy,
        stop_grace_period=service.stop_grace_period,
        stop_signal=service.stop_signal,
    )
    return ServiceSpec(service.name, task, service.replicas, service.ports, service.endpoint_mode)
