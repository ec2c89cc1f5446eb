"""nginx's variables: `$name` -> a getter of one request; a template -> one callable, compiled at load.

A getter gives bytes, or None where nginx's variable is "not found" (a log writes `-`, a template nothing).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Sequence
from typing import TYPE_CHECKING

from emulator.nginx.conf import ENCODING
from emulator.nginx.fieldgetters import PREFIXES, Getter
from emulator.nginx.getters import GETTERS

if TYPE_CHECKING:
    from emulator.nginx.request import Request

Template = Callable[["Request"], bytes]

_REFERENCE = re.compile(r"\$(?:\{([A-Za-z0-9_]*)\}|([1-9])|([A-Za-z0-9_]+))")


class UnknownVariable(ValueError):
    """A template names a variable that nothing defines; the text is nginx's."""


def is_implemented(name: str) -> bool:
    """Whether a variable of nginx's own, in lower case, has a getter here."""
    return name in GETTERS or name.startswith(tuple(PREFIXES)) or name in _of_tls(name)


def _of_tls(name: str) -> dict[str, Getter]:
    if not name.startswith("ssl_"):
        return {}
    from emulator.nginx import tlsvariables

    return tlsvariables.GETTERS


def _known(name: str, own: Container[str]) -> Getter:
    name = name.lower()
    if name.isdigit():
        return _capture(int(name))
    getter = GETTERS.get(name) or _of_tls(name).get(name)
    if getter is not None:
        return getter
    if name in own:
        return _own(name)
    for prefix, make in PREFIXES.items():
        if name.startswith(prefix):
            return make(name[len(prefix) :])
    raise UnknownVariable(f'unknown "{name}" variable')


def compile_getter(name: str, own: Container[str] = ()) -> Getter:
    """The getter of one variable, which can tell "not found" from an empty value."""
    return _known(name, own)


def compile_template(text: str, own: Container[str] = ()) -> Template:
    """`"$scheme://$host"` -> a callable; `own` are the names that captures and the configuration define."""
    constant = constant_of(text)
    if constant is not None:
        return lambda r: constant
    parts: list[bytes | Getter] = []
    position = 0
    for found in _REFERENCE.finditer(text):
        if found.start() > position:
            parts.append(text[position : found.start()].encode(*ENCODING))
        parts.append(_known(found[1] or found[2] or found[3], own))
        position = found.end()
    if position < len(text):
        parts.append(text[position:].encode(*ENCODING))
    if len(parts) == 1:
        getter = parts[0]
        assert not isinstance(getter, bytes)
        return lambda r: getter(r) or b""
    names = names_in(text)
    if any(name.isdigit() for name in names) and any(name.lower() in own for name in names):
        return _measured(parts)
    return _joined(parts)


def constant_of(text: str) -> bytes | None:
    """The bytes of a text without variables, else None."""
    return None if "$" in text and _REFERENCE.search(text) else text.encode(*ENCODING)


def names_in(text: str) -> list[str]:
    """The variables that a text refers to."""
    return [found[1] or found[2] or found[3] for found in _REFERENCE.finditer(text)]


def _joined(parts: list[bytes | Getter]) -> Template:
    return as_one([part if isinstance(part, bytes) else (part, "{}(r) or b''") for part in parts])


def as_one(parts: Sequence[bytes | tuple[Callable[..., object], str]], **names: object) -> Template:
    """Constants, and getters with the expression that each stands in -> one compiled expression.

    A third of the time of a loop over the parts; only names chosen here are in its source.
    """
    text = b"".join([part.replace(b"%", b"%%") if isinstance(part, bytes) else b"%b" for part in parts])
    calls = [part for part in parts if not isinstance(part, bytes)]
    names = {**names, "text": text, **{f"get_{i}": getter for i, (getter, _) in enumerate(calls)}}
    values = "".join([f"{shape.format(f'get_{i}')}, " for i, (_, shape) in enumerate(calls)])
    template: Template = eval(f"lambda r: text % ({values})", names)
    return template


def _measured(parts: list[bytes | Getter]) -> Template:
    """Captures beside variables that may match anew: nginx measures all parts before it copies the first."""
    getters = [part for part in parts if not isinstance(part, bytes)]
    join = _joined(parts)

    def measure(r: Request) -> bytes:
        for getter in getters:
            getter(r)
        return join(r)

    return measure


def _capture(number: int) -> Getter:
    def get(r: Request) -> bytes | None:
        return r.captures[number - 1] if len(r.captures) >= number else None

    return get


def _own(name: str) -> Getter:
    def get(r: Request) -> bytes | None:
        values = r.variables
        if values is not None and name in values:
            return values[name]
        computed = r.worker.conf.computed.get(name)
        if computed is None:
            return None
        value = computed.value(r)
        if not computed.volatile:
            r.set_variables({name: value})
        return value

    return get
