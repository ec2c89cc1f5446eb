"""ngx_http_rewrite_module: return, rewrite, if, set, break."""

from __future__ import annotations

from typing import NamedTuple

from emulator.nginx.directives import BadValue, Block, Directive
from emulator.nginx.rows import (
    HSL,
    LI,
    NO_EFFECT,
    NONE,
    ONE_TWO,
    SI,
    TWO,
    L,
    S,
    flag,
    later,
    row,
    uses_variables,
)
from emulator.nginx.values import number

MODULE = "ngx_http_rewrite_module"

_ANY = S | L | SI | LI


class Return(NamedTuple):
    """What to answer at once: for 301, 302, 303, 307 and 308 `text` is a URL, else a body."""

    status: int
    text: str | None = None


def place_return(block: Block, args: tuple[str, ...]) -> Return:
    """As ngx_http_rewrite_return: a lone URL means 302."""
    code = number(args[0])
    text = args[1] if len(args) > 1 else None
    if code is None:
        if text is not None or not args[0].startswith(("http://", "https://", "$scheme")):
            raise BadValue(f'invalid return code "{args[0]}"')
        code, text = 302, args[0]
    if code > 999:
        raise BadValue(f'invalid return code "{args[0]}"')
    if text is not None:
        uses_variables(block, text)
    return Return(code, text)


DIRECTIVES: tuple[Directive, ...] = (
    later("rewrite", _ANY, frozenset((2, 3)), "Change the URI by a pattern.", repeat=True),
    row("return", _ANY, ONE_TWO, "Answer at once.", (), check=place_return, repeat=True),
    later("break", _ANY, NONE, "Stop the directives of this module here.", repeat=True),
    later("if", S, None, "What holds under a condition.", block=SI, repeat=True),
    later("if", L, None, "What holds under a condition.", block=LI, repeat=True),
    later("set", _ANY, TWO, "Give a variable a value.", repeat=True),
    flag("rewrite_log", HSL | SI | LI, "Log what rewriting does.", False, NO_EFFECT),
    flag("uninitialized_variable_warn", HSL | SI | LI, "Warn of variables without a value.", True, NO_EFFECT),
)
