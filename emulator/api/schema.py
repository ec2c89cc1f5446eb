"""The swarm's objects as Docker's JSON, API 1.41; what has no meaning here has Docker's empty value.

Environment variables are shown by name only: their values may be secrets.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ..settings import Mount, Port
from ..swarm.model import Network, Service, Task, TaskSpec, TaskState, Volume
from ..swarm.network import parse
from ..swarm.store import Store
from .world import Container

JSON = dict[str, Any]
_NEVER = "0001-01-01T00:00:00Z"
_NANO = 1_000_000_000


def moment(seconds: float) -> str:
    """RFC 3339 with nanoseconds, as Go writes a time."""
    if not seconds:
        return _NEVER
    whole, fraction = divmod(round(seconds * 1e6), 10**6)
    digits = f".{fraction:06}".rstrip("0").rstrip(".")
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}{digits}Z"


def service(thing: Service, store: Store) -> JSON:
    spec = thing.spec
    endpoint_spec: JSON = {"Mode": spec.endpoint_mode}
    if spec.ports:
        endpoint_spec["Ports"] = [_port(port) for port in spec.ports]
    endpoint: JSON = {"Spec": endpoint_spec}
    if thing.ports:
        endpoint["Ports"] = [_port(port) for port in thing.ports]
    if thing.vips:
        endpoint["VirtualIPs"] = [
            {"NetworkID": network_id(vip.network, store), "Addr": cidr(vip.address, vip.network, store)}
            for vip in thing.vips
        ]
    return {
        "ID": thing.id,
        "Version": {"Index": thing.version},
        "CreatedAt": moment(thing.created_at),
        "UpdatedAt": moment(thing.updated_at),
        "Spec": {
            "Name": spec.name,
            "Labels": dict(spec.labels),
            "TaskTemplate": {**task_spec(spec.task, store), "Runtime": "container"},
            "Mode": {"Replicated": {"Replicas": spec.replicas}},
            "EndpointSpec": endpoint_spec,
        },
        "Endpoint": endpoint,
    }


def service_status(thing: Service, store: Store) -> JSON:
    """What `?status=true` adds."""
    tasks = list(store.tasks_of(thing.id))
    return {
        "RunningTasks": sum(task.is_up and task.state is TaskState.RUNNING for task in tasks),
        "DesiredTasks": thing.spec.replicas,
        "CompletedTasks": 0,
    }


def task_spec(spec: TaskSpec, store: Store) -> JSON:
    container: JSON = {"Image": tagged(spec.image)}
    if spec.command:
        container["Command"] = list(spec.command)
    if spec.args:
        container["Args"] = list(spec.args)
    if spec.hostname:
        container["Hostname"] = spec.hostname
    if spec.env:
        container["Env"] = [f"{name}=" for name, _ in spec.env]
    container["Init"] = False
    if spec.mounts:
        container["Mounts"] = [mounted(mount) for mount in spec.mounts]
    container["StopGracePeriod"] = round(spec.stop_grace_period * _NANO)
    if spec.stop_signal:
        container["StopSignal"] = spec.stop_signal
    container |= {"DNSConfig": {}, "Isolation": "default"}
    restart: JSON = {
        "Condition": spec.restart.condition,
        "Delay": round(spec.restart.delay * _NANO),
        "MaxAttempts": spec.restart.max_attempts,
    }
    if spec.restart.window:
        restart["Window"] = round(spec.restart.window * _NANO)
    return {
        "ContainerSpec": container,
        "Resources": {"Limits": {}, "Reservations": {}},
        "RestartPolicy": restart,
        "Placement": {},
        "Networks": [{"Target": network_id(name, store)} for name in spec.networks],
        "ForceUpdate": spec.force_update,
    }


def task(thing: Task, store: Store) -> JSON:
    status: JSON = {
        "Timestamp": moment(thing.timestamp),
        "State": str(thing.state),
        "Message": thing.message,
    }
    if thing.error:
        status["Err"] = thing.error
    if thing.container_id:
        status["ContainerStatus"] = {
            "ContainerID": thing.container_id,
            "PID": 0 if thing.state.is_final else thing.pid,
            "ExitCode": thing.exit_code or 0,
        }
    status["PortStatus"] = {}
    return {
        "ID": thing.id,
        "Version": {"Index": thing.version},
        "CreatedAt": moment(thing.created_at),
        "UpdatedAt": moment(thing.updated_at),
        "Labels": {},
        "Spec": task_spec(thing.spec, store),
        "ServiceID": thing.service_id,
        "Slot": thing.slot,
        "NodeID": thing.node_id,
        "Status": status,
        "DesiredState": str(thing.desired),
        "NetworksAttachments": [
            {
                "Network": _network_object(link.network, store),
                "Addresses": [cidr(link.address, link.network, store)],
            }
            for link in thing.attachments
            if store.network(link.network)
        ],
    }


def network(thing: Network, tasks: list[Task], containers: Mapping[str, Container]) -> JSON:
    prefix = thing.subnet.partition("/")[2]
    members = {
        task.container_id: {
            "Name": task.name,
            "EndpointID": task.container_id,
            "MacAddress": mac(link.address),
            "IPv4Address": f"{link.address}/{prefix}",
            "IPv6Address": "",
        }
        for task in tasks
        for link in task.attachments
        if link.network == thing.name and task.container_id in containers and not task.state.is_final
    }
    if thing.endpoint:
        members[f"lb-{thing.name}"] = {
            "Name": f"{thing.name}-endpoint",
            "EndpointID": thing.id,
            "MacAddress": mac(thing.endpoint),
            "IPv4Address": f"{thing.endpoint}/{prefix}",
            "IPv6Address": "",
        }
    return {
        "Name": thing.name,
        "Id": thing.id,
        "Created": moment(thing.created_at),
        "Scope": "swarm" if thing.driver == "overlay" else "local",
        "Driver": thing.driver,
        "EnableIPv6": False,
        "IPAM": {"Driver": "default", "Options": None, "Config": [_ipam(thing)]},
        "Internal": False,
        "Attachable": False,
        "Ingress": False,
        "ConfigFrom": {"Network": ""},
        "ConfigOnly": False,
        "Containers": members or None,
        "Options": {},
        "Labels": {} if members else None,
    }


def volume(thing: Volume) -> JSON:
    return {
        "CreatedAt": moment(thing.created_at).partition(".")[0].removesuffix("Z") + "Z",
        "Driver": "local",
        "Labels": None,
        "Mountpoint": thing.mountpoint,
        "Name": thing.name,
        "Options": None,
        "Scope": "local",
    }


def _network_object(name: str, store: Store) -> JSON:
    thing = store.network(name)
    if thing is None:
        return {}
    ipam = {"Driver": {"Name": "default"}, "Configs": [_ipam(thing)]}
    return {
        "ID": thing.id,
        "Version": {"Index": thing.version},
        "CreatedAt": moment(thing.created_at),
        "UpdatedAt": moment(thing.created_at),
        "Spec": {
            "Name": thing.name,
            "Labels": {},
            "DriverConfiguration": {"Name": thing.driver},
            "IPAMOptions": ipam,
            "Scope": "swarm",
        },
        "DriverState": {"Name": thing.driver},
        "IPAMOptions": ipam,
    }


def _ipam(thing: Network) -> JSON:
    return {"Subnet": thing.subnet, "Gateway": thing.gateway}


def network_id(name: str, store: Store) -> str:
    """A network's id, or its name where it is none of the store's (ingress)."""
    thing = store.network(name)
    return thing.id if thing else name


def cidr(address: str, network: str, store: Store) -> str:
    thing = store.network(network)
    prefix = bin(parse(thing.subnet)[1]).count("1") if thing else 24
    return f"{address}/{prefix}"


def mounted(mount: Mount) -> JSON:
    made: JSON = {"Type": mount.type, "Source": mount.source, "Target": mount.target}
    if mount.read_only:
        made["ReadOnly"] = True
    return made


def _port(port: Port) -> JSON:
    return {
        "Protocol": port.protocol,
        "TargetPort": port.target,
        "PublishedPort": port.published,
        "PublishMode": port.mode,
    }


def tagged(image: str) -> str:
    return image if ":" in image.rpartition("/")[2] or "@" in image else f"{image}:latest"


def mac(address: str) -> str:
    return "02:42:" + ":".join(f"{int(octet):02x}" for octet in address.split("."))
