"""What single arguments mean: flags, sizes, times, numbers, addresses, variables in a text.

Each reader takes text and gives a value, or None where nginx's own reader would give NGX_ERROR; the
`as_*` parsers are for rows: they take a directive's arguments and raise `BadValue` in nginx's words.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from emulator.nginx.directives import BadValue, Complaint

Arguments = tuple[str, ...]

_MAX = 2**63 - 1
_LEVELS = 10  # how many characters of a file's name may become folders
_SIZES = {"k": 1024, "m": 1024**2, "g": 1024**3}
_UNITS = ("y", "M", "w", "d", "h", "m", "s", "ms")
_SECONDS = {"y": 31536000, "M": 2592000, "w": 604800, "d": 86400, "h": 3600, "m": 60, "s": 1}
_TIME_PART = re.compile(r"([0-9]*)(ms|[yMwdhms ]|\Z) *")
_VARIABLE = re.compile(r"\$(?:([1-9])|(\{)?([A-Za-z0-9_]*)(\}?))")


def number(text: str) -> int | None:
    """As ngx_atoi: decimal digits only, at least one."""
    if not text.isascii() or not text.isdigit():
        return None
    value = int(text)
    return value if value <= _MAX else None


def size(text: str) -> int | None:
    """As ngx_parse_size: bytes, or k and m."""
    return None if text[-1:] in ("g", "G") else offset(text)


def offset(text: str) -> int | None:
    """As ngx_parse_offset: bytes, or k, m and g."""
    unit = _SIZES.get(text[-1:].lower())
    value = number(text[:-1] if unit else text)
    if value is None or value * (unit or 1) > _MAX:
        return None
    return value * (unit or 1)


def seconds(text: str) -> int | None:
    """As ngx_parse_time for seconds: parts from years down to seconds."""
    return _time(text, 0, len(_UNITS) - 2, 1)


def milliseconds(text: str) -> int | None:
    """As ngx_parse_time for milliseconds: parts from weeks down to milliseconds."""
    return _time(text, 2, len(_UNITS) - 1, 1000)


def _time(text: str, first: int, last: int, scale: int) -> int | None:
    """Parts in falling order of unit; blanks may follow a part, and plain seconds end the parts."""
    total, at, step = 0, 0, first - 1
    while at < len(text):
        part = _TIME_PART.match(text, at)
        if part is None:
            return None
        digits, unit = part.groups()
        if unit == " ":
            if step >= _UNITS.index("s"):
                return None
            step = len(_UNITS)
        elif unit:
            order = _UNITS.index(unit)
            if order <= step or order > last:
                return None
            step = order
        total += int(digits or 0) * (1 if unit == "ms" else _SECONDS.get(unit, 1) * scale)
        at = part.end()
    return total if total <= _MAX and any(sign.isdigit() for sign in text) else None


def flag_of(name: str) -> Callable[[Arguments], bool]:
    """As ngx_conf_set_flag_slot, whose words name the directive."""

    def parse(args: Arguments) -> bool:
        value = args[0].lower()
        if value not in ("on", "off"):
            raise BadValue(f'invalid value "{args[0]}" in "{name}" directive, it must be "on" or "off"')
        return value == "on"

    return parse


def reader(read: Callable[[str], Any], complaint: str = "invalid value") -> Callable[[Arguments], Any]:
    """A parser of one argument, with the complaint that nginx's slot function returns."""

    def parse(args: Arguments) -> Any:
        value = read(args[0])
        if value is None:
            raise Complaint(complaint)
        return value

    return parse


as_size = reader(size)
as_offset = reader(offset)
as_milliseconds = reader(milliseconds)
as_seconds = reader(seconds)
as_number = reader(number, "invalid number")


def as_string(args: Arguments) -> str:
    return args[0]


def as_buffers(args: Arguments) -> tuple[int, int]:
    """As ngx_conf_set_bufs_slot: how many, and how large."""
    count, length = number(args[0]), size(args[1])
    if not count or not length:
        raise Complaint("invalid value")
    return count, length


def one_of(*names: str, **meanings: Any) -> Callable[[Arguments], Any]:
    """As ngx_conf_set_enum_slot, which compares without regard to case: plain names mean themselves."""
    known: dict[str, Any] = {name: name for name in names} | meanings

    def parse(args: Arguments) -> Any:
        found = known.get(args[0].lower())
        if found is None:
            raise BadValue(f'invalid value "{args[0]}"')
        return found

    return parse


def as_access(args: Arguments) -> int:
    """As ngx_conf_set_access_slot: `user:rw group:r all:r` as the bits of a mode."""
    access = 0
    for index, arg in enumerate(args):
        who, _, rights = arg.partition(":")
        shift = {"user": 6, "group": 3, "all": 0}.get(who)
        bits = {"rw": 6, "r": 4}.get(rights)
        if shift is None or bits is None or index > 2:
            raise BadValue(f'invalid value "{arg}"')
        access |= bits << shift
    return access | 0o600


def as_path(args: Arguments) -> tuple[str, tuple[int, ...]]:
    """As ngx_conf_set_path_slot: a folder and the widths of its levels."""
    levels = []
    for arg in args[1:]:
        level = number(arg)
        if not level:
            raise Complaint("invalid value")
        levels.append(level)
    if sum(levels) > _LEVELS:
        raise Complaint("invalid value")
    return args[0], tuple(levels)


def variables_in(text: str) -> tuple[str, ...]:
    """The names of the variables that a text with variables uses, as ngx_http_script_compile finds them."""
    if "$" not in text:
        return ()
    names = []
    for found in _VARIABLE.finditer(text):
        capture, opening, name, closing = found.groups()
        if capture:
            continue
        if opening and not closing and found.end() < len(text) + bool(name):
            raise BadValue(f'the closing bracket in "{name}" variable is missing')
        if not name:
            raise BadValue("invalid variable name")
        names.append(name)
    return tuple(names)
