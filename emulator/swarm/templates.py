"""`{{.Task.Slot}}` and its kin: Docker's templates in hostname, environment and mounts."""

from __future__ import annotations

import re
from collections.abc import Mapping

from .model import Task

_TEMPLATE = re.compile(r"\{\{\s*(.*?)\s*\}\}")
_LABEL = re.compile(r'index\s+\.Service\.Labels\s+"([^"]*)"\Z')


class BadTemplate(Exception):
    """A template that names what a task does not have."""


def context(
    task: Task, node: tuple[str, str], platform: tuple[str, str], labels: Mapping[str, str]
) -> dict[str, str]:
    """All that a template may name; `node` is id and hostname, `platform` architecture and system."""
    return {
        ".Service.ID": task.service_id,
        ".Service.Name": task.service_name,
        ".Node.ID": node[0],
        ".Node.Hostname": node[1],
        ".Node.Platform.Architecture": platform[0],
        ".Node.Platform.OS": platform[1],
        ".Task.ID": task.id,
        ".Task.Name": task.name,
        ".Task.Slot": str(task.slot),
        **{f"label {name}": value for name, value in labels.items()},
    }


def expand(text: str, known: Mapping[str, str]) -> str:
    """The text with each template's value; the words of the error are Go's."""
    if "{{" not in text:
        return text

    def value(match: re.Match[str]) -> str:
        name = match[1]
        label = _LABEL.match(name)
        if label:
            return known.get(f"label {label[1]}", "")
        if name in known:
            return known[name]
        raise BadTemplate(_words(name, match.start()))

    return _TEMPLATE.sub(value, text)


def _words(name: str, at: int) -> str:
    owner, _, leaf = name.rpartition(".")
    kind = "*template.Context" if not owner else f"struct {owner}"
    where = f'template: expansion:1:{at + 2}: executing "expansion" at <{name}>'
    return f"{where}: can't evaluate field {leaf} in type {kind}"
