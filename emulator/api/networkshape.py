"""Networks of the swarm as Docker's JSON: as listed, inspected and as a task carries them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..swarm.model import Attachment, Network, Task
from ..swarm.network import INGRESS_NODE, parse
from ..swarm.store import Store
from .localnetworks import INGRESS, PREDEFINED, digest, endpoint_id, ingress, local_id, mac
from .specshape import JSON
from .times import moment
from .world import Container

_VXLAN = "com.docker.network.driver.overlay.vxlanid_list"
_FIRST_VXLAN = 4096


def network_id(name: str, store: Store) -> str:
    """A network's id, or its name where there is none of this name."""
    thing = find(name, store)
    return thing.id if thing else local_id(name) if name in PREDEFINED else name


def find(name: str, store: Store) -> Network | None:
    return store.network(name) or (ingress(store) if name == INGRESS else None)


def by_reference(reference: str, store: Store) -> Network | None:
    """The store's, or ingress where the store has none, by name or the beginning of its id."""
    known, own = store.network(reference), ingress(store)
    if known is not None or own is None or not reference:
        return known
    return own if own.name == reference or own.id.startswith(reference) else None


def everything(store: Store) -> list[Network]:
    """As memdb lists them: by id."""
    own = ingress(store)
    found = {**store.networks, **({own.id: own} if own else {})}
    return [found[key] for key in sorted(found)]


def cidr(link: Attachment, store: Store) -> str:
    thing = find(link.network, store)
    prefix = bin(parse(thing.subnet)[1]).count("1") if thing and thing.subnet else 24
    return f"{link.address}/{prefix}"


def shape(thing: Network, store: Store, containers: Mapping[str, Container]) -> JSON:
    """What `docker network inspect` shows; once a task runs there it is a network of this machine, too."""
    members = _members(thing, store.tasks.values(), containers)
    here = bool(members)
    options = _options(thing, store) if thing.subnet else None
    made: JSON = {
        "Name": thing.name,
        "Id": thing.id,
        "Created": moment(thing.created_at),
        "Scope": "swarm",
        "Driver": thing.driver if thing.subnet else "",
        "EnableIPv6": False,
        "IPAM": {
            "Driver": "default" if thing.subnet else "",
            "Options": None,
            "Config": [_ipam(thing)] if thing.subnet else None,
        },
        "Internal": thing.internal,
        "Attachable": thing.attachable,
        "Ingress": thing.name == INGRESS,
        "ConfigFrom": {"Network": ""},
        "ConfigOnly": False,
        "Containers": members or None,
        "Options": options,
        "Labels": dict(thing.labels) if here or thing.labels else None,
    }
    if here:
        made["Peers"] = [{"Name": digest("peer")[:12], "IP": _address(store)}]
    return made


def services(thing: Network, store: Store) -> JSON:
    """What `--verbose` adds: each service with its VIP and the tasks behind it."""
    made: JSON = {}
    for service in store.services.values():
        if thing.name not in service.spec.task.networks:
            continue
        vip = next((link.address for link in service.vips if link.network == thing.name), "")
        tasks = [
            {
                "Name": task.name,
                "EndpointID": endpoint_id(task.container_id, thing.name),
                "EndpointIP": link.address,
                "Info": {"Host IP": _address(store)},
            }
            for task in store.tasks_of(service.id)
            for link in task.attachments
            if link.network == thing.name and task.container_id and not task.state.is_final
        ]
        made[service.name] = {"VIP": vip, "Ports": [], "LocalLBIndex": 257 + len(made), "Tasks": tasks}
    return made


def carried(link: Attachment, store: Store) -> JSON | None:
    """One of a task's NetworksAttachments."""
    thing = find(link.network, store)
    if thing is None:
        return None
    ipam: JSON = {"Driver": {"Name": "default"}, "Configs": [_ipam(thing)]}
    spec: JSON = {"Name": thing.name, "Labels": dict(thing.labels)}
    if thing.name == INGRESS:
        spec |= {"DriverConfiguration": {}, "Ingress": True, "IPAMOptions": {"Driver": {}}}
    else:
        spec |= {"DriverConfiguration": {"Name": thing.driver}, "IPAMOptions": ipam}
    network: JSON = {
        "ID": thing.id,
        "Version": {"Index": thing.version},
        "CreatedAt": moment(thing.created_at),
        "UpdatedAt": moment(thing.updated_at or thing.created_at),
        "Spec": {**spec, "Scope": "swarm"},
        "DriverState": {"Name": thing.driver, "Options": _options(thing, store)},
        "IPAMOptions": ipam,
    }
    return {"Network": network, "Addresses": [cidr(link, store)]}


def _members(thing: Network, tasks: Iterable[Task], containers: Mapping[str, Container]) -> JSON:
    prefix = thing.subnet.partition("/")[2]
    members = {
        task.container_id: _member(task.name, task.container_id, thing.name, link.address, prefix)
        for task in tasks
        for link in task.attachments
        if link.network == thing.name and task.container_id in containers and not task.state.is_final
    }
    if thing.name == INGRESS:
        name = "ingress-endpoint"
        members["ingress-sbox"] = _member(name, "ingress-sbox", INGRESS, INGRESS_NODE, prefix)
    elif thing.endpoint and members:
        name = f"lb-{thing.name}"
        members[name] = _member(f"{thing.name}-endpoint", name, thing.name, thing.endpoint, prefix)
    return members


def _member(name: str, identity: str, network: str, address: str, prefix: str) -> JSON:
    return {
        "Name": name,
        "EndpointID": endpoint_id(identity, network),
        "MacAddress": mac(address),
        "IPv4Address": f"{address}/{prefix}",
        "IPv6Address": "",
    }


def _options(thing: Network, store: Store) -> JSON:
    """Docker numbers overlays as they are made; ingress is the first."""
    earlier = [known for known in store.networks.values() if known.created_at < thing.created_at]
    number = _FIRST_VXLAN + (0 if thing.name == INGRESS else 1 + len(earlier))
    return {_VXLAN: str(number)} | dict(thing.options)


def _ipam(thing: Network) -> JSON:
    made = {"Subnet": thing.subnet}
    if thing.ip_range:
        made["IPRange"] = thing.ip_range
    return {**made, "Gateway": thing.gateway}


def _address(store: Store) -> str:
    return next((node.address for node in store.nodes.values()), "127.0.0.1")
