"""A container's HostConfig as Docker's JSON: what its service says, and Docker's own value for all else."""

from __future__ import annotations

from ..swarm.model import TaskSpec
from . import specshape
from .specshape import JSON

_MASKED = [
    "asound",
    "acpi",
    "kcore",
    "keys",
    "latency_stats",
    "timer_list",
    "timer_stats",
    "sched_debug",
    "scsi",
]
_READONLY = ["bus", "fs", "irq", "sys", "sysrq-trigger"]
_SAME: JSON = {
    "Binds": None,
    "ContainerIDFile": "",
    "LogConfig": {"Type": "json-file", "Config": {}},
    "PortBindings": {},
    "RestartPolicy": {"Name": "", "MaximumRetryCount": 0},
    "AutoRemove": False,
    "VolumeDriver": "",
    "VolumesFrom": None,
    "CapAdd": None,
    "CapDrop": None,
    "CgroupnsMode": "host",
    "Dns": None,
    "DnsOptions": None,
    "DnsSearch": None,
    "ExtraHosts": None,
    "GroupAdd": None,
    "IpcMode": "private",
    "Cgroup": "",
    "Links": None,
    "OomScoreAdj": 0,
    "PidMode": "",
    "Privileged": False,
    "PublishAllPorts": False,
    "SecurityOpt": None,
    "UTSMode": "",
    "UsernsMode": "",
    "ShmSize": 67108864,
    "Runtime": "runc",
    "ConsoleSize": [0, 0],
    "Isolation": "default",
    "CpuShares": 0,
    "CgroupParent": "",
    "BlkioWeight": 0,
    "BlkioWeightDevice": None,
    "BlkioDeviceReadBps": None,
    "BlkioDeviceWriteBps": None,
    "BlkioDeviceReadIOps": None,
    "BlkioDeviceWriteIOps": None,
    "CpuPeriod": 0,
    "CpuQuota": 0,
    "CpuRealtimePeriod": 0,
    "CpuRealtimeRuntime": 0,
    "CpusetCpus": "",
    "CpusetMems": "",
    "Devices": None,
    "DeviceCgroupRules": None,
    "DeviceRequests": None,
    "KernelMemory": 0,
    "KernelMemoryTCP": 0,
    "MemorySwappiness": None,
    "OomKillDisable": False,
    "Ulimits": [],
    "CpuCount": 0,
    "CpuPercent": 0,
    "IOMaximumIOps": 0,
    "IOMaximumBandwidth": 0,
    "MaskedPaths": [*(f"/proc/{name}" for name in _MASKED), "/sys/firmware"],
    "ReadonlyPaths": [f"/proc/{name}" for name in _READONLY],
}


def shape(spec: TaskSpec) -> JSON:
    mounts = {"Mounts": [specshape.mount(mount) for mount in spec.mounts]} if spec.mounts else {}
    return (
        _SAME
        | mounts
        | {
            "NetworkMode": "default",
            "ReadonlyRootfs": spec.read_only,
            "Memory": spec.limits.memory,
            "NanoCpus": spec.limits.nano_cpus,
            "MemoryReservation": spec.reservations.memory,
            "MemorySwap": 2 * spec.limits.memory,
            "PidsLimit": spec.limits.pids or None,
            "Init": bool(spec.init),
        }
    )
