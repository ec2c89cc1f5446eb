"""The small languages of --mount, --publish, --network and --placement-pref (docker/cli, opts/)."""

from __future__ import annotations

import csv
import re
from typing import Any

from emulator.cli.docker.units import size

Object = dict[str, Any]

# --mount: the key, the table of the API in which it stands, its name there, and how it is read.
MOUNT_OPTIONS = {
    "bind-propagation": ("BindOptions", "Propagation"),
    "bind-nonrecursive": ("BindOptions", "NonRecursive"),
    "volume-nocopy": ("VolumeOptions", "NoCopy"),
    "volume-subpath": ("VolumeOptions", "Subpath"),
    "tmpfs-size": ("TmpfsOptions", "SizeBytes"),
    "tmpfs-mode": ("TmpfsOptions", "Mode"),
}
MOUNT_MAPS = {"volume-label": "Labels", "volume-opt": "Options"}
PLAIN_MOUNT_KEYS = {
    "source": "Source",
    "src": "Source",
    "target": "Target",
    "dst": "Target",
    "destination": "Target",
}
FLAG_KEYS = ("readonly", "ro", "volume-nocopy", "bind-nonrecursive")


def fields(text: str) -> list[tuple[str, str, str]]:
    """The fields of a line of CSV: each as it stands, its key, and its value."""
    (row,) = csv.reader([text])
    split = ((field, *field.partition("=")[::2]) for field in row)
    return [(field, key.strip().lower(), value.strip()) for field, key, value in split]


def mount(text: str) -> Object:
    """As opts.MountOpt.Set: volume where no type is said, and a target always."""
    found: Object = {"Type": "volume"}
    for field, key, value in fields(text):
        if "=" not in field and key not in FLAG_KEYS:
            raise ValueError(f"invalid field '{field}' must be a key=value pair")
        _mount_field(found, field, key, value)
    if not found.get("Target"):
        raise ValueError("target is required")
    for kind in ("Volume", "Bind", "Tmpfs"):
        if f"{kind}Options" in found and found["Type"] != kind.lower():
            raise ValueError(f"cannot mix '{kind.lower()}-*' options with mount type '{found['Type']}'")
    return found


def _mount_field(found: Object, field: str, key: str, value: str) -> None:
    if key == "type":
        found["Type"] = value.lower()
    elif key in PLAIN_MOUNT_KEYS:
        found[PLAIN_MOUNT_KEYS[key]] = _absolute(value) if PLAIN_MOUNT_KEYS[key] == "Source" else value
    elif key in ("readonly", "ro"):
        if _flag(key, field, value):
            found["ReadOnly"] = True
    elif key in MOUNT_MAPS:
        name, _, said = value.partition("=")
        options = _options(found, "VolumeOptions")
        table = options["DriverConfig"] if key == "volume-opt" else options
        table.setdefault(MOUNT_MAPS[key], {})[name] = said
    elif key == "volume-driver":
        _options(found, "VolumeOptions")["DriverConfig"]["Name"] = value
    elif key in MOUNT_OPTIONS:
        table, name = MOUNT_OPTIONS[key]
        _options(found, table)[name] = _flag(key, field, value) if key in FLAG_KEYS else _number(key, value)
    else:
        raise ValueError(f"unexpected key '{key}' in '{field}'")


def _options(found: Object, table: str) -> Object:
    options: Object = found.setdefault(table, {"DriverConfig": {}} if table == "VolumeOptions" else {})
    return options


def _flag(key: str, field: str, value: str) -> bool:
    if "=" not in field or value in ("1", "t", "true"):
        return True
    if value not in ("0", "f", "false"):
        raise ValueError(f"invalid value for {key}: {value}")
    return False


def _number(key: str, value: str) -> str | int:
    try:
        if key == "tmpfs-mode":
            return int(value, 8)
        return size(value) if key == "tmpfs-size" else value
    except ValueError:
        raise ValueError(f"invalid value for {key}: {value}") from None


def _absolute(source: str) -> str:
    """A source that begins with a dot is a path from here, as the client resolves it."""
    if source in (".", "..") or source.startswith(("./", "../")):
        from pathlib import Path

        return str((Path.cwd() / source).resolve())
    return source


def network(text: str) -> Object:
    """As opts.NetworkOpt.Set: a name alone, or name=, alias= and driver-opt=."""
    if "=" not in text:
        return {"Target": text}
    found: Object = {"Target": ""}
    for field, key, value in fields(text):
        if key == "name":
            found["Target"] = value
        elif key == "alias":
            found.setdefault("Aliases", []).append(value)
        elif key == "driver-opt":
            name, _, said = value.partition("=")
            found.setdefault("DriverOpts", {})[name] = said
        else:
            raise ValueError(f"invalid field key {key}" if "=" in field else f"invalid field {field}")
    if not found["Target"]:
        raise ValueError("network name/id is not specified")
    return found


def port(text: str) -> list[Object]:
    """As opts.PortOpt.Set: the long form where an equals sign is, else [published:]target[/protocol]."""
    return [_long_port(text)] if "=" in text else _short_port(text)


def _long_port(text: str) -> Object:
    found: Object = {"Protocol": "tcp", "TargetPort": 0, "PublishMode": "ingress"}
    for field, key, value in fields(text):
        if "=" not in field:
            raise ValueError(f"invalid field: {field}")
        if key == "protocol" and value not in ("tcp", "udp", "sctp"):
            raise ValueError(f"invalid protocol value '{value}'")
        if key == "mode" and value not in ("ingress", "host"):
            raise ValueError(
                f"invalid publish mode value ({value}): must be either '{'ingress'}' or '{'host'}'"
            )
        if key in ("protocol", "mode"):
            found["Protocol" if key == "protocol" else "PublishMode"] = value
        elif key in ("target", "published"):
            if not re.fullmatch(r"\d{1,5}", value) or int(value) > 65535:
                what = f"invalid {key} port ({value}): value must be an integer"
                raise ValueError(what)
            found[f"{key.capitalize()}Port"] = int(value)
        else:
            raise ValueError(f"invalid field key: {key}")
    if not found["TargetPort"]:
        raise ValueError("missing mandatory field '\"target\"'".replace('"', ""))
    return _ordered(found)


def _ordered(found: Object) -> Object:
    return {
        key: found[key] for key in ("Protocol", "TargetPort", "PublishedPort", "PublishMode") if key in found
    }


def _short_port(text: str) -> list[Object]:
    body, slash, protocol = text.partition("/")
    if slash and protocol.lower() not in ("tcp", "udp", "sctp"):
        raise ValueError(f"invalid proto: {protocol}")
    *before, target = body.split(":")
    if len(before) > 1:
        raise ValueError("hostip is not supported")
    targets = _range(target, "containerPort")
    published = _range(before[0], "hostPort") if before and before[0] else []
    if published and len(published) != len(targets):
        raise ValueError(f"invalid ranges specified for container and host Ports: {target} and {before[0]}")
    rows = []
    for index, number in enumerate(targets):
        row: Object = {"Protocol": protocol.lower() or "tcp", "TargetPort": number}
        if published:
            row["PublishedPort"] = published[index]
        rows.append(row | {"PublishMode": "ingress"})
    return rows


def _range(text: str, what: str) -> list[int]:
    first, dash, last = text.partition("-")
    for word in (first, last) if dash else (first,):
        if not re.fullmatch(r"\d+", word) or int(word) > 65535:
            raise ValueError(f"invalid {what}: {text}")
    if dash and int(last) < int(first):
        raise ValueError(f"invalid {what}: {text}")
    return list(range(int(first), int(last or first) + 1))


def preference(text: str) -> Object:
    """As placementPrefOpts.Set: there is one strategy, spread."""
    strategy, equals, value = text.partition("=")
    if not equals or strategy != "spread":
        raise ValueError(f'unsupported placement preference "{strategy}" (only spread is supported)')
    return {"Spread": {"SpreadDescriptor": value}}
