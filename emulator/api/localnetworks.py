"""Networks that every engine has beside the swarm's own: bridge, host, none, and the gateway of the tasks.

They are made up from what there is: no packet goes through them here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from ..swarm.model import Attachment, Network
from ..swarm.network import BRIDGE, BRIDGE_GATEWAY, BRIDGE_SUBNET, INGRESS_SUBNET, Pool
from ..swarm.store import Store
from .specshape import JSON
from .world import Container

INGRESS = "ingress"
DEFAULT = "bridge"
PREDEFINED = (DEFAULT, "none", "host")
_DRIVERS = {"bridge": "bridge", "none": "null", "host": "host", BRIDGE: "bridge"}
_BRIDGE = "com.docker.network.bridge"
_OPTIONS = {
    "bridge": {
        f"{_BRIDGE}.default_bridge": "true",
        f"{_BRIDGE}.enable_icc": "true",
        f"{_BRIDGE}.enable_ip_masquerade": "true",
        f"{_BRIDGE}.host_binding_ipv4": "0.0.0.0",
        f"{_BRIDGE}.name": "docker0",
        "com.docker.network.driver.mtu": "1500",
    },
    BRIDGE: {
        f"{_BRIDGE}.enable_icc": "false",
        f"{_BRIDGE}.enable_ip_masquerade": "true",
        f"{_BRIDGE}.name": BRIDGE,
    },
}
_SUBNETS = {
    "bridge": [{"Subnet": "172.17.0.0/16", "Gateway": "172.17.0.1"}],
    BRIDGE: [{"Subnet": BRIDGE_SUBNET, "Gateway": BRIDGE_GATEWAY}],
}
_DEFAULT_BRIDGE, DEFAULT_GATEWAY = "172.17.", "172.17.0.1"
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def digest(text: str) -> str:
    """64 hexadecimal digits that are always the same for a text."""
    return hashlib.sha256(text.encode()).hexdigest()


def local_id(name: str) -> str:
    return digest(f"network {name}")


def names(store: Store) -> dict[str, str]:
    """Id and name of what is there without a swarm object."""
    there = (*PREDEFINED, BRIDGE) if store.cluster else PREDEFINED
    return {local_id(name): name for name in there}


def ingress(store: Store) -> Network | None:
    """The swarm's ingress network: made with the swarm, not by anybody's verb."""
    known = store.network(INGRESS)
    if known is not None or store.cluster is None:
        return known
    return Network(
        id=ingress_id(),
        name=INGRESS,
        driver="overlay",
        subnet=INGRESS_SUBNET,
        gateway=Pool(INGRESS_SUBNET).gateway,
        version=store.cluster.version,
        created_at=store.cluster.created_at,
    )


def ingress_id() -> str:
    number, characters = int(digest("network ingress"), 16), []
    for _ in range(25):
        number, digit = divmod(number, 36)
        characters.append(_DIGITS[digit])
    return "".join(characters)


def legs(attachments: Iterable[Attachment]) -> list[Attachment]:
    """A container's networks as Docker has them: one without a swarm's network is on the default bridge."""
    links = list(attachments)
    own = [link for link in links if link.network != BRIDGE]
    return own or [Attachment(DEFAULT, _DEFAULT_BRIDGE + link.address.split(".", 2)[2]) for link in links]


def shape(name: str, created: str, containers: Iterable[Container]) -> JSON:
    """One of them as Docker's JSON; its members are the containers that have a leg there."""
    return {
        "Name": name,
        "Id": local_id(name),
        "Created": created,
        "Scope": "local",
        "Driver": _DRIVERS[name],
        "EnableIPv6": False,
        "IPAM": {"Driver": "default", "Options": None, "Config": _SUBNETS.get(name, [])},
        "Internal": False,
        "Attachable": False,
        "Ingress": False,
        "ConfigFrom": {"Network": ""},
        "ConfigOnly": False,
        "Containers": _members(name, containers),
        "Options": _OPTIONS.get(name, {}),
        "Labels": {},
    }


def _members(name: str, containers: Iterable[Container]) -> JSON:
    there = sorted((thing for thing in containers if thing.running), key=lambda each: each.created)
    if name == BRIDGE:
        return _gateways(thing for thing in there if not _on_default_bridge(thing))
    if name != DEFAULT:
        return {}
    return {
        thing.id: _leg(thing.id, thing.task.name, legs(thing.links.attachments)[0].address, DEFAULT)
        for thing in there
        if _on_default_bridge(thing)
    }


def _on_default_bridge(thing: Container) -> bool:
    return any(link.network == DEFAULT for link in legs(thing.links.attachments))


def _gateways(containers: Iterable[Container]) -> JSON:
    """The leg of each container, in the order of their making."""
    pool = Pool(BRIDGE_SUBNET)
    made = {"ingress-sbox": _leg("ingress-sbox", "gateway_ingress-sbox", pool.take(), BRIDGE)}
    for thing in containers:
        if thing.links.attachments:
            made[thing.id] = _leg(thing.id, f"gateway_{digest(thing.id)[:12]}", pool.take(), BRIDGE)
    return made


def _leg(identity: str, name: str, address: str, network: str) -> JSON:
    return {
        "Name": name,
        "EndpointID": endpoint_id(identity, network),
        "MacAddress": mac(address),
        "IPv4Address": f"{address}/16",
        "IPv6Address": "",
    }


def endpoint_id(container: str, network: str) -> str:
    return digest(f"endpoint {container} {network}")


def mac(address: str) -> str:
    return "02:42:" + ":".join(f"{int(octet):02x}" for octet in address.split("."))
