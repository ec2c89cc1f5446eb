"""The vocabulary in which the families write their rows: one word per kind of nginx's setters."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from emulator.nginx import values
from emulator.nginx.directives import BadValue, Block, Context, Directive, Status

M, E, H, S, L, U = (
    Context.MAIN,
    Context.EVENTS,
    Context.HTTP,
    Context.SERVER,
    Context.LOCATION,
    Context.UPSTREAM,
)
SI, LI, X = Context.IF_SERVER, Context.IF_LOCATION, Context.LIMIT_EXCEPT
MAP, GEO = Context.MAP, Context.GEO
HS, HSL = H | S, H | S | L

IMPLEMENTED, NO_EFFECT, NOT_YET = Status.IMPLEMENTED, Status.NO_EFFECT, Status.REFUSED

NONE, ONE, TWO, THREE = frozenset((0,)), frozenset((1,)), frozenset((2,)), frozenset((3,))
ONE_TWO, ONE_THREE, ONE_FOUR = frozenset((1, 2)), frozenset((1, 2, 3)), frozenset((1, 2, 3, 4))

Parse = Callable[[tuple[str, ...]], Any]


def row(
    name: str,
    contexts: Context,
    arity: frozenset[int] | None,
    doc: str,
    default: Any = None,
    status: Status = IMPLEMENTED,
    **more: Any,
) -> Directive:
    """A row of any kind; `arity` None means one argument or more unless `at_least` says otherwise."""
    if arity is None:
        more.setdefault("at_least", 1)
    return Directive(name, contexts, arity, status, doc, default=default, **more)


def flag(
    name: str, contexts: Context, doc: str, default: Any = None, *status: Status, **more: Any
) -> Directive:
    return row(name, contexts, ONE, doc, default, *status, parse=values.flag_of(name), **more)


def _one(parse: Parse) -> Callable[..., Directive]:
    def make(
        name: str, contexts: Context, doc: str, default: Any = None, *status: Status, **more: Any
    ) -> Directive:
        return row(name, contexts, ONE, doc, default, *status, parse=parse, **more)

    return make


size = _one(values.as_size)
offset = _one(values.as_offset)
milliseconds = _one(values.as_milliseconds)
seconds = _one(values.as_seconds)
number = _one(values.as_number)
string = _one(values.as_string)


def enum(
    name: str, contexts: Context, names: Iterable[str], doc: str, default: Any = None, *status: Status
) -> Directive:
    return row(name, contexts, ONE, doc, default, *status, parse=values.one_of(*names))


def mask(
    name: str,
    contexts: Context,
    names: Iterable[str],
    doc: str,
    default: Any = None,
    *status: Status,
    arity: frozenset[int] | None = None,
) -> Directive:
    """Several of a few words, as ngx_conf_set_bitmask_slot: lines add up, one said twice is a warning."""
    known = frozenset(names)

    def check(block: Block, args: str | tuple[str, ...]) -> frozenset[str]:
        found: frozenset[str] = block.values.get(name, frozenset())
        for arg in (args,) if isinstance(args, str) else args:
            word = arg.lower()
            if word not in known:
                raise BadValue(f'invalid value "{arg}"')
            if word in found:
                block.state.warn(f'duplicate value "{arg}"')
            found |= {word}
        return found

    return row(name, contexts, arity, doc, default, *status, check=check, once=False)


def buffers(
    name: str, contexts: Context, doc: str, default: Any = None, *status: Status, **more: Any
) -> Directive:
    return row(name, contexts, TWO, doc, default, *status, parse=values.as_buffers, **more)


def text(
    name: str,
    contexts: Context,
    doc: str,
    default: Any = None,
    *status: Status,
    arity: frozenset[int] | None = ONE,
    **more: Any,
) -> Directive:
    """A row whose arguments may hold variables; they are noted, so that unknown ones are found."""
    return row(name, contexts, arity, doc, default, *status, check=uses_variables, **more)


def uses_variables(block: Block, value: Any) -> Any:
    """Note the variables in a text, or in each text of a tuple."""
    for part in (value,) if isinstance(value, str) else value:
        if "$" in part:
            block.state.used.update(dict.fromkeys(values.variables_in(part)))
    return value


def content_types(
    name: str, contexts: Context, doc: str, default: tuple[str, ...] = ("text/html",), *status: Status
) -> Directive:
    """As ngx_http_types_slot: text/html is always among them, several lines add up, `*` stands for all."""
    return row(name, contexts, None, doc, default, *status, check=_add_types, once=False)


def _add_types(block: Block, args: tuple[str, ...]) -> tuple[str, ...]:
    known: tuple[str, ...] = block.values.get(block.state.at.name, ("text/html",))
    for arg in args:
        kind = arg.lower()
        if "*" in (kind, *known):
            return ("*",)
        if kind in known:
            block.state.warn(f'duplicate MIME type "{kind}"')
        else:
            known = (*known, kind)
    return known


def bounded(low: int, high: int = -1) -> Parse:
    """A number within bounds, as ngx_conf_check_num_bounds."""

    def parse(args: tuple[str, ...]) -> int:
        value: int = values.as_number(args)
        if value < low and high < 0:
            raise BadValue(f"value must be equal to or greater than {low}")
        if not low <= value <= (high if high >= 0 else value):
            raise BadValue(f"value must be between {low} and {high}")
        return value

    return parse


def refused(
    why: str, contexts: Context, rows: Iterable[tuple[str, Context | None, frozenset[int] | None, str]]
) -> tuple[Directive, ...]:
    """Rows of a family that the emulator refuses for one reason."""
    return tuple(
        row(name, where or contexts, arity, doc, None, Status.REFUSED, why=why)
        for name, where, arity, doc in rows
    )
