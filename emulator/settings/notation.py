"""Docker's own notations: durations, commands, variables, templates, signals, ports and mounts."""

from __future__ import annotations

import re
from typing import Any

from emulator.settings.values import Kind, Spot, Unfit, as_text, closest, quoted, simple

DURATION = re.compile(r"(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+", re.ASCII)
DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)", re.ASCII)
SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
FLAGS: dict[str, Any] = {"true": True, "1": True, "false": False, "0": False}
LONGEST = 366 * 24 * 3600.0
TEMPLATE = re.compile(r"\{\{(.*?)(?:\}\}|\Z)", re.DOTALL)
TEMPLATE_FIELDS = (
    ".Service.ID", ".Service.Name", ".Node.ID", ".Node.Hostname",
    ".Node.Platform.Architecture", ".Node.Platform.OS", ".Task.ID", ".Task.Name", ".Task.Slot",
)  # fmt: skip
TEMPLATE_LABEL = re.compile(r'index\s+\.Service\.Labels\s+"[^"]*"')
LABELS = re.compile(r"[A-Za-z0-9.-]{1,63}")
PORT = re.compile(
    r"(?:(?:(?P<host>[^/]*):)?(?P<published>\d+):)?(?P<target>\d+)(?:/(?P<protocol>\w+))?", re.A
)


def as_duration(value: Any) -> float:
    """Seconds, from Go's notation (time.ParseDuration: "1m30s") or a plain number of seconds."""
    if isinstance(value, str) and DURATION.fullmatch(value):
        seconds = sum(float(amount) * SECONDS[unit] for amount, unit in DURATION_PART.findall(value))
    elif type(value) in (int, float):
        seconds = value
    else:
        raise Unfit
    if not 0 <= seconds <= LONGEST:
        raise Unfit("a duration from 0 to a year")
    return float(seconds)


def as_command(value: Any) -> tuple[str, ...]:
    """The arguments of a command: a string is split as a shell splits it, without a shell's expansions."""
    if isinstance(value, str):
        import shlex

        try:
            words = shlex.split(value)
        except ValueError as error:
            raise Unfit(f"a command whose quotes match ({str(error).lower()})") from None
    elif isinstance(value, list) and all(isinstance(word, str) for word in value):
        words = value
    else:
        raise Unfit
    if not words or not words[0] or any("\0" in word for word in words):
        raise Unfit
    return tuple(words)


def as_signal(value: Any) -> str:
    """A signal's full name from "TERM", "SIGTERM" or 15, as Docker takes it."""
    import signal

    try:
        if type(value) is int or (isinstance(value, str) and value.isascii() and value.isdigit()):
            return signal.Signals(int(value)).name
        return signal.Signals[f"SIG{value.upper().removeprefix('SIG')}"].name
    except (KeyError, ValueError, AttributeError):
        raise Unfit from None


def read_env(value: Any, spot: Spot) -> Any:
    """Variables from a table or from Docker's list of "NAME=value"."""
    if isinstance(value, list):
        found = [_assignment(item, spot.at(index)) for index, item in enumerate(value)]
    elif isinstance(value, dict):
        found = [_variable(name, item, spot.at(name)) for name, item in value.items()]
    else:
        spot.wrong(value, ENV.expected)
        return None
    return None if None in found else tuple(dict(pair for pair in found if pair).items())


def read_labels(value: Any, spot: Spot) -> Any:
    """Labels from a table, or from compose's list of "name=value"."""
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        value = {name: text for name, _, text in (item.partition("=") for item in value)}
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        spot.wrong(value, LABEL_TABLE.expected)
        return None
    return tuple(value.items())


def as_ratio(value: Any) -> float:
    """A part of one."""
    if type(value) not in (int, float) or not 0 <= value <= 1:
        raise Unfit
    return float(value)


def _assignment(item: Any, spot: Spot) -> tuple[str, str] | None:
    if isinstance(item, str) and "=" in item:
        name, _, text = item.partition("=")
        return _variable(name, text, spot)
    spot.wrong(item, '"NAME=value"')
    return None


def _variable(name: str, value: Any, spot: Spot) -> tuple[str, str] | None:
    if not name or "=" in name or "\0" in name:
        spot.add(f"{quoted(name)} cannot be the name of a variable")
    elif type(value) in (int, float) and abs(value) < 2**64:
        return name, str(value)
    elif not isinstance(value, str) or "\0" in value:
        spot.wrong(value, "a string or a number")
    elif check_template(value, spot):
        return name, value
    return None


def check_template(text: str, spot: Spot) -> bool:
    """Whether every {{...}} of a text is one that a task has a value for; reports the first that is not."""
    for inner in TEMPLATE.findall(text):
        known = inner.strip() in TEMPLATE_FIELDS or TEMPLATE_LABEL.fullmatch(inner.strip())
        if not known or text.count("{{") != text.count("}}"):
            near = closest(inner.strip(), TEMPLATE_FIELDS)
            meant = f", did you mean {{{{{near}}}}}?" if near else ""
            spot.add(f"{quoted(text)} holds a template that is not known{meant}")
            return False
    return True


def read_hostname(value: Any, spot: Spot) -> Any:
    """A host's name, with templates."""
    if not isinstance(value, str) or not LABELS.fullmatch(TEMPLATE.sub("x", value)):
        spot.wrong(value, HOSTNAME.expected)
        return None
    return value if check_template(value, spot) else None


def port_parts(text: str) -> dict[str, Any]:
    """The table that a port's short form stands for: "8080:80", "127.0.0.1:8080:80/tcp", "80"."""
    match = PORT.fullmatch(text)
    if not match:
        raise Unfit
    if match["host"] not in (None, "127.0.0.1", "localhost"):
        raise Unfit("127.0.0.1 as its address: ports are published on this machine's loopback only")
    parts: dict[str, Any] = {"target": int(match["target"])}
    if match["published"]:
        parts["published"] = int(match["published"])
    if match["protocol"]:
        parts["protocol"] = match["protocol"]
    return parts


def mount_parts(text: str) -> dict[str, Any]:
    """The table that a `--mount` string stands for; a flag without a value ("readonly") is true."""
    if "=" not in text:
        source, _, rest = text.partition(":")
        target, _, mode = rest.partition(":")
        if not target.startswith("/"):
            raise Unfit
        kind = "type=bind," if source.startswith(("/", ".", "~")) else ""
        flag = ",readonly" if mode == "ro" else ""
        raise Unfit(f"Docker's --mount notation: {quoted(f'{kind}src={source},dst={target}{flag}')}")
    parts: dict[str, Any] = {}
    for field in text.split(","):
        key, equals, value = field.strip().partition("=")
        is_flag = key in ("readonly", "ro", "read_only")
        parts[key] = FLAGS.get(value.lower() if equals else "true", value) if is_flag else value
    return parts


def as_test(value: Any) -> tuple[str, ...]:
    """A health check's test as compose has it: a string is a shell's command."""
    if isinstance(value, str) and value.strip() and "\0" not in value:
        return ("NONE",) if value == "NONE" else ("CMD-SHELL", value)
    if not isinstance(value, list) or not value or not all(isinstance(word, str) for word in value):
        raise Unfit
    lengths = {"NONE": len(value) == 1, "CMD-SHELL": len(value) == 2, "CMD": len(value) > 1}
    if not lengths.get(value[0]):
        raise Unfit
    return tuple(value)


def read_paths(value: Any, spot: Spot) -> Any:
    """Paths of a container and what stands there."""
    from pathlib import Path

    if not isinstance(value, dict):
        spot.wrong(value, PATHS.expected)
        return None
    found = []
    for target, real in value.items():
        try:
            found.append((as_mount_target(target), Path(as_text(real))))
        except Unfit:
            spot.at(target).wrong(real, "an absolute path of the container and one of this machine")
            return None
    return tuple(found)


def as_mount_target(value: Any) -> str:
    """Where a mount goes: an absolute path of the container, without dots and doubled slashes."""
    import posixpath

    text = as_text(value)
    if not text.startswith("/") or (path := "/" + posixpath.normpath(text).lstrip("/")) == "/":
        raise Unfit
    return path


DURATION_KIND = simple('a duration like "500ms", "1m30s" or a number of seconds', as_duration)
COMMAND = simple("a command as one string or as a list of strings", as_command)
SIGNAL = simple('a signal like "SIGTERM"', as_signal)
ENV = Kind('a table like { NAME = "value" } or a list like ["NAME=value"]', read_env)
LABEL_TABLE = Kind('a table like { "com.example.team" = "web" } or a list like ["name=value"]', read_labels)
RATIO = simple("a number from 0 to 1", as_ratio)
HOSTNAME = Kind('a host name like "web-{{.Task.Slot}}"', read_hostname)
TARGET = simple('an absolute path in the container like "/app/static"', as_mount_target)
TEST = simple('a command, or a list that begins with "CMD", "CMD-SHELL" or "NONE"', as_test)
PATHS = Kind('a table like { "/usr/share/data" = "data" }', read_paths)
