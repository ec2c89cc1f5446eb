"""`network`: create, inspect, ls, prune, rm (docker/cli, cli/command/network/)."""

from __future__ import annotations

import ipaddress
import sys
from typing import Any

from emulator.cli.docker import tasks
from emulator.cli.docker.formats import Row, Sheet, listed
from emulator.cli.docker.inspect import inspecting
from emulator.cli.docker.pflag import Flag, Words
from emulator.cli.docker.servicespec import pairs
from emulator.cli.docker.units import go_time, labels, natural, short
from emulator.cli.docker.verb import (
    FILTER,
    FORMAT,
    INSPECT_FORMAT,
    NO_TRUNC,
    NONE,
    ONE,
    QUIET,
    SOME,
    TWO,
    Refused,
    Verb,
    path_of,
    said,
)
from emulator.client import Engine, EngineError

Object = dict[str, Any]

HEADS = {
    "ID": "NETWORK ID",
    "Name": "NAME",
    "Driver": "DRIVER",
    "Scope": "SCOPE",
    "IPv4": "IPV4",
    "IPv6": "IPV6",
    "Internal": "INTERNAL",
    "Labels": "LABELS",
    "CreatedAt": "CREATED AT",
}
SHEET = Sheet("{{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}", HEADS, "*network.networkContext")
INGRESS = (
    "WARNING! Before removing the routing-mesh network, make sure all the nodes in your swarm run the same"
    " docker engine version. Otherwise, removal may not be effective and functionality of newly create"
    " ingress networks will be impaired.\n"
)
PRUNED = "WARNING! This will remove all custom networks not used by at least one container.\n"


def create(engine: Engine, words: Words) -> int:
    wanted: Object = {
        "Name": words.rest[0],
        "Driver": words.get("driver", "bridge"),
        "Scope": words.get("scope", ""),
        "IPAM": {
            "Driver": words.get("ipam-driver", "default"),
            "Options": dict(words.get("ipam-opt", [])),
            "Config": pools(words),
        },
        "Internal": words.get("internal", False),
        "Attachable": words.get("attachable", False),
        "Ingress": words.get("ingress", False),
        "ConfigOnly": words.get("config-only", False),
        "ConfigFrom": {"Network": words.get("config-from")} if "config-from" in words else None,
        "Options": dict(words.get("opt", [])),
        "Labels": pairs(words.get("label", [])),
        "CheckDuplicate": True,
    }
    if "ipv6" in words:
        wanted["EnableIPv6"] = words.get("ipv6")
    answer = engine.post("/networks/create", wanted)
    if answer.get("Warning"):
        print(f"WARNING: {answer['Warning']}", file=sys.stderr)
    print(answer["Id"])
    return 0


def pools(words: Words) -> list[Object]:
    """As consolidateIpam: what is said of a subnet goes to the one that holds it."""
    found: list[Object] = [{"Subnet": subnet} for subnet in words.get("subnet", [])]
    for flag, key, what in (("ip-range", "IPRange", "range"), ("gateway", "Gateway", "gateway")):
        for text in words.get(flag, []):
            pool = next((one for one in found if _holds(one["Subnet"], text)), None)
            if pool is None:
                raise Refused(f"no matching subnet for {what} {text}")
            pool[key] = text
    for name, text in words.get("aux-address", []):
        pool = next((one for one in found if _holds(one["Subnet"], text)), None)
        if pool is None:
            raise Refused(f"no matching subnet for aux-address {text}")
        pool.setdefault("AuxiliaryAddresses", {})[name] = text
    return found


def _holds(subnet: str, text: str) -> bool:
    try:
        return ipaddress.ip_address(text.partition("/")[0]) in ipaddress.ip_network(subnet, strict=False)
    except ValueError:
        return False


def list_networks(engine: Engine, words: Words) -> int:
    found = engine.get("/networks", **tasks.asked(tasks.filters(words)))
    found.sort(key=lambda one: natural(one["Name"]))
    rows = [_row(one, words.get("no-trunc", False)) for one in found]
    return listed(SHEET, rows, words.get("format"), words.get("quiet", False))


def _row(found: Object, full: bool) -> Row:
    return {
        "ID": found["Id"] if full else short(found["Id"]),
        "Name": found["Name"],
        "Driver": found["Driver"],
        "Scope": found["Scope"],
        "IPv4": str(found.get("EnableIPv4", False)).lower(),
        "IPv6": str(found.get("EnableIPv6", False)).lower(),
        "Internal": str(found.get("Internal", False)).lower(),
        "Labels": labels(found.get("Labels")),
        "CreatedAt": go_time(found.get("Created", "0001-01-01T00:00:00Z")),
    }


def inspect(engine: Engine, words: Words) -> int:
    verbose = {"verbose": "true"} if words.get("verbose") else {}
    return inspecting(words, "network.Inspect", lambda name: engine.get(path_of("network", name), **verbose))


def remove(engine: Engine, words: Words) -> int:
    """As runRemove, whose last line is `exit status 1`."""
    status = 0
    for name in words.rest:
        try:
            if not _is_ingress(engine, name) or confirmed(INGRESS):
                engine.delete(path_of("network", name))
                print(name)
        except (EngineError, Refused) as error:
            if words.get("force") and getattr(error, "status", None) == 404:
                continue
            print(said(error), file=sys.stderr)
            status = 1
    if status:
        raise Refused("exit status 1")
    return 0


def _is_ingress(engine: Engine, name: str) -> bool:
    """Whether it is the routing mesh's network; what cannot be looked up is not."""
    try:
        return bool(engine.get(path_of("network", name)).get("Ingress"))
    except EngineError:
        return False


def prune(engine: Engine, words: Words) -> int:
    if not words.get("force") and not confirmed(PRUNED):
        return 0
    deleted = engine.post("/networks/prune", None, **tasks.asked(tasks.filters(words))).get("NetworksDeleted")
    if deleted:
        print("Deleted Networks:", *deleted, "", sep="\n")
    return 0


def confirmed(warning: str) -> bool:
    """Ask as the client asks before it prunes."""
    print(f"{warning}Are you sure you want to continue? [y/N] ", end="", flush=True)
    answer = sys.stdin.readline().strip().lower()
    return answer in ("y", "yes")


def connect(engine: Engine, words: Words) -> int:
    name, container = words.rest
    engine.post(path_of("network", name) + "/connect", {"Container": container, "EndpointConfig": {}})
    return 0


def disconnect(engine: Engine, words: Words) -> int:
    name, container = words.rest
    wanted = {"Container": container, "Force": words.get("force", False)}
    engine.post(path_of("network", name) + "/disconnect", wanted)
    return 0


MANY = "NETWORK [NETWORK...]"
CREATE = (
    Flag("attachable", "", "bool", "Containers outside of services may join"),
    Flag("aux-address", "", "map", "An address that is not given out"),
    Flag("config-from", "", "string", "The network whose configuration this one has"),
    Flag("config-only", "", "bool", "Only a configuration for others"),
    Flag("driver", "d", "string", "The kind of network: overlay for a swarm"),
    Flag("gateway", "", "strings", "The address of a subnet's gateway"),
    Flag("ingress", "", "bool", "The network of the published ports"),
    Flag("internal", "", "bool", "Nothing outside can be reached from it"),
    Flag("ip-range", "", "strings", "The part of a subnet that is given out"),
    Flag("ipam-driver", "", "string", "Who gives addresses out"),
    Flag("ipam-opt", "", "map", "An option of that one"),
    Flag("ipv4", "", "bool", "With IPv4"),
    Flag("ipv6", "", "bool", "With IPv6"),
    Flag("label", "", "list", "A label of the network"),
    Flag("opt", "o", "map", "An option of the driver"),
    Flag("scope", "", "string", "local or swarm"),
    Flag("subnet", "", "strings", "A subnet, like 192.168.100.0/24"),
)
FORCE = Flag("force", "f", "bool", "Without a question, and without an error for what is not there")
CONNECT = (
    Flag("alias", "", "strings", "One more name of the container in this network"),
    Flag("driver-opt", "", "strings", "An option of the driver"),
    Flag("gw-priority", "", "int", "Which network's gateway is the container's"),
    Flag("ip", "", "string", "Its address"),
    Flag("ip6", "", "string", "Its address of IPv6"),
    Flag("link", "", "list", "Another container, and a name for it"),
    Flag("link-local-ip", "", "strings", "Its address of the link"),
)
VERBS = (
    Verb(
        "network connect",
        "NETWORK CONTAINER",
        "Refused: a service's networks are its own",
        connect,
        TWO,
        CONNECT,
    ),
    Verb(
        "network disconnect",
        "NETWORK CONTAINER",
        "Refused: a service's networks are its own",
        disconnect,
        TWO,
        (Flag("force", "f", "bool", "Even one that is not there"),),
    ),
    Verb("network create", "NETWORK", "Make a network", create, ONE, CREATE),
    Verb(
        "network inspect",
        MANY,
        "Print all that is known of networks",
        inspect,
        SOME,
        (INSPECT_FORMAT, Flag("verbose", "v", "bool", "With the services and their tasks")),
    ),
    Verb("network ls", "", "List the networks", list_networks, NONE, (FILTER, FORMAT, NO_TRUNC, QUIET)),
    Verb(
        "network prune",
        "",
        "Remove the networks that nothing uses",
        prune,
        NONE,
        (FILTER._replace(short=""), FORCE),
    ),
    Verb("network rm", MANY, "Remove networks", remove, SOME, (FORCE,)),
)
