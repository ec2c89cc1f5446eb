"""The rewrite phase: rewrite, return, if, set, break, in the order written (ngx_http_rewrite_module.c).

Each directive is compiled to a code: a callable that gives GO_ON, STOP (`break`, a `last`), or what a
handler gives. The codes of an `if` run in place; in a location, an `if` that holds also makes its own
settings the request's location, and the phases that follow are those of the `if`.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from typing import TYPE_CHECKING

from emulator.nginx import output
from emulator.nginx.conf import ENCODING
from emulator.nginx.request import AGAIN, DECLINED, Handler, Request
from emulator.nginx.uri import escape_args, unescape_redirect
from emulator.nginx.variables import Template, compile_template

if TYPE_CHECKING:
    import re

    from emulator.nginx.directives import Block, Entry
    from emulator.nginx.location import Location
    from emulator.nginx.modules.rewrite import Condition, Return, Rewrite, Set

Code = Callable[[Request], int]
LocationOf = Callable[["Block"], "Location | None"]

GO_ON = DECLINED
STOP = -100
LAST = -101  # stop, and look for the location again

_REDIRECTS = frozenset((301, 302, 303, 307, 308))


def compile_rewrite(block: Block, own: frozenset[str], location_of: LocationOf) -> Handler | None:
    """The handler of a block's rewrite phase; None where the block has none of its directives."""
    codes = _codes(block, own, location_of)
    if not codes:
        return None
    in_location = block.row is not None and block.row.name == "location"

    def handler(r: Request) -> int:
        before = r.path
        result = _run(codes, r)
        if result == LAST or (result == GO_ON and r.path is not before and r.path != before):
            return _find_again(r) if in_location else DECLINED
        return DECLINED if result == STOP else result

    return handler


def _run(codes: tuple[Code, ...], r: Request) -> int:
    for code in codes:
        result = code(r)
        if result != GO_ON:
            return result
    return GO_ON


def _find_again(r: Request) -> int:
    """As ngx_http_core_post_rewrite_phase."""
    r.uri_changes -= 1
    if r.uri_changes == 0:
        path = r.path.decode(*ENCODING)
        r.log_error("error", f'rewrite or internal redirection cycle while processing "{path}"')
        return 500
    r.find()
    return AGAIN


def _codes(block: Block, own: frozenset[str], location_of: LocationOf) -> tuple[Code, ...]:
    codes = []
    for entry in block.entries:
        make = _MAKERS.get(entry.node.name)
        if make is not None:
            codes.append(make(entry, own, location_of))
    return tuple(codes)


def _compile_return(entry: Entry, own: frozenset[str], location_of: LocationOf) -> Code:
    """A redirect, a body, or a bare status, which gets its error page."""
    value: Return = entry.value
    code, text = value.status, value.text
    if text is None and code >= 400:
        return lambda r: code
    template = compile_template(text or "", own)

    def answer(r: Request) -> int:
        if rejected := r.discard_body():
            return rejected
        r.status = code
        body = template(r)
        if code in _REDIRECTS:
            r.location_out = body
            return code
        r.content_length = len(body)
        r.content_type = r.content_type or r.location.content_type(r.path)
        if not output.send_header(r):
            return AGAIN
        output.send_body(r, body)
        r.finalize_output()
        return AGAIN

    return answer


def _compile_rewrite(entry: Entry, own: frozenset[str], location_of: LocationOf) -> Code:
    value: Rewrite = entry.value
    path_text, mark, args_text = value.replacement.removesuffix("?").partition("?")
    keeps_args = not value.replacement.endswith("?")
    path_of = compile_template(path_text, own)
    args_of = compile_template(args_text, own) if mark else None
    pattern = value.pattern
    if value.flag in ("redirect", "permanent"):
        return _redirecting(pattern, path_of, args_of, keeps_args, 301 if value.flag == "permanent" else 302)
    result = {"last": LAST, "break": STOP}.get(value.flag, GO_ON)
    breaks = value.flag == "break"

    def change(r: Request) -> int:
        if not _match(r, pattern, r.path):
            return GO_ON
        path = path_of(r)
        if args_of is not None:
            args = _escaped(r, args_of)
            r.args = args + b"&" + r.args if keeps_args and r.args else args
        elif not keeps_args:
            r.args = b""
        r.path = path
        r.internal = True
        r.unparsed_uri = False
        r.valid_location = not breaks
        if not path:
            r.log_error("error", "the rewritten URI has a zero length")
            return 500
        return result

    return change


def _redirecting(
    pattern: re.Pattern[bytes], path_of: Template, args_of: Template | None, keeps_args: bool, status: int
) -> Code:
    def redirect(r: Request) -> int:
        if not _match(r, pattern, r.path):
            return GO_ON
        target = _escaped(r, path_of)
        if args_of is not None:
            target += b"?" + _escaped(r, args_of)
        target = unescape_redirect(target)
        if keeps_args and r.args:
            target += (b"&" if args_of is not None else b"?") + r.args
        r.location_out = target
        return status

    return redirect


def _escaped(r: Request, template: Template) -> bytes:
    """A template whose captures come from a decoded URI: what was encoded is encoded again."""
    if not r.quoted and b"+" not in r.raw_uri:
        return template(r)
    captures, r.captures = r.captures, tuple(map(escape_args, r.captures))
    text = template(r)
    r.captures = captures
    return text


def _match(r: Request, pattern: re.Pattern[bytes], text: bytes) -> bool:
    match = pattern.search(text)
    if match is None:
        r.captures = ()
        return False
    r.captures = tuple(group or b"" for group in match.groups())
    if pattern.groupindex:
        r.set_variables({name: value or b"" for name, value in match.groupdict().items()})
    return True


def _compile_set(entry: Entry, own: frozenset[str], location_of: LocationOf) -> Code:
    value: Set = entry.value
    name, template = value.name.lower(), compile_template(value.value, own)
    if name == "args":
        return _setting_args(template)
    if name == "limit_rate":
        return _setting_rate(template)

    def assign(r: Request) -> int:
        r.set_variables({name: template(r)})
        return GO_ON

    return assign


def _setting_rate(template: Template) -> Code:
    from emulator.nginx.pace import set_rate_by_text

    def set_rate(r: Request) -> int:
        set_rate_by_text(r, template(r))
        return GO_ON

    return set_rate


def _setting_args(template: Template) -> Code:
    """`$args` is the request's own, and what the client sent no longer names what is asked for."""

    def assign(r: Request) -> int:
        r.args = template(r)
        r.unparsed_uri = False
        return GO_ON

    return assign


def _compile_if(entry: Entry, own: frozenset[str], location_of: LocationOf) -> Code:
    block = entry.block
    assert block is not None
    holds = compile_condition(entry.value, own)
    location = location_of(block)
    codes = _codes(block, own, location_of)

    def branch(r: Request) -> int:
        if not holds(r):
            return GO_ON
        if location is not None:
            r.location = location
        return _run(codes, r)

    return branch


def compile_condition(condition: Condition, own: frozenset[str]) -> Callable[[Request], bool]:
    """What an `if` asks, as a question to a request."""
    operator = condition.operator
    if operator.lstrip("!").startswith("-"):
        return _file_test(condition, own)
    subject = compile_template(f"${{{condition.variable}}}", own)
    if operator == "":
        return lambda r: subject(r) not in (b"", b"0")
    pattern = condition.pattern
    if pattern is not None:
        if operator == "~":
            return lambda r: _match(r, pattern, subject(r))
        return lambda r: not _match(r, pattern, subject(r))
    operand = compile_template(condition.operand, own)
    if operator == "=":
        return lambda r: subject(r) == operand(r)
    return lambda r: subject(r) != operand(r)


def _file_test(condition: Condition, own: frozenset[str]) -> Callable[[Request], bool]:
    name = compile_template(condition.operand, own)
    negated, letter = condition.operator.startswith("!"), condition.operator[-1]
    test = _TESTS[letter]

    def ask(r: Request) -> bool:
        path = r.worker.namespace.path(name(r).decode(*ENCODING))
        try:
            found = test(os.stat(path))  # noqa: PTH116 (bytes of any encoding)
        except (OSError, ValueError):
            found = False
        return found != negated

    return ask


_TESTS: dict[str, Callable[[os.stat_result], bool]] = {
    "f": lambda facts: stat.S_ISREG(facts.st_mode),
    "d": lambda facts: stat.S_ISDIR(facts.st_mode),
    "e": lambda facts: True,
    "x": lambda facts: bool(facts.st_mode & stat.S_IXUSR),
}


def _compile_break(entry: Entry, own: frozenset[str], location_of: LocationOf) -> Code:
    return lambda r: STOP


_MAKERS: dict[str, Callable[[Entry, frozenset[str], LocationOf], Code]] = {
    "return": _compile_return,
    "rewrite": _compile_rewrite,
    "set": _compile_set,
    "if": _compile_if,
    "break": _compile_break,
}
