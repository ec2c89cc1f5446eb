"""From the flags of `service create` to the ServiceSpec of the Engine API (docker/cli, service/opts.go)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from emulator.cli.docker.pflag import Words
from emulator.cli.docker.units import tagged
from emulator.cli.docker.verb import Refused
from emulator.client import Engine

Object = dict[str, Any]


def spec(engine: Engine, words: Words) -> Object:
    """The whole specification."""
    image, *args = words.rest
    template: Object = {
        "ContainerSpec": container(words, image, args),
        "Resources": {"Limits": limits(words), "Reservations": reservations(words)},
        "Placement": placement(words),
        "ForceUpdate": 0,
    }
    policies = {
        "RestartPolicy": restart(words),
        "Networks": networks(engine, words.get("network", [])),
        "LogDriver": log_driver(words),
    }
    template |= {key: value for key, value in policies.items() if value}
    updates = {"UpdateConfig": update(words, "update"), "RollbackConfig": update(words, "rollback")}
    return {
        "Name": words.get("name", ""),
        "Labels": pairs(words.get("label", [])),
        "TaskTemplate": template,
        "Mode": mode(words),
        **{key: value for key, value in updates.items() if value},
        "EndpointSpec": endpoint(words),
    }


def container(words: Words, image: str, args: list[str]) -> Object:
    found: Object = {"Image": tagged(image)}
    more = {
        "Labels": pairs(words.get("container-label", [])),
        "Command": words.get("entrypoint"),
        "Args": args,
        "Hostname": words.get("hostname"),
        "Env": environment(words),
        "Dir": words.get("workdir"),
        "User": words.get("user"),
        "Groups": words.get("group"),
        "StopSignal": words.get("stop-signal"),
        "TTY": words.get("tty"),
        "ReadOnly": words.get("read-only"),
        "Mounts": words.get("mount"),
        "StopGracePeriod": words.get("stop-grace-period"),
        "Healthcheck": health(words),
        "Hosts": [" ".join(reversed(host.split(":", 1))) for host in words.get("host", [])],
        "Isolation": words.get("isolation"),
        "Sysctls": pairs(words.get("sysctl", [])),
        "CapabilityAdd": capabilities(words.get("cap-add", [])),
        "CapabilityDrop": capabilities(words.get("cap-drop", [])),
        "Ulimits": [ulimit(text) for text in words.get("ulimit", [])],
        "OomScoreAdj": words.get("oom-score-adj"),
    }
    found |= {key: value for key, value in more.items() if value}
    return found | {"Init": bool(words.get("init")), "DNSConfig": dns(words)}


def capabilities(names: list[str]) -> list[str]:
    """As the kernel names them."""
    return [
        name if name in ("ALL", "") or name.startswith("CAP_") else f"CAP_{name}"
        for name in map(str.upper, names)
    ]


def dns(words: Words) -> Object:
    rows = {"Nameservers": "dns", "Search": "dns-search", "Options": "dns-option"}
    return {key: words.get(flag) for key, flag in rows.items() if words.get(flag)}


def pairs(texts: list[str]) -> dict[str, str]:
    """NAME=VALUE into a table, the last of a name counts."""
    return {name: value for name, _, value in (text.partition("=") for text in texts)}


def environment(words: Words) -> list[str]:
    """The variables; one without a value has it from here."""
    found: dict[str, str] = {}
    for text in [*_from_files(words.get("env-file", [])), *words.get("env", [])]:
        name, equals, value = text.partition("=")
        if not equals and name in os.environ:
            equals, value = "=", os.environ[name]
        # The last of a name counts, where it stands.
        found.pop(name, None)
        found[name] = f"{name}{equals}{value}"
    return list(found.values())


def _from_files(paths: list[str]) -> list[str]:
    lines: list[str] = []
    for path in paths:
        try:
            lines += Path(path).read_text("utf-8").splitlines()
        except OSError as error:
            raise Refused(f"open {path}: {(error.strerror or '').lower()}") from None
    return [line.lstrip() for line in lines if line.strip() and not line.lstrip().startswith("#")]


def health(words: Words) -> Object | None:
    """The health check; to have none is a check of its own."""
    rows = {
        "Interval": "health-interval",
        "Timeout": "health-timeout",
        "StartPeriod": "health-start-period",
        "StartInterval": "health-start-interval",
        "Retries": "health-retries",
    }
    found: Object = {key: words.get(flag) for key, flag in rows.items() if flag in words}
    if words.get("no-healthcheck"):
        if found or "health-cmd" in words:
            raise Refused("--no-healthcheck conflicts with --health-* options")
        return {"Test": ["NONE"]}
    if words.get("health-cmd"):
        found = {"Test": ["CMD-SHELL", words.get("health-cmd")], **found}
    return found or None


def limits(words: Words) -> Object:
    rows = {"NanoCPUs": "limit-cpu", "MemoryBytes": "limit-memory", "Pids": "limit-pids"}
    return {key: words.get(flag) for key, flag in rows.items() if words.get(flag)}


def reservations(words: Words) -> Object:
    rows = {"NanoCPUs": "reserve-cpu", "MemoryBytes": "reserve-memory"}
    said = {key: words.get(flag) for key, flag in rows.items() if words.get(flag)}
    if "generic-resource" in words:
        said["GenericResources"] = generic_resources(words.get("generic-resource"))
    return said


def generic_resources(texts: list[str]) -> list[Object]:
    """As opts.ParseGenericResources, which takes numbers of things alone."""
    found = []
    for text in texts:
        kind, _, value = text.partition("=")
        if not value.isdigit():
            where = "Named Generic Resources is not supported for service create or update"
            raise Refused(f"invalid generic-resource request `{text}`, {where}")
        found.append({"DiscreteResourceSpec": {"Kind": kind, "Value": int(value)}})
    return found


def placement(words: Words) -> Object:
    rows = {
        "Constraints": "constraint",
        "Preferences": "placement-pref",
        "MaxReplicas": "replicas-max-per-node",
    }
    return {key: words.get(flag) for key, flag in rows.items() if words.get(flag)}


def restart(words: Words) -> Object | None:
    """The restart policy, with Docker's own values beside the one that was said."""
    rows = {
        "Condition": "restart-condition",
        "Delay": "restart-delay",
        "MaxAttempts": "restart-max-attempts",
        "Window": "restart-window",
    }
    said = {key: words.get(flag) for key, flag in rows.items() if flag in words}
    if not said:
        return None
    return {"Condition": "any", "Delay": 5 * 10**9, "MaxAttempts": 0, **said}


def update(words: Words, kind: str) -> Object | None:
    """How an update or a rollback goes on."""
    rows = {
        "Parallelism": "parallelism",
        "Delay": "delay",
        "FailureAction": "failure-action",
        "Monitor": "monitor",
        "MaxFailureRatio": "max-failure-ratio",
        "Order": "order",
    }
    said = {key: words.get(f"{kind}-{flag}") for key, flag in rows.items() if f"{kind}-{flag}" in words}
    if not said:
        return None
    usual = {
        "Parallelism": 1,
        "FailureAction": "pause",
        "Monitor": 5 * 10**9,
        "MaxFailureRatio": 0,
        "Order": "stop-first",
    }
    return {key: value for key, value in (usual | said).items() if key != "Delay" or value}


def mode(words: Words) -> Object:
    name, replicas = words.get("mode", "replicated"), words.get("replicas")
    if "max-concurrent" in words and name in ("replicated", "global"):
        raise Refused("max-concurrent can only be used with replicated-job mode")
    if name == "replicated":
        return {"Replicated": {} if replicas is None else {"Replicas": replicas}}
    if name in ("global", "global-job"):
        if replicas is not None:
            raise Refused("replicas can only be used with replicated or replicated-job mode")
        if "replicas-max-per-node" in words:
            raise Refused("replicas-max-per-node can only be used with replicated or replicated-job mode")
        return {"Global": {}} if name == "global" else {"GlobalJob": {}}
    if name == "replicated-job":
        total = 1 if replicas is None else replicas
        return {
            "ReplicatedJob": {"MaxConcurrent": words.get("max-concurrent", total), "TotalCompletions": total}
        }
    raise Refused(f"Unknown mode: {name}, only replicated and global supported")


def endpoint(words: Words) -> Object:
    found: Object = {"Mode": words.get("endpoint-mode", "vip").lower()}
    return found | ({"Ports": words.get("publish")} if words.get("publish") else {})


def networks(engine: Engine, wanted: list[Object]) -> list[Object]:
    """The attachments, by the IDs that the engine knows the networks by; the client sorts them so."""
    found = []
    for one in wanted:
        network = engine.get(f"/networks/{one['Target']}", scope="swarm")
        found.append({**one, "Target": network["Id"]})
    return sorted(found, key=lambda one: str(one["Target"]))


def log_driver(words: Words) -> Object | None:
    if not words.get("log-driver"):
        return None
    options = pairs(words.get("log-opt", []))
    return {"Name": words.get("log-driver")} | ({"Options": options} if options else {})


def ulimit(text: str) -> Object:
    """NAME=SOFT[:HARD], as units.ParseUlimit."""
    name, _, value = text.partition("=")
    soft, _, hard = value.partition(":")
    return {"Name": name, "Hard": int(hard or soft), "Soft": int(soft)}
