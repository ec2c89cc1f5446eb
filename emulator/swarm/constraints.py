"""Placement constraints: `node.labels.disk==ssd` and their kin, against a node (swarmkit's constraint)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from .errors import refused
from .model import Node

_KEY = re.compile(r"[a-z_][a-z0-9\-_.]+", re.ASCII | re.IGNORECASE)
_VALUE = re.compile(r"[a-z0-9:\-_\s.*()?+\[\]\\^$|/]+", re.ASCII | re.IGNORECASE)


class Constraint(NamedTuple):
    key: str
    equal: bool
    value: str


def parse(text: str) -> Constraint:
    """One constraint; its refusals are swarmkit's."""
    for operator in ("==", "!="):
        key, found, value = text.partition(operator)
        if found:
            key, value = key.strip(), value.strip()
            if not _KEY.fullmatch(key):
                raise refused("Unknown", f"key '{key}' is invalid")
            if not _VALUE.fullmatch(value):
                raise refused("Unknown", f"value '{value}' is invalid")
            return Constraint(key, operator == "==", value)
    raise refused("Unknown", "constraint expected one operator from ==, !=")


def satisfied(constraints: Iterable[str], node: Node) -> bool:
    return all(_matches(parse(text), node) for text in constraints)


def _matches(constraint: Constraint, node: Node) -> bool:
    """Values are compared without regard to case; what a node has not, `!=` is true of."""
    known = _value(constraint.key, node)
    if known is None:
        return False
    return (known.lower() == constraint.value.lower()) is constraint.equal


def _value(key: str, node: Node) -> str | None:
    """What the node says to a key; None: there is no such key, and no node will do."""
    known = {
        "node.id": node.id,
        "node.hostname": node.hostname,
        "node.ip": node.address,
        "node.role": node.role,
        "node.platform.os": node.os,
        "node.platform.arch": node.architecture,
    }
    lowered = key.lower()
    if lowered in known:
        return known[lowered]
    if lowered.startswith("node.labels."):
        return dict(node.labels).get(key[len("node.labels.") :], "")
    if lowered.startswith("engine.labels."):
        return ""
    return None
