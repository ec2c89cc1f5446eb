"""The one node and its engine as Docker's JSON."""

from __future__ import annotations

import os
import sys

from .. import __version__
from .schema import JSON, moment
from .world import World

API_VERSION, MINIMUM_VERSION = "1.41", "1.12"
_NANO = 1_000_000_000


def version() -> JSON:
    kernel = os.uname()
    details = {
        "ApiVersion": API_VERSION,
        "Arch": _architecture(),
        "Experimental": "false",
        "GitCommit": "",
        "GoVersion": f"python{sys.version.split()[0]}",
        "KernelVersion": kernel.release,
        "MinAPIVersion": MINIMUM_VERSION,
        "Os": kernel.sysname.lower(),
        "BuildTime": "",
    }
    return {
        "Platform": {"Name": "swarm-emulator"},
        "Components": [{"Name": "Engine", "Version": __version__, "Details": details}],
        "Version": __version__,
        **{key: value for key, value in details.items() if key != "Experimental"},
    }


def info(world: World) -> JSON:
    containers = world.containers.values()
    running = sum(container.running for container in containers)
    kernel = os.uname()
    return {
        "ID": world.node_id,
        "Containers": len(world.containers),
        "ContainersRunning": running,
        "ContainersPaused": sum(container.paused for container in containers),
        "ContainersStopped": len(world.containers) - running,
        "Images": len(world.settings.images),
        "Driver": "processes",
        "DriverStatus": [],
        "Plugins": {"Volume": ["local"], "Network": ["overlay"], "Authorization": None, "Log": ["memory"]},
        "SystemTime": moment(world.loop.time()),
        "LoggingDriver": "memory",
        "CgroupDriver": "none",
        "KernelVersion": kernel.release,
        "OperatingSystem": "swarm-emulator",
        "OSType": kernel.sysname.lower(),
        "Architecture": kernel.machine,
        "NCPU": os.cpu_count() or 1,
        "MemTotal": _memory(),
        "DockerRootDir": str(world.settings.emulator.state),
        "Name": world.node_name,
        "Labels": [],
        "ServerVersion": __version__,
        "Runtimes": {"process": {"path": "process"}},
        "DefaultRuntime": "process",
        "Swarm": {
            "NodeID": world.node_id,
            "NodeAddr": "127.0.0.1",
            "LocalNodeState": "active",
            "ControlAvailable": True,
            "Error": "",
            "RemoteManagers": [{"NodeID": world.node_id, "Addr": "127.0.0.1:2377"}],
            "Nodes": 1,
            "Managers": 1,
        },
        "SecurityOptions": [],
        "Warnings": None,
    }


def node(world: World) -> JSON:
    kernel = os.uname()
    return {
        "ID": world.node_id,
        "Version": {"Index": 1},
        "CreatedAt": moment(0),
        "UpdatedAt": moment(0),
        "Spec": {"Labels": {}, "Role": "manager", "Availability": "active"},
        "Description": {
            "Hostname": world.node_name,
            "Platform": {"Architecture": kernel.machine, "OS": kernel.sysname.lower()},
            "Resources": {"NanoCPUs": (os.cpu_count() or 1) * _NANO, "MemoryBytes": _memory()},
            "Engine": {"EngineVersion": __version__},
        },
        "Status": {"State": "ready", "Addr": "127.0.0.1"},
        "ManagerStatus": {"Leader": True, "Reachability": "reachable", "Addr": "127.0.0.1:2377"},
    }


def _architecture() -> str:
    machine = os.uname().machine
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)


def _memory() -> int:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return 0
