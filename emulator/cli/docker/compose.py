"""A service of a compose file as flags of `service create`, which mean the same (cli/compose/convert/).

A key that is no row here is refused by its name: what a file asks for and nobody does would be a lie.
"""

from __future__ import annotations

import csv
import io
import os
import re
import shlex
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from emulator.cli.docker.verb import Refused

Object = dict[str, Any]

# Keys with one value, and their flags.
TEXTS = {
    "hostname": "hostname",
    "isolation": "isolation",
    "stop_grace_period": "stop-grace-period",
    "stop_signal": "stop-signal",
    "user": "user",
    "working_dir": "workdir",
}
SWITCHES = {"init": "init", "read_only": "read-only", "tty": "tty"}
LISTS = {"cap_add": "cap-add", "cap_drop": "cap-drop", "dns": "dns", "dns_search": "dns-search"}
PAIRS = {"environment": "env", "labels": "container-label", "sysctls": "sysctl"}
HEALTH = {
    "interval": "health-interval",
    "timeout": "health-timeout",
    "retries": "health-retries",
    "start_period": "health-start-period",
    "start_interval": "health-start-interval",
}
DEPLOY = (
    "endpoint_mode",
    "labels",
    "mode",
    "placement",
    "replicas",
    "resources",
    "restart_policy",
    "rollback_config",
    "update_config",
)
UPDATE = ("delay", "failure_action", "max_failure_ratio", "monitor", "order", "parallelism")
RESTART = {
    "condition": "restart-condition",
    "delay": "restart-delay",
    "max_attempts": "restart-max-attempts",
    "window": "restart-window",
}
# Docker's client passes over these as well.
IGNORED = ("build", "container_name", "depends_on", "expose", "links", "restart", "security_opt")
HANDLED = (
    *("image", "command", "entrypoint", "deploy", "healthcheck", "ports", "volumes", "networks"),
    *("extra_hosts", "logging", "env_file", "secrets", "configs"),
)


class Namespace:
    """The names of a stack's objects: its own begin with its name, those from elsewhere are their own."""

    def __init__(self, stack: str, file: Object) -> None:
        self.stack, self.networks, self.volumes = stack, file.get("networks") or {}, file.get("volumes") or {}

    def of(self, kind: str, name: str) -> str:
        said = (self.networks if kind == "network" else self.volumes).get(name) or {}
        external = said.get("external")
        if isinstance(external, dict):
            return str(external.get("name", name))
        return str(said.get("name") or (name if external else f"{self.stack}_{name}"))


def flags(name: str, service: Object, space: Namespace, folder: str) -> list[str]:
    """The words of `service create` for one service."""
    known = (*TEXTS, *SWITCHES, *LISTS, *PAIRS, *IGNORED, *HANDLED)
    for key in service:
        if key not in known and not str(key).startswith("x-"):
            raise Refused(f"services.{name}.{key}: not emulated")
    if service.get("secrets") or service.get("configs"):
        raise Refused(f"services.{name}: not emulated: this swarm keeps no configs, secrets or credentials")
    if not service.get("image"):
        raise Refused(f"invalid image reference for service {name}: no image specified")
    words = [f"--{flag}={service[key]}" for key, flag in TEXTS.items() if key in service]
    words += [f"--{flag}={str(service[key]).lower()}" for key, flag in SWITCHES.items() if key in service]
    words += [f"--{flag}={one}" for key, flag in LISTS.items() for one in _many(service.get(key))]
    words += [f"--env-file={_at(folder, file)}" for file in _many(service.get("env_file"))]
    words += [
        f"--{flag}={one}"
        for key, flag in PAIRS.items()
        for one in pairs(service.get(key), f"services.{name}.{key}")
    ]
    words += [f"--host={one.replace('=', ':', 1)}" for one in pairs(service.get("extra_hosts"))]
    words += [*_health(service.get("healthcheck") or {}), *_log(service.get("logging") or {})]
    words += [*_deploy(name, service.get("deploy") or {}), *_ports(service.get("ports") or [])]
    words += [f"--mount={_mount(one, space, folder)}" for one in service.get("volumes") or ()]
    words += [f"--network={one}" for one in _networks(name, service.get("networks"), space)]
    if "entrypoint" in service:
        words.append(f"--entrypoint={shlex.join(_words(service['entrypoint']))}")
    return [*words, str(service["image"]), *_words(service.get("command"))]


def _many(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]


def _words(value: Any) -> list[str]:
    return shlex.split(value) if isinstance(value, str) else [str(one) for one in value or ()]


def pairs(value: Any, where: str = "") -> list[str]:
    """NAME=VALUE, from a list or a table; a name without a value stands alone."""
    if not isinstance(value, dict):
        return [str(one) for one in value or ()]
    for name, said in value.items():
        if isinstance(said, bool | list | dict):
            raise Refused(f"{where}.{name} must be a string, number or null")
    return [str(name) if said is None else f"{name}={said}" for name, said in sorted(value.items())]


def _health(check: Object) -> Iterator[str]:
    test = check.get("test")
    if check.get("disable") or test == ["NONE"]:
        yield "--no-healthcheck"
        return
    if test:
        yield f"--health-cmd={test if isinstance(test, str) else shlex.join(map(str, test[1:]))}"
    yield from (f"--{flag}={check[key]}" for key, flag in HEALTH.items() if key in check)


def health_test(service: Object) -> list[str] | None:
    """The test as it stands, where flags cannot say it: CMD, without a shell."""
    test = (service.get("healthcheck") or {}).get("test")
    return [str(one) for one in test] if isinstance(test, list) and test[0] != "NONE" else None


def _log(logging: Object) -> Iterator[str]:
    if "driver" in logging:
        yield f"--log-driver={logging['driver']}"
    yield from (f"--log-opt={one}" for one in pairs(logging.get("options")))


def _deploy(name: str, deploy: Object) -> Iterator[str]:
    for key in deploy:
        if key not in DEPLOY:
            raise Refused(f"services.{name}.deploy.{key}: not emulated")
    for key, flag in (("mode", "mode"), ("replicas", "replicas"), ("endpoint_mode", "endpoint-mode")):
        if key in deploy:
            yield f"--{flag}={deploy[key]}"
    yield from (f"--label={one}" for one in pairs(deploy.get("labels")))
    for kind in ("update", "rollback"):
        said = deploy.get(f"{kind}_config") or {}
        yield from (f"--{kind}-{key.replace('_', '-')}={said[key]}" for key in UPDATE if key in said)
    said = deploy.get("restart_policy") or {}
    yield from (f"--{flag}={said[key]}" for key, flag in RESTART.items() if key in said)
    yield from _resources(deploy.get("resources") or {})
    placement = deploy.get("placement") or {}
    yield from (f"--constraint={one}" for one in placement.get("constraints") or ())
    yield from (f"--placement-pref=spread={one['spread']}" for one in placement.get("preferences") or ())
    if placement.get("max_replicas_per_node"):
        yield f"--replicas-max-per-node={placement['max_replicas_per_node']}"


def _resources(said: Object) -> Iterator[str]:
    for table, stem in (("limits", "limit"), ("reservations", "reserve")):
        for key, flag in (("cpus", "cpu"), ("memory", "memory"), ("pids", "pids")):
            if key in (said.get(table) or {}):
                yield f"--{stem}-{flag}={said[table][key]}"


def _ports(found: Iterable[Any]) -> Iterator[str]:
    for port in found:
        if isinstance(port, dict):
            yield "--publish=" + ",".join(f"{key}={value}" for key, value in port.items())
        else:
            yield f"--publish={port}"


def _mount(said: Any, space: Namespace, folder: str) -> str:
    """A volume in its short or its long form, as a value of --mount."""
    if isinstance(said, str):
        said = _long(said)
    kind, source = said.get("type", "volume"), said.get("source", "")
    fields = [f"type={kind}"]
    if source:
        fields.append(f"source={space.of('volume', source) if kind == 'volume' else _at(folder, source)}")
    fields.append(f"target={said['target']}")
    fields += ["readonly"] if said.get("read_only") else []
    if kind == "volume" and source and not (space.volumes.get(source) or {}).get("external"):
        fields.append(f"volume-label=com.docker.stack.namespace={space.stack}")
    fields += ["volume-nocopy"] if (said.get("volume") or {}).get("nocopy") else []
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(fields)
    return line.getvalue()


def _long(text: str) -> Object:
    """SOURCE:TARGET[:ro]; a source that begins like a path is a folder of this machine."""
    parts = text.split(":")
    if len(parts) == 1:
        return {"type": "volume", "target": text}
    kind = "bind" if parts[0].startswith((".", "/", "~")) else "volume"
    modes = parts[2].split(",") if len(parts) > 2 else []
    found: Object = {"type": kind, "source": parts[0], "target": parts[1], "read_only": "ro" in modes}
    return found | ({"volume": {"nocopy": True}} if "nocopy" in modes else {})


def _at(folder: str, path: str) -> str:
    return os.path.normpath(Path(folder) / Path(path).expanduser())


def _networks(name: str, said: Any, space: Namespace) -> Iterator[str]:
    """Each network the service is in, by its own name there and by what else it is called."""
    names = said if said else ["default"]
    for network in names:
        aliases = (names[network] or {}).get("aliases") or [] if isinstance(names, dict) else []
        words = [f"name={space.of('network', network)}", *(f"alias={one}" for one in (*aliases, name))]
        yield ",".join(words)


VARIABLE = re.compile(r"\$(?:(\$)|(\w+)|\{(\w+)(?:(:?[-?+])([^}]*))?\})")


def filled(value: Any, known: Callable[[str], str | None]) -> Any:
    """The file with the variables of the environment in their places, as compose/template has them."""
    if isinstance(value, dict):
        return {name: filled(inner, known) for name, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner, known) for inner in value]
    return VARIABLE.sub(lambda match: _variable(match, known), value) if isinstance(value, str) else value


def _variable(match: re.Match[str], known: Callable[[str], str | None]) -> str:
    dollar, plain, braced, mark, otherwise = match.groups()
    if dollar:
        return "$"
    found = known(plain or braced)
    there = bool(found) if (mark or "").startswith(":") else found is not None
    if mark and mark.endswith("?") and not there:
        raise Refused(f"required variable {braced} is missing a value: {otherwise}")
    if mark and mark.endswith("-") and not there:
        return str(otherwise)
    if mark and mark.endswith("+"):
        return str(otherwise) if there else ""
    return found or ""
