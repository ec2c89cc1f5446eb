"""The one node, its engine and its swarm as Docker's JSON."""

from __future__ import annotations

import json
import os
import sys

from .. import __version__
from ..swarm.cluster import Cluster
from ..swarm.model import HISTORY, Node
from . import images
from .localnetworks import digest
from .specshape import JSON, nanoseconds
from .stats import memory
from .times import moment
from .world import World

API_VERSION, MINIMUM_VERSION = "1.41", "1.12"
_PORT = 2377
_DAY = 24 * 3600
_NETWORK_DRIVERS = ["overlay"]
_LOG_DRIVERS = ["json-file"]
_PLUGINS = {"Volume": ["local"], "Network": _NETWORK_DRIVERS, "Authorization": None, "Log": _LOG_DRIVERS}
# What swarmkit takes where a SwarmSpec says nothing.
_DEFAULTS: JSON = {
    "Orchestration": {"TaskHistoryRetentionLimit": HISTORY},
    "Raft": {
        "SnapshotInterval": 10000,
        "KeepOldSnapshots": 0,
        "LogEntriesForSlowFollowers": 500,
        "ElectionTick": 10,
        "HeartbeatTick": 1,
    },
    "Dispatcher": {"HeartbeatPeriod": nanoseconds(5)},
    "CAConfig": {"NodeCertExpiry": nanoseconds(90 * _DAY)},
    "TaskDefaults": {},
    "EncryptionConfig": {"AutoLockManagers": False},
}


def version() -> JSON:
    kernel = os.uname()
    details = {
        "ApiVersion": API_VERSION,
        "Arch": _architecture(),
        "BuildTime": "",
        "Experimental": "false",
        "GitCommit": "",
        "GoVersion": f"python{sys.version.split()[0]}",
        "KernelVersion": kernel.release,
        "MinAPIVersion": MINIMUM_VERSION,
        "Os": kernel.sysname.lower(),
    }
    return {
        "Platform": {"Name": "swarm-emulator"},
        "Components": [{"Name": "Engine", "Version": __version__, "Details": details}],
        "Version": __version__,
        **{key: value for key, value in details.items() if key != "Experimental"},
    }


def info(world: World) -> JSON:
    containers = world.containers.values()
    running = sum(container.running and not container.paused for container in containers)
    paused = sum(container.running and container.paused for container in containers)
    kernel = os.uname()
    return {
        "ID": digest(world.node_id),
        "Containers": len(world.containers),
        "ContainersRunning": running,
        "ContainersPaused": paused,
        "ContainersStopped": len(world.containers) - running - paused,
        "Images": len(images.facts(world.settings)),
        "Driver": "processes",
        "DriverStatus": [],
        "Plugins": _PLUGINS,
        "MemoryLimit": True,
        "SwapLimit": False,
        "CpuCfsPeriod": False,
        "CpuCfsQuota": False,
        "CPUShares": False,
        "CPUSet": False,
        "PidsLimit": False,
        "IPv4Forwarding": True,
        "BridgeNfIptables": True,
        "BridgeNfIp6tables": True,
        "Debug": False,
        "NFd": 0,
        "OomKillDisable": False,
        "NGoroutines": 0,
        "SystemTime": moment(world.loop.time()),
        "LoggingDriver": "json-file",
        "CgroupDriver": "none",
        "CgroupVersion": "",
        "NEventsListener": 0,
        "KernelVersion": kernel.release,
        "OperatingSystem": "swarm-emulator",
        "OSVersion": "",
        "OSType": kernel.sysname.lower(),
        "Architecture": kernel.machine,
        "IndexServerAddress": "",
        "RegistryConfig": None,
        "NCPU": os.cpu_count() or 1,
        "MemTotal": memory(),
        "GenericResources": None,
        "DockerRootDir": str(world.settings.emulator.state),
        "HttpProxy": "",
        "HttpsProxy": "",
        "NoProxy": "",
        "Name": world.node_name,
        "Labels": [],
        "ExperimentalBuild": False,
        "ServerVersion": __version__,
        "Runtimes": {"process": {"path": "process"}},
        "DefaultRuntime": "process",
        "Swarm": _membership(world),
        "LiveRestoreEnabled": False,
        "Isolation": "",
        "InitBinary": "",
        "ContainerdCommit": {"ID": "", "Expected": ""},
        "RuncCommit": {"ID": "", "Expected": ""},
        "InitCommit": {"ID": "", "Expected": ""},
        "SecurityOptions": [],
        "Warnings": None,
    }


def _membership(world: World) -> JSON:
    cluster = world.store.cluster
    if cluster is None:
        return {
            "NodeID": "",
            "NodeAddr": "",
            "LocalNodeState": "inactive",
            "ControlAvailable": False,
            "Error": "",
            "RemoteManagers": None,
        }
    known = world.store.nodes.get(world.node_id)
    address = known.address if known else "127.0.0.1"
    shown = {key: found for key, found in swarm(cluster).items() if key != "JoinTokens"}
    return {
        "NodeID": world.node_id,
        "NodeAddr": address,
        "LocalNodeState": "active",
        "ControlAvailable": True,
        "Error": "",
        "RemoteManagers": [{"NodeID": world.node_id, "Addr": f"{address}:{_PORT}"}],
        "Nodes": 1,
        "Managers": 1,
        "Cluster": shown,
    }


def swarm(cluster: Cluster) -> JSON:
    """What a SwarmSpec says over swarmkit's defaults; zero is not said."""
    said, spec = json.loads(cluster.spec or "{}"), {}
    for key, default in _DEFAULTS.items():
        own = said.get(key) or {}
        spec[key] = default | {name: found for name, found in own.items() if found}
    return {
        "ID": cluster.id,
        "Version": {"Index": cluster.version},
        "CreatedAt": moment(cluster.created_at),
        "UpdatedAt": moment(cluster.updated_at or cluster.created_at),
        "Spec": {"Name": cluster.name, "Labels": said.get("Labels") or {}, **spec},
        "TLSInfo": {"TrustRoot": "", "CertIssuerSubject": None, "CertIssuerPublicKey": None},
        "RootRotationInProgress": False,
        "DefaultAddrPool": None,
        "SubnetSize": 24,
        "DataPathPort": 4789,
        "JoinTokens": {"Worker": cluster.worker_token, "Manager": cluster.manager_token},
    }


def node(thing: Node) -> JSON:
    plugins = [{"Type": "Log", "Name": name} for name in _LOG_DRIVERS]
    plugins += [{"Type": "Network", "Name": name} for name in _NETWORK_DRIVERS]
    return {
        "ID": thing.id,
        "Version": {"Index": thing.version},
        "CreatedAt": moment(thing.created_at),
        "UpdatedAt": moment(thing.updated_at or thing.created_at),
        "Spec": {"Labels": dict(thing.labels), "Role": thing.role, "Availability": thing.availability},
        "Description": {
            "Hostname": thing.hostname,
            "Platform": {"Architecture": os.uname().machine, "OS": os.uname().sysname.lower()},
            "Resources": {"NanoCPUs": nanoseconds(os.cpu_count() or 1), "MemoryBytes": memory()},
            "Engine": {
                "EngineVersion": __version__,
                "Plugins": [*plugins, {"Type": "Volume", "Name": "local"}],
            },
            "TLSInfo": {},
        },
        "Status": {"State": "ready", "Addr": thing.address},
        "ManagerStatus": {"Leader": True, "Reachability": "reachable", "Addr": f"{thing.address}:{_PORT}"},
    }


def _architecture() -> str:
    machine = os.uname().machine
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)
