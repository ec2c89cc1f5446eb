"""A node for people (docker/cli, cli/command/node/formatter.go)."""

from __future__ import annotations

import base64
from typing import Any

from emulator.cli.docker.units import binary_size, go_time

Object = dict[str, Any]


def pretty(found: Object) -> str:
    """All of it, in Docker's order."""
    spec, about, status = found["Spec"], found["Description"], found["Status"]
    lines = [f"ID:\t\t\t{found['ID']}"]
    if spec.get("Name"):
        lines.append(f"Name:\t\t\t{spec['Name']}")
    if spec.get("Labels"):
        lines += ["Labels:", *(f" - {name}={value}" for name, value in sorted(spec["Labels"].items()))]
    lines += [
        f"Hostname:              \t{about['Hostname']}",
        f"Joined at:             \t{go_time(found['CreatedAt']).replace('UTC', 'utc')}",
        "Status:",
        f" State:\t\t\t{status['State'].capitalize()}",
    ]
    if status.get("Message"):
        lines.append(f" Message:              \t{status['Message'].capitalize()}")
    lines += [f" Availability:         \t{spec['Availability'].capitalize()}"]
    lines += [f" Address:\t\t{status['Addr']}"] if status.get("Addr") else []
    lines += [*manager(found.get("ManagerStatus")), *resources(about), *plugins(about)]
    return "\n".join([*lines, *certificates(about.get("TLSInfo"))])


def manager(found: Object | None) -> list[str]:
    if not found:
        return []
    return [
        "Manager Status:",
        f" Address:\t\t{found['Addr']}",
        f" Raft Status:\t\t{found['Reachability'].capitalize()}",
        f" Leader:\t\t{'Yes' if found.get('Leader') else 'No'}",
    ]


def resources(about: Object) -> list[str]:
    platform, has = about["Platform"], about["Resources"]
    return [
        "Platform:",
        f" Operating System:\t{platform['OS']}",
        f" Architecture:\t\t{platform['Architecture']}",
        "Resources:",
        f" CPUs:\t\t\t{has.get('NanoCPUs', 0) // 10**9}",
        f" Memory:\t\t{binary_size(has.get('MemoryBytes', 0))}",
    ]


def plugins(about: Object) -> list[str]:
    engine = about["Engine"]
    kinds: dict[str, list[str]] = {}
    for plugin in engine.get("Plugins") or ():
        kinds.setdefault(plugin["Type"], []).append(plugin["Name"])
    lines = ["Plugins:"] if kinds else []
    lines += [f" {kind}:\t\t{', '.join(kinds[kind])}" for kind in sorted(kinds)]
    return [*lines, f"Engine Version:\t\t{engine.get('EngineVersion', '')}"]


def certificates(found: Object | None) -> list[str]:
    if not found or not found.get("TrustRoot"):
        return []
    issuer = found.get("CertIssuerSubject", "")
    return [
        "TLS Info:",
        " TrustRoot:",
        found["TrustRoot"],
        f" Issuer Subject:\t{_text(issuer)}",
        f" Issuer Public Key:\t{_text(found.get('CertIssuerPublicKey', ''))}",
    ]


def _text(value: str | list[int]) -> str:
    return value if isinstance(value, str) else base64.b64encode(bytes(value)).decode()
