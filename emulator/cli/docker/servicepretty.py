"""A service for people (docker/cli, cli/command/service/formatter.go)."""

from __future__ import annotations

from typing import Any

from emulator.cli.docker.units import ago, binary_size, duration

Object = dict[str, Any]

UPDATES = (
    ("UpdateConfig", "Update", " Update order:      "),
    ("RollbackConfig", "Rollback", " Rollback order:    "),
)


def pretty(found: Object, networks: list[str]) -> str:
    """All of it, in Docker's order, an empty line on either side."""
    spec = found["Spec"]
    template = spec["TaskTemplate"]
    lines = ["", f"ID:\t\t{found['ID']}", f"Name:\t\t{spec['Name']}"]
    if spec.get("Labels"):
        lines += ["Labels:", *(f" {name}={value}" for name, value in sorted(spec["Labels"].items()))]
    mode = next(iter(spec["Mode"]))
    lines.append(f"Service Mode:\t{mode}")
    if mode == "Replicated":
        lines.append(f" Replicas:\t{spec['Mode']['Replicated'].get('Replicas', 0)}")
    lines += [*update_status(found.get("UpdateStatus")), *placement(template)]
    for key, _, order in UPDATES:
        lines += policy(spec.get(key), key, order)
    lines += [*container(template["ContainerSpec"]), *mounts(template["ContainerSpec"]), *resources(template)]
    if networks:
        lines.append("Networks: " + "".join(f"{name} " for name in networks))
    lines.append(f"Endpoint Mode:\t{(found['Endpoint'].get('Spec') or {}).get('Mode') or 'vip'}")
    return "\n".join(
        [*lines, *ports(found["Endpoint"].get("Ports") or []), *health(template["ContainerSpec"]), ""]
    )


def update_status(found: Object | None) -> list[str]:
    if not found or not found.get("State"):
        return []
    lines = ["UpdateStatus:", f" State:\t\t{found['State']}"]
    lines += [f" Started:\t{ago(found['StartedAt']).lower()}"] if found.get("StartedAt") else []
    if found["State"] == "completed" and found.get("CompletedAt"):
        lines.append(f" Completed:\t{ago(found['CompletedAt']).lower()}")
    return [*lines, f" Message:\t{found.get('Message', '')}"]


def placement(template: Object) -> list[str]:
    found = template.get("Placement") or {}
    lines = ["Placement:"]
    if found.get("Constraints"):
        lines.append(f" Constraints:\t[{' '.join(found['Constraints'])}]")
    if found.get("MaxReplicas"):
        lines.append(f" Max Replicas Per Node:   {found['MaxReplicas']}")
    return lines


def policy(found: Object | None, key: str, order: str) -> list[str]:
    if not found:
        return []
    lines = [f"{key}:", f" Parallelism:\t{found['Parallelism']}"]
    lines += [f" Delay:\t\t{duration(found['Delay'])}"] if found.get("Delay") else []
    lines += [
        f" On failure:\t{found['FailureAction']}",
        f" Monitoring Period: {duration(found['Monitor'])}",
        f" Max failure ratio: {found['MaxFailureRatio']:g}",
        f"{order}{found['Order']}",
    ]
    return lines


def container(found: Object) -> list[str]:
    lines = ["ContainerSpec:", f" Image:\t\t{found['Image']}"]
    rows = (("Command", "Command"), ("Args", "Args"), ("Env", "Env"))
    lines += [f" {word}:\t\t{' '.join(found[key])} " for key, word in rows if found.get(key)]
    lines += [f" Dir:\t\t{found['Dir']}"] if found.get("Dir") else []
    lines += [f" User:\t\t{found['User']}"] if found.get("User") else []
    lines += [f" Init:\t\t{str(found['Init']).lower()}"] if found.get("Init") is not None else []
    return lines


def mounts(found: Object) -> list[str]:
    lines = ["Mounts:"] if found.get("Mounts") else []
    for mount in found.get("Mounts") or ():
        lines += [
            f" Target:\t{mount['Target']}",
            f"  Source:\t{mount.get('Source', '')}",
            f"  ReadOnly:\t{str(mount.get('ReadOnly', False)).lower()}",
            f"  Type:\t\t{mount['Type']}",
        ]
    return lines


def resources(template: Object) -> list[str]:
    found = template.get("Resources")
    if found is None:
        return []
    lines = ["Resources:"]
    for key in ("Reservations", "Limits"):
        said = found.get(key) or {}
        if said.get("NanoCPUs") or said.get("MemoryBytes"):
            lines.append(f" {key}:")
        lines += [f"  CPU:\t\t{said['NanoCPUs'] / 1e9:g}"] if said.get("NanoCPUs") else []
        lines += [f"  Memory:\t{binary_size(said['MemoryBytes'])}"] if said.get("MemoryBytes") else []
    return lines


def ports(found: list[Object]) -> list[str]:
    lines = ["Ports:"] if found else []
    for port in found:
        lines += [
            f" PublishedPort = {port.get('PublishedPort', 0)}",
            f"  Protocol = {port.get('Protocol', 'tcp')}",
            f"  TargetPort = {port['TargetPort']}",
            f"  PublishMode = {port['PublishMode']} ",
        ]
    return lines


def health(found: Object) -> list[str]:
    check = found.get("Healthcheck")
    if not check:
        return []
    lines = ["Healthcheck:"]
    for key, word in (
        ("Interval", "Interval"),
        ("Retries", "Retries"),
        ("StartPeriod", "StartPeriod"),
        ("Timeout", "Timeout"),
    ):
        if key in check:
            lines.append(f" {word} = {check[key] if key == 'Retries' else duration(check[key])}")
    if check.get("Test"):
        lines += [" Tests:", *(f"\t Test = {word}" for word in check["Test"])]
    return lines
