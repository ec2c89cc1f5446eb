"""`docker network`."""

from __future__ import annotations

import ipaddress
from typing import Any

from aiohttp import web

from ...swarm.errors import SwarmError, not_found, refused
from ...swarm.membership import NO_MANAGER
from ...swarm.model import Network, NetworkSpec
from ...swarm.network import BRIDGE
from .. import asking, filters, localnetworks, networkshape
from ..asking import answer
from ..body import Part
from ..rules import check_name
from ..specshape import JSON
from ..times import moment
from ..world import World

_LOCAL_DRIVERS = ("bridge", "host", "null", "macvlan", "ipvlan")


class Networks:
    """Handlers for /networks."""

    def __init__(self, world: World) -> None:
        self._world, self._store = world, world.store
        self._since = world.loop.time()

    def rows(self) -> list[asking.Row]:
        return [
            ("GET", "/networks", self.list),
            ("POST", "/networks/create", self.create),
            ("POST", "/networks/prune", self.prune),
            ("GET", "/networks/{name}", self.inspect),
            ("DELETE", "/networks/{name}", self.remove),
            ("POST", "/networks/{name}/connect", self.connect),
            ("POST", "/networks/{name}/disconnect", self.connect),
        ]

    async def list(self, request: web.Request) -> web.Response:
        wanted = filters.read(request.query.get("filters"))
        shown = [self._shape(thing) for thing in networkshape.everything(self._store)]
        for network in shown:
            network["Containers"] = None if network["Scope"] == "swarm" else {}
            network.pop("Peers", None)
        shown += [self._local(name) | {"Containers": {}} for name in self._names().values()]
        return answer(filters.networks(shown, wanted, self._used()))

    async def inspect(self, request: web.Request) -> web.Response:
        reference = asking.name(request)
        scope = request.query.get("scope", "")
        found = networkshape.by_reference(reference, self._store) if scope in ("", "swarm") else None
        if found is None:
            return answer(self._local(self._local_name(reference)))
        shape = self._shape(found)
        if asking.flag(request, "verbose"):
            shape["Services"] = networkshape.services(found, self._store)
        return answer(shape)

    async def create(self, request: web.Request) -> web.Response:
        body = await asking.body(request, "types.NetworkCreateRequest")
        driver, name = body.text("Driver") or "bridge", body.text("Name")
        if not name or name in self._names().values() or networkshape.find(name, self._store):
            raise SwarmError(409, f"network with name {name} already exists")
        if driver in _LOCAL_DRIVERS:
            instead = "make an overlay, which every service can join: --driver overlay"
            raise SwarmError(501, f"a network of the driver {driver} cannot be emulated: {instead}")
        if driver != "overlay":
            raise SwarmError(404, f'plugin "{driver}" not found')
        if body.text("Scope") == "local":
            raise SwarmError(403, "cannot downgrade network scope for overlay networks")
        if self._store.cluster is None:
            raise SwarmError(500, NO_MANAGER)
        if body.flag("Ingress"):
            words = f"ingress network ({localnetworks.ingress_id()}) is already present"
            raise refused("AlreadyExists", words)
        check_name(name)
        made = self._world.control.create_network(_spec(body))
        return answer({"Id": made.id, "Warning": ""}, 201)

    async def remove(self, request: web.Request) -> web.Response:
        reference = asking.name(request)
        found = networkshape.by_reference(reference, self._store)
        if found is None:
            name = self._local_name(reference)
            if name in localnetworks.PREDEFINED:
                raise SwarmError(403, f"{name} is a pre-defined network and cannot be removed")
            raise SwarmError(403, f"error while removing network: network {name} has active endpoints")
        if found.name == localnetworks.INGRESS:
            self._keep_ingress(found)
        self._world.control.remove_network(found.id)
        return asking.done()

    def _keep_ingress(self, network: Network) -> None:
        for service in self._store.services.values():
            if any(port.mode == "ingress" for port in service.spec.ports):
                words = f"ingress network cannot be removed because service {service.id} depends on it"
                raise refused("FailedPrecondition", words)
        words = f"ingress network {network.id} cannot be removed: the swarm here is never without one"
        raise refused("FailedPrecondition", words)

    async def prune(self, request: web.Request) -> web.Response:
        wanted = filters.read(request.query.get("filters"))
        keep = filters.kept(wanted, self._world.loop.time())
        if self._store.cluster is None:
            return answer({"NetworksDeleted": None})
        gone = self._world.control.prune_networks(
            lambda network: network.name == localnetworks.INGRESS or keep(network.labels, network.created_at)
        )
        return answer({"NetworksDeleted": [network.name for network in gone] or None})

    async def connect(self, request: web.Request) -> web.Response:
        """Only containers that somebody ran by hand can be moved, and there are none."""
        reference = (await asking.body(request, "types.NetworkConnect")).text("Container")
        if self._world.container(reference) is None:
            raise SwarmError(404, f"No such container: {reference}")
        words = "a task's networks cannot be changed: update its service (--network-add, --network-rm)"
        raise SwarmError(501, words)

    def _shape(self, thing: Network) -> JSON:
        return networkshape.shape(thing, self._store, self._world.containers)

    def _names(self) -> dict[str, str]:
        return localnetworks.names(self._store)

    def _local(self, name: str) -> JSON:
        return localnetworks.shape(name, moment(self._since), self._world.containers.values())

    def _local_name(self, reference: str) -> str:
        for identity, name in self._names().items():
            if reference == name or (len(reference) > 3 and identity.startswith(reference)):
                return name
        raise not_found("network", reference)

    def _used(self) -> set[str]:
        """Names of the networks that a service or container is on."""
        used = {name for service in self._store.services.values() for name in service.spec.task.networks}
        links = (link for thing in self._world.containers.values() for link in thing.links.attachments)
        return used | {link.network for link in links} | {BRIDGE}


def _spec(body: Part) -> NetworkSpec:
    """Docker takes a subnet with bits of a host; only what is no subnet at all is refused."""
    if body.flag("EnableIPv6"):
        raise SwarmError(501, "IPv6 cannot be emulated: the tasks' addresses are of 127.0.0.0/8")
    ipam = body.part("IPAM")
    driver = ipam.text("Driver", "default") if ipam else "default"
    if driver not in ("", "default"):
        raise SwarmError(501, f"the IPAM driver {driver} cannot be emulated: addresses are handed out here")
    configs = list(ipam.parts("Config")) if ipam else []
    if len(configs) > 1:
        raise SwarmError(501, "more than one subnet for a network cannot be emulated")
    config = configs[0] if configs else Part({}, "IPAMConfig")
    subnet, gateway, reach = config.text("Subnet"), config.text("Gateway"), config.text("IPRange")
    if subnet:
        _check_subnet(subnet)
    if reach:
        _check_range(reach, subnet)
    if gateway:
        _check_gateway(gateway, subnet)
    return NetworkSpec(
        name=body.text("Name"),
        driver="overlay",
        subnet=subnet,
        gateway=gateway,
        ip_range=reach,
        labels=body.pairs("Labels"),
        options=body.pairs("Options"),
        attachable=body.flag("Attachable"),
        internal=body.flag("Internal"),
    )


def _check_subnet(subnet: str) -> None:
    try:
        if "/" not in subnet:
            raise ValueError
        network: Any = ipaddress.ip_interface(subnet)
    except ValueError:
        raise SwarmError(500, f"Invalid subnet {subnet} : invalid CIDR address: {subnet}") from None
    if network.version == 6:
        raise SwarmError(501, "IPv6 cannot be emulated: the tasks' addresses are of 127.0.0.0/8")


def _check_gateway(gateway: str, subnet: str) -> None:
    try:
        inside = not subnet or ipaddress.ip_address(gateway) in ipaddress.ip_interface(subnet).network
    except ValueError:
        raise _ipam(f"invalid gateway {gateway}") from None
    if not inside:
        raise _ipam(f"subnet {subnet} does not contain gateway {gateway}")


def _check_range(reach: str, subnet: str) -> None:
    try:
        found = ipaddress.IPv4Interface(reach).network
    except ValueError:
        raise _ipam(f"invalid range {reach}") from None
    if subnet and not found.subnet_of(ipaddress.IPv4Interface(subnet).network):
        raise _ipam(f"subnet {subnet} does not contain range {reach}")


def _ipam(words: str) -> SwarmError:
    """As swarmkit's validateIPAMConfiguration refuses."""
    return refused("InvalidArgument", f"ipam configuration: {words}")
