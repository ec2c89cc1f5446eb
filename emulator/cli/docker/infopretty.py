"""What an engine says of itself, for people (docker/cli, cli/command/system/info.go)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from emulator.cli.docker.units import binary_size, duration

Object = dict[str, Any]


def pretty(found: Object) -> str:
    return "\n".join(lines(found))


def lines(found: Object) -> Iterator[str]:
    yield f" Containers: {found.get('Containers', 0)}"
    for state in ("Running", "Paused", "Stopped"):
        yield f"  {state}: {found.get(f'Containers{state}', 0)}"
    yield f" Images: {found.get('Images', 0)}"
    yield from named(found, (("Server Version", "ServerVersion"), ("Storage Driver", "Driver")))
    for name, value in found.get("DriverStatus") or ():
        yield f"  {name}: {value}"
    logs = (("Logging Driver", "LoggingDriver"),)
    groups = (("Cgroup Driver", "CgroupDriver"), ("Cgroup Version", "CgroupVersion"))
    yield from named(found, logs + groups)
    yield from plugins(found.get("Plugins") or {})
    yield from swarm(found.get("Swarm") or {})
    if found.get("Runtimes"):
        yield f" Runtimes: {' '.join(sorted(found['Runtimes']))}"
    yield from named(found, (("Default Runtime", "DefaultRuntime"),))
    yield f" Init Binary: {found.get('InitBinary', '')}"
    yield from built(found)
    yield from named(found, (("Kernel Version", "KernelVersion"), ("Operating System", "OperatingSystem")))
    yield from named(found, (("OSType", "OSType"), ("Architecture", "Architecture")))
    yield f" CPUs: {found.get('NCPU', 0)}"
    yield f" Total Memory: {binary_size(found.get('MemTotal', 0))}"
    yield from named(found, (("Name", "Name"), ("ID", "ID"), ("Docker Root Dir", "DockerRootDir")))
    yield f" Debug Mode: {str(found.get('Debug', False)).lower()}"
    yield f" Experimental: {str(found.get('ExperimentalBuild', False)).lower()}"
    if ranges := (found.get("RegistryConfig") or {}).get("InsecureRegistryCIDRs"):
        yield " Insecure Registries:"
        yield from (f"  {one}" for one in ranges)
    yield f" Live Restore Enabled: {str(found.get('LiveRestoreEnabled', False)).lower()}\n"


def named(found: Object, rows: tuple[tuple[str, str], ...]) -> Iterator[str]:
    yield from (f" {word}: {found[key]}" for word, key in rows if found.get(key))


def plugins(found: Object) -> Iterator[str]:
    if found:
        yield " Plugins:"
    for kind in ("Volume", "Network", "Log"):
        if found.get(kind):
            yield f"  {kind}: {' '.join(found[kind])}"


def swarm(found: Object) -> Iterator[str]:
    state = found.get("LocalNodeState", "inactive")
    yield f" Swarm: {state}"
    if state in ("inactive", "locked"):
        return
    yield f"  NodeID: {found['NodeID']}"
    if found.get("Error"):
        yield f"  Error: {found['Error']}"
    yield f"  Is Manager: {str(found['ControlAvailable']).lower()}"
    if found.get("Cluster") and found["ControlAvailable"]:
        yield from cluster(found, found["Cluster"])
    yield f"  Node Address: {found['NodeAddr']}"
    managers = sorted(manager["Addr"] for manager in found.get("RemoteManagers") or ())
    if managers:
        yield "  Manager Addresses:"
        yield from (f"   {address}" for address in managers)


def cluster(found: Object, own: Object) -> Iterator[str]:
    spec = own["Spec"]
    raft, authority = spec.get("Raft") or {}, spec.get("CAConfig") or {}
    yield f"  ClusterID: {own['ID']}"
    yield f"  Managers: {found.get('Managers', 1)}"
    yield f"  Nodes: {found.get('Nodes', 1)}"
    if own.get("DefaultAddrPool"):
        yield f"  Default Address Pool: {'  '.join(own['DefaultAddrPool'])}  "
        yield f"  SubnetSize: {own.get('SubnetSize', 24)}"
    yield f"  Data Path Port: {own.get('DataPathPort', 4789)}"
    kept = (spec.get("Orchestration") or {}).get("TaskHistoryRetentionLimit", 0)
    yield f"  Orchestration:\n   Task History Retention Limit: {kept}"
    yield f"  Raft:\n   Snapshot Interval: {raft.get('SnapshotInterval', 0)}"
    yield f"   Number of Old Snapshots to Retain: {raft.get('KeepOldSnapshots') or 0}"
    yield f"   Heartbeat Tick: {raft.get('HeartbeatTick', 0)}"
    yield f"   Election Tick: {raft.get('ElectionTick', 0)}"
    period = (spec.get("Dispatcher") or {}).get("HeartbeatPeriod", 0)
    yield f"  Dispatcher:\n   Heartbeat Period: {words(period)}"
    yield f"  CA Configuration:\n   Expiry Duration: {words(authority.get('NodeCertExpiry', 0))}"
    yield f"   Force Rotate: {authority.get('ForceRotate', 0)}"
    locked = (spec.get("EncryptionConfig") or {}).get("AutoLockManagers", False)
    yield f"  Autolock Managers: {str(locked).lower()}"
    yield f"  Root Rotation In Progress: {str(own.get('RootRotationInProgress', False)).lower()}"


def words(nanoseconds: int) -> str:
    from emulator.cli.table import human

    return human(nanoseconds / 1e9) if nanoseconds >= 10**9 else duration(nanoseconds)


def built(found: Object) -> Iterator[str]:
    """The programs below the engine, and what keeps containers in."""
    for word, key in (("containerd", "ContainerdCommit"), ("runc", "RuncCommit"), ("init", "InitCommit")):
        if found.get(key):
            yield f" {word} version: {found[key].get('ID', '')}"
    if found.get("SecurityOptions"):
        yield " Security Options:"
    for option in found.get("SecurityOptions") or ():
        name, *rest = (part.partition("=")[2] for part in option.split(","))
        yield f"  {name}"
        yield from (f"   Profile: {value}" for value in rest)
