"""What two engines print, made comparable: not ids, times, ages, addresses or versions are compared."""

from __future__ import annotations

import json
import re
import socket
from typing import Any

from emulator import __version__

_AGE = re.compile(
    r"\d+ (?:second|minute|hour|day|week|month|year)s?|About an? (?:minute|hour)|[Ll]ess than a second"
)
_TEXT = (
    (re.compile(r"SWMTKN-1-[0-9a-z]+-[0-9a-z]+"), "<token>"),
    (re.compile(r"\b(?:sha256:)?[0-9a-f]{64}\b"), "<hex>"),
    (re.compile(r"\b[0-9a-z]{25}\b|(?<=\.)[0-9a-z]{12}(?=@)"), "<id>"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z| [+-]\d{4} (?:UTC|[A-Z]+))?"), "<time>"),
    (_AGE, "<age>"),
    (re.compile(r"^[0-9a-z]{12}(?=\s|$)|(?<![0-9a-z])(?=[a-z]*\d)[0-9a-z]{12}\b(?!\.)"), "<id>"),
    (re.compile(r"\b\d+(?:\.\d+)?(?:%|[KkMG]i?B|B)(?= |$)"), "<amount>"),
    (re.compile(r"Listening at: .*"), "Listening at: <address>"),
    (re.compile(r"192\.0\.2\.2\b|\b127(?:\.\d+){3}\b"), "<node>"),
    (re.compile(r"((?:Kernel [Vv]ersion|CPUs|Go version): +)\S+"), r"\1<machine>"),
    (re.compile(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}"), "<mac>"),
    (re.compile(rf"20\.10\.24\+dfsg1|\b{re.escape(__version__)}\b"), "<version>"),
    (re.compile(r"\b(10\.0|192\.168)\.(\d+)\.(?:[2-9]|\d\d+)(?=[/\s\"]|$)"), r"\1.\2.<n>"),
    (re.compile(r"\[<hex>(?:,? <hex>)*\]"), "[<hex>]"),
    (re.compile(r"\"time(?:Nano)?\":\d+"), '"time":<number>'),
    (re.compile(r"\[\d+\] (?=\[INFO\])|(?<=pid: )\d+"), "<pid> "),
    (re.compile(r"(<amount> / <amount> +)\d+$"), r"\1<threads>"),
    (re.compile(r" {2,}"), "  "),
)
_NUMBERS = frozenset(
    ("Index", "Pid", "PID", "ExitCode", "time", "timeNano", "Created", "Size", "VirtualSize", "NanoCPUs")
) | {"MemoryBytes", "LocalLBIndex"}
_FIELD = re.compile(r"(?:[A-Z][a-z]*-)*[A-Z][a-z]+: \S")
_LEFT_OUT = ("Date: ", "Content-Length: ", "Server: ")
# How often a client looks is not what is compared.
_PROGRESS = re.compile(r"overall progress: |verify: Waiting|\d+/\d+: ")


def text(printed: str, *, in_no_order: bool = False) -> str:
    """Lines in order, or sorted; a JSON document is read, so that the order of its keys does not count."""
    document = _document(printed)
    if document is not None:
        return json.dumps(_value("", document), indent=1, sort_keys=True)
    lines = _heads([_line(line) for line in printed.splitlines()])
    kept = [line for line in lines if not _PROGRESS.match(line)]
    if in_no_order:
        kept.sort()
    made = [line for at, line in enumerate(kept) if at == 0 or line != kept[at - 1]]
    return "\n".join(made).strip("\n")


def _heads(lines: list[str]) -> list[str]:
    """Header fields of an answer in no order, and without those that tell of time and length."""
    made: list[str] = []
    fields: list[str] = []
    for line in lines:
        if _FIELD.match(line):
            fields += [] if line.startswith(_LEFT_OUT) else [line]
        else:
            made += [*sorted(fields), line]
            fields = []
    return [*made, *sorted(fields)]


def _document(printed: str) -> Any:
    if not printed.lstrip().startswith(("[", "{")):
        return None
    try:
        return json.loads(printed)
    except ValueError:
        return None


def _line(line: str) -> str:
    line = re.sub(rf"\b{re.escape(socket.gethostname())}\b", "vm", line)
    for pattern, shown in _TEXT:
        line = pattern.sub(shown, line)
    return line.rstrip()


def _value(key: str, value: Any) -> Any:
    if isinstance(value, dict):
        if key == "Containers":
            return sorted((_value("", inner) for inner in value.values()), key=json.dumps)
        return {_line(name): _value(name, inner) for name, inner in value.items()}
    if isinstance(value, list):
        made = [_value(key, inner) for inner in value]
        return sorted(made, key=json.dumps) if key == "Tasks" else made
    if isinstance(value, str):
        return "<id>" if key == "ID" and len(value) == 12 else _line(value)
    if key in _NUMBERS and not isinstance(value, bool):
        return "<number>"
    return value
