"""`{{.Task.Slot}}` and its kin: Docker's templates in hostname, environment and mounts.

The errors are Go's (text/template), and swarmkit's around them (template/expand.go).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ..settings import Mount
from .model import Task, TaskSpec

_FIELD = re.compile(r"(\.[A-Za-z_]\w*)+")
_LABEL = re.compile(r'index\s+\.Service\.Labels\s+"([^"]*)"')
_NAME = re.compile(r"[A-Za-z_]\w*")
_BUILTIN = re.compile(
    "and|or|not|len|index|slice|print|printf|println|html|js|urlquery|call|eq|ne|lt|le|gt|ge|"
    "if|else|end|range|with|define|template|block|env|secret|config"
)
_BAD_CHARACTER = "bad character U+007D '}'"
_TYPES = {
    "": "*template.Context",
    ".Service": "struct { ID string; Name string; Labels map[string]string }",
    ".Node": "struct { ID string; Hostname string; Platform template.Platform }",
    ".Node.Platform": "template.Platform",
    ".Task": "struct { ID string; Name string; Slot string }",
}


class BadTemplate(Exception):
    """A template that names what a task does not have, or is none; the text is Docker's."""


class Expanded(NamedTuple):
    """What a task's spec becomes for this very task."""

    hostname: str
    env: tuple[tuple[str, str], ...]
    mounts: tuple[Mount, ...]


def context(
    task: Task, node: tuple[str, str], platform: tuple[str, str], labels: Mapping[str, str]
) -> dict[str, str]:
    """All that a template may name; `node` is id and hostname, `platform` architecture and system."""
    machine = f"{{{platform[0]} {platform[1]}}}"
    slot = str(task.slot or task.node_id or node[0])
    pairs = " ".join(f"{name}:{labels[name]}" for name in sorted(labels))
    return {
        ".Service": f"{{{task.service_id} {task.service_name} map[{pairs}]}}",
        ".Service.ID": task.service_id,
        ".Service.Name": task.service_name,
        ".Service.Labels": f"map[{pairs}]",
        ".Node": f"{{{node[0]} {node[1]} {machine}}}",
        ".Node.ID": node[0],
        ".Node.Hostname": node[1],
        ".Node.Platform": machine,
        ".Node.Platform.Architecture": platform[0],
        ".Node.Platform.OS": platform[1],
        ".Task": f"{{{task.id} {task.name} {slot}}}",
        ".Task.ID": task.id,
        ".Task.Name": task.name,
        ".Task.Slot": slot,
        **{f"label {name}": value for name, value in labels.items()},
    }


def expand_spec(spec: TaskSpec, known: Mapping[str, str]) -> Expanded:
    """Mounts, environment and hostname, in the order in which swarmkit finds their faults."""
    return Expanded(
        mounts=tuple(_mount(mount, known) for mount in spec.mounts),
        env=tuple(
            (name, _expand(value, known, f'env failed: expanding env "{name}={value}"'))
            for name, value in spec.env
        ),
        hostname=_expand(spec.hostname or "", known, "hostname failed"),
    )


def expand(text: str, known: Mapping[str, str]) -> str:
    """The text with each template's value."""
    return "".join(_pieces(text, known)) if "{{" in text else text


def _mount(mount: Mount, known: Mapping[str, str]) -> Mount:
    source = f'mounts failed: expanding mount source "{mount.source}"'
    target = f'mounts failed: expanding mount target "{mount.target}"'
    return mount._replace(
        source=_expand(mount.source, known, source), target=_expand(mount.target, known, target)
    )


def _expand(text: str, known: Mapping[str, str], where: str) -> str:
    try:
        return expand(text, known)
    except BadTemplate as error:
        raise BadTemplate(f"expanding {where}: {error}") from None


def _pieces(text: str, known: Mapping[str, str]) -> Iterable[str]:
    at = 0
    while (begin := text.find("{{", at)) >= 0:
        yield text[at:begin]
        end = text.find("}}", begin)
        line = text.count("\n", 0, begin) + 1
        if end < 0:
            whole = text[begin:].endswith("}")
            raise BadTemplate(f"template: expansion:{line}: {_BAD_CHARACTER if whole else 'unclosed action'}")
        column = begin - text.rfind("\n", 0, begin) - 1
        yield _value(text[begin + 2 : end], known, line, column + 2)
        at = end + 2
    yield text[at:]


def _value(action: str, known: Mapping[str, str], line: int, column: int) -> str:
    words = action.strip()
    label = _LABEL.fullmatch(words)
    if label:
        return known.get(f"label {label[1]}", "")
    if _FIELD.fullmatch(words):
        if words in known:
            return known[words]
        raise BadTemplate(_no_field(words, line, column + action.index(words)))
    raise BadTemplate(f"template: expansion:{line}: {_wrong(words)}")


def _wrong(words: str) -> str:
    """What is no field, told as the parser tells it."""
    if not words:
        return "missing value for command"
    names = _NAME.findall(re.sub(r'"[^"]*"|\.[\w.]+', "", words))
    unknown = [name for name in names if not _BUILTIN.fullmatch(name)]
    if unknown:
        return f'function "{unknown[0]}" not defined'
    return f"{{{{{words}}}}} is more of a template than is known here"


def _no_field(path: str, line: int, column: int) -> str:
    """Go names the first field that is not there, and points at the second of the path."""
    names = path.split(".")[1:]
    owner = ""
    while f"{owner}.{names[0]}" in _TYPES and len(names) > 1:
        owner += f".{names.pop(0)}"
    first, *more = path.split(".")[1:]
    at = column + (len(first) + 1 if more else 0)
    kind = _TYPES.get(owner, "string")
    return (
        f'template: expansion:{line}:{at}: executing "expansion" at <{path}>: '
        f"can't evaluate field {names[0]} in type {kind}"
    )
