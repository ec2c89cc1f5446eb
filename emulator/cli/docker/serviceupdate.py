"""From the flags of `service update` to the ServiceSpec as it is to be (docker/cli, service/update.go)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from emulator.cli.docker import servicespec
from emulator.cli.docker.pflag import Words
from emulator.cli.docker.units import tagged
from emulator.cli.docker.verb import Refused
from emulator.client import Engine

Object = dict[str, Any]

# A flag that sets one value: where it stands in the specification.
PLACES: dict[str, tuple[str, ...]] = {
    "args": ("TaskTemplate", "ContainerSpec", "Args"),
    "entrypoint": ("TaskTemplate", "ContainerSpec", "Command"),
    "hostname": ("TaskTemplate", "ContainerSpec", "Hostname"),
    "init": ("TaskTemplate", "ContainerSpec", "Init"),
    "isolation": ("TaskTemplate", "ContainerSpec", "Isolation"),
    "oom-score-adj": ("TaskTemplate", "ContainerSpec", "OomScoreAdj"),
    "read-only": ("TaskTemplate", "ContainerSpec", "ReadOnly"),
    "stop-grace-period": ("TaskTemplate", "ContainerSpec", "StopGracePeriod"),
    "stop-signal": ("TaskTemplate", "ContainerSpec", "StopSignal"),
    "tty": ("TaskTemplate", "ContainerSpec", "TTY"),
    "user": ("TaskTemplate", "ContainerSpec", "User"),
    "workdir": ("TaskTemplate", "ContainerSpec", "Dir"),
    "limit-cpu": ("TaskTemplate", "Resources", "Limits", "NanoCPUs"),
    "limit-memory": ("TaskTemplate", "Resources", "Limits", "MemoryBytes"),
    "limit-pids": ("TaskTemplate", "Resources", "Limits", "Pids"),
    "reserve-cpu": ("TaskTemplate", "Resources", "Reservations", "NanoCPUs"),
    "reserve-memory": ("TaskTemplate", "Resources", "Reservations", "MemoryBytes"),
    "replicas-max-per-node": ("TaskTemplate", "Placement", "MaxReplicas"),
    "endpoint-mode": ("EndpointSpec", "Mode"),
}
# What there can be many of: the stem of the flags, where it stands, and the key of a text in it.
LISTS: dict[str, tuple[tuple[str, ...], Callable[[str], str]]] = {
    "env": (("TaskTemplate", "ContainerSpec", "Env"), lambda text: text.partition("=")[0]),
    "constraint": (("TaskTemplate", "Placement", "Constraints"), str),
    "group": (("TaskTemplate", "ContainerSpec", "Groups"), str),
    "dns": (("TaskTemplate", "ContainerSpec", "DNSConfig", "Nameservers"), str),
    "dns-search": (("TaskTemplate", "ContainerSpec", "DNSConfig", "Search"), str),
    "dns-option": (("TaskTemplate", "ContainerSpec", "DNSConfig", "Options"), str),
}
MAPS: dict[str, tuple[str, ...]] = {
    "label": ("Labels",),
    "container-label": ("TaskTemplate", "ContainerSpec", "Labels"),
    "sysctl": ("TaskTemplate", "ContainerSpec", "Sysctls"),
}


def updated(engine: Engine, spec: Object, words: Words) -> Object:
    """The specification with what the flags say; it is changed where it stands."""
    if "image" in words:
        _table(spec, ("TaskTemplate", "ContainerSpec"))["Image"] = tagged(words.get("image"))
    for flag, path in PLACES.items():
        if flag in words:
            _table(spec, path[:-1])[path[-1]] = words.get(flag)
    for stem, (path, key) in LISTS.items():
        _list(spec, words, stem, path, key)
    for stem, path in MAPS.items():
        _map(spec, words, stem, path)
    _capabilities(_table(spec, ("TaskTemplate", "ContainerSpec")), words)
    _ulimits(_table(spec, ("TaskTemplate", "ContainerSpec")), words)
    _preferences(spec, words)
    if "generic-resource-rm" in words:
        raise Refused(f"could not find generic-resource `{words.get('generic-resource-rm')[0]}` to remove it")
    if "generic-resource-add" in words:
        wanted = servicespec.generic_resources(words.get("generic-resource-add"))
        _table(spec, ("TaskTemplate", "Resources", "Reservations"))["GenericResources"] = wanted
    _replicas(spec, words)
    _policies(spec, words)
    _health(spec, words)
    _mounts(spec, words)
    _hosts(spec, words)
    _networks(engine, spec, words)
    _ports(spec, words)
    if words.get("force"):
        spec["TaskTemplate"]["ForceUpdate"] = spec["TaskTemplate"].get("ForceUpdate", 0) + 1
    return spec


def _table(spec: Object, path: tuple[str, ...]) -> Object:
    for name in path:
        if spec.get(name) is None:
            spec[name] = {}
        spec = spec[name]
    return spec


def _list(spec: Object, words: Words, stem: str, path: tuple[str, ...], key: Callable[[str], str]) -> None:
    added, removed = words.get(f"{stem}-add", []), set(words.get(f"{stem}-rm", []))
    if not added and not removed:
        return
    there = _table(spec, path[:-1]).get(path[-1]) or []
    found = {key(text): text for text in there if stem != "env" or key(text) not in removed}
    found = {name: text for name, text in found.items() if name not in removed}
    found |= {key(text): text for text in added}
    _put(spec, path, list(found.values()) if stem == "env" else sorted(found.values()))


def _put(spec: Object, path: tuple[str, ...], value: Any) -> None:
    table = _table(spec, path[:-1])
    if value:
        table[path[-1]] = value
    else:
        table.pop(path[-1], None)


def _map(spec: Object, words: Words, stem: str, path: tuple[str, ...]) -> None:
    added, removed = words.get(f"{stem}-add", []), set(words.get(f"{stem}-rm", []))
    if added or removed:
        table = _table(spec, path)
        for name in removed:
            table.pop(name, None)
        table.update(servicespec.pairs(added))


def _capabilities(container: Object, words: Words) -> None:
    """As updateCapabilities: to add what was dropped only takes that back, and the other way round."""
    added = set(servicespec.capabilities(words.get("cap-add", [])))
    dropped = set(servicespec.capabilities(words.get("cap-drop", []))) - added
    if not added and not dropped:
        return
    before = {key: set(container.get(key) or ()) for key in ("CapabilityAdd", "CapabilityDrop")}
    for key, more, less in (("CapabilityAdd", added, dropped), ("CapabilityDrop", dropped, added)):
        other = before["CapabilityDrop" if key == "CapabilityAdd" else "CapabilityAdd"]
        kept = set() if "ALL" in more else before[key] - less
        _put(container, (key,), sorted(kept | (more - other)))


def _ulimits(container: Object, words: Words) -> None:
    """Those of a name take each other's place."""
    if "ulimit-add" in words or "ulimit-rm" in words:
        gone = {text.partition("=")[0] for text in words.get("ulimit-rm", [])}
        added = [servicespec.ulimit(text) for text in words.get("ulimit-add", [])]
        found = {one["Name"]: one for one in container.get("Ulimits") or () if one["Name"] not in gone}
        found |= {one["Name"]: one for one in added}
        _put(container, ("Ulimits",), [found[name] for name in sorted(found)])


def _preferences(spec: Object, words: Words) -> None:
    added, gone = words.get("placement-pref-add", []), words.get("placement-pref-rm", [])
    if added or gone:
        placement = _table(spec, ("TaskTemplate", "Placement"))
        kept = [one for one in placement.get("Preferences") or () if one not in gone]
        _put(placement, ("Preferences",), [*kept, *added])


def _replicas(spec: Object, words: Words) -> None:
    if "replicas" not in words:
        return
    if "Replicated" not in spec["Mode"]:
        raise Refused("replicas can only be used with replicated mode")
    spec["Mode"]["Replicated"]["Replicas"] = words.get("replicas")


def _policies(spec: Object, words: Words) -> None:
    usual = servicespec.restart(words)
    if usual:
        said = {"Condition": "restart-condition", "Delay": "restart-delay",
                "MaxAttempts": "restart-max-attempts", "Window": "restart-window"}  # fmt: skip
        there = spec["TaskTemplate"].get("RestartPolicy") or {}
        changed = {key: usual[key] for key, flag in said.items() if flag in words}
        spec["TaskTemplate"]["RestartPolicy"] = usual | there | changed
    for kind, key in (("update", "UpdateConfig"), ("rollback", "RollbackConfig")):
        whole = servicespec.update(words, kind)
        if whole:
            said_keys = {name for name in whole if f"{kind}-{_dashed(name)}" in words}
            spec[key] = whole | (spec.get(key) or {}) | {name: whole[name] for name in said_keys}
    if driver := servicespec.log_driver(words):
        spec["TaskTemplate"]["LogDriver"] = driver


def _dashed(name: str) -> str:
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("-")


def _health(spec: Object, words: Words) -> None:
    found = servicespec.health(words)
    if found is None:
        return
    container = spec["TaskTemplate"]["ContainerSpec"]
    there = container.get("Healthcheck") or {}
    if "Test" not in found and there.get("Test") == ["NONE"]:
        there = {}
    container["Healthcheck"] = found if found.get("Test") == ["NONE"] else {**there, **found}


def _mounts(spec: Object, words: Words) -> None:
    added, removed = words.get("mount-add", []), words.get("mount-rm", [])
    if added or removed:
        there = spec["TaskTemplate"]["ContainerSpec"].get("Mounts") or []
        found = {one["Target"]: one for one in there}
        found |= {one["Target"]: one for one in added}
        kept = [one for target, one in found.items() if target not in removed]
        _put(
            spec,
            ("TaskTemplate", "ContainerSpec", "Mounts"),
            sorted(kept, key=lambda one: str(one.get("Source", ""))),
        )


def _hosts(spec: Object, words: Words) -> None:
    added, removed = words.get("host-add", []), words.get("host-rm", [])
    if added or removed:
        gone = {" ".join(reversed(text.split(":", 1))) for text in removed} | set(removed)
        there = spec["TaskTemplate"]["ContainerSpec"].get("Hosts") or []
        kept = [line for line in there if line not in gone and line.split()[-1] not in gone]
        _put(spec, ("TaskTemplate", "ContainerSpec", "Hosts"),
             kept + [" ".join(reversed(text.split(":", 1))) for text in added])  # fmt: skip


def _networks(engine: Engine, spec: Object, words: Words) -> None:
    added, removed = words.get("network-add", []), words.get("network-rm", [])
    if not added and not removed:
        return
    gone = {engine.get(f"/networks/{name}", scope="swarm")["Id"] for name in removed}
    there = spec["TaskTemplate"].get("Networks") or spec.get("Networks") or []
    found = [one for one in there if one["Target"] not in gone]
    for one in servicespec.networks(engine, added):
        if any(other["Target"] == one["Target"] for other in found):
            raise Refused(f"service is already attached to network {_said(added, engine, one['Target'])}")
        found.append(one)
    _put(spec, ("TaskTemplate", "Networks"), sorted(found, key=lambda one: str(one["Target"])))


def _said(added: list[Object], engine: Engine, identity: str) -> str:
    named = (one["Target"] for one in added)
    return next((name for name in named if engine.get(f"/networks/{name}")["Id"] == identity), identity)


def _ports(spec: Object, words: Words) -> None:
    """A port is taken away by its target port and protocol."""
    added, removed = words.get("publish-add", []), words.get("publish-rm", [])
    if not added and not removed:
        return
    gone = [_target(text) for text in removed]
    there = (spec.get("EndpointSpec") or {}).get("Ports") or []
    kept = [port for port in there if not any(_same(port, other) for other in [*gone])]
    keys = [
        (port["Protocol"], port["TargetPort"], port.get("PublishedPort"), port["PublishMode"])
        for port in added
    ]
    kept = [
        port
        for port in kept
        if (port["Protocol"], port["TargetPort"], port.get("PublishedPort"), port["PublishMode"]) not in keys
    ]
    _put(
        spec,
        ("EndpointSpec", "Ports"),
        sorted([*kept, *added], key=lambda port: port.get("PublishedPort", 0)),
    )


def _target(text: str) -> tuple[int, str, int | None]:
    number, _, protocol = text.partition("/")
    published, _, target = number.rpartition(":")
    if not target.isdigit():
        raise Refused(f'invalid argument "{text}" for "--publish-rm" flag', 125)
    return int(target), protocol or "tcp", int(published) if published.isdigit() else None


def _same(port: Object, other: tuple[int, str, int | None]) -> bool:
    return (
        port["TargetPort"] == other[0]
        and port["Protocol"] == other[1]
        and port.get("PublishMode") == "ingress"
    )
