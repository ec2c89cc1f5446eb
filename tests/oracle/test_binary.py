"""Every directive of the real binary has a row here, in the same places and with as many arguments.

The binary's own tables are read; nginx is asked about words that only look like directives.
"""

from __future__ import annotations

import functools
import operator
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from emulator.nginx.directives import Context, Directive, Status, table
from emulator.nginx.reference import groups, markdown
from tests.conftest import need_tool

from .binary import Command, commands
from .verdict import PLACES, ask_nginx

# What the wheel was built with beside nginx's own modules.
FOREIGN = ("auth_jwt", "echo", "js_", "keyval", "more_", "set_", "upstream_list")
_BITS = {
    Context.MAIN: 0x01000000,
    Context.EVENTS: 0x02000000,
    Context.HTTP: 0x02000000,
    Context.SERVER: 0x04000000,
    Context.LOCATION: 0x08000000,
    Context.UPSTREAM: 0x10000000,
    Context.IF_SERVER: 0x20000000,
    Context.IF_LOCATION: 0x40000000,
    Context.LIMIT_EXCEPT: 0x80000000,
}
_FLAG, _BLOCK, _ANY, _ONE_MORE, _TWO_MORE = 0x200, 0x100, 0x400, 0x800, 0x1000
_PLACE_BITS = 0xFF000000


@functools.cache
def known() -> dict[str, list[Command]]:
    """The binary's tables by name."""
    found: dict[str, list[Command]] = defaultdict(list)
    try:
        for command in commands(Path(need_tool("nginx"))):
            found[command.name].append(command)
    except ValueError as error:
        pytest.skip(str(error))
    return found


def test_the_tables_of_the_binary_are_found() -> None:
    assert len(known()) > 600
    assert {"daemon", "listen", "server_name", "map", "ssl_certificate", "proxy_pass"} <= known().keys()


def test_every_directive_of_the_binary_has_a_row() -> None:
    missing = [name for name in known() if name not in table() and not name.startswith(FOREIGN)]
    with ThreadPoolExecutor(2) as pool:
        assert [
            name for name, is_ours in zip(missing, pool.map(_is_http, missing), strict=True) if is_ours
        ] == []


def _is_http(name: str) -> bool:
    """Whether nginx takes the word for a directive and allows it outside of `mail` and `stream`."""
    if any("unknown directive" in line for line in ask_nginx(f"{name};").lines):
        return False
    return any(
        not any("is not allowed here" in line for line in ask_nginx(place % f"{name};").lines)
        for place in PLACES.values()
    )


def test_a_row_stands_where_the_binary_lets_it_stand() -> None:
    """A directive whose meaning depends on the place (`if`) has a row for each; `include` stands anywhere."""
    wrong = []
    for row in _common():
        real = {each.type & _PLACE_BITS for each in known()[row.name]}
        together = functools.reduce(operator.or_, map(_places, table()[row.name]))
        if not {_places(row), together} & real and row.name != "include":
            wrong.append(row.name)
    assert wrong == []


def test_a_row_takes_as_many_arguments_as_in_the_binary() -> None:
    assert [
        row.name for row in _common() if not any(_fits(row, each.type) for each in known()[row.name])
    ] == []


def _common() -> list[Directive]:
    return [row for rows in table().values() for row in rows if row.name in known()]


def _places(row: Directive) -> int:
    return functools.reduce(
        operator.or_, (bit for context, bit in _BITS.items() if context in row.contexts), 0
    )


def _fits(row: Directive, kind: int) -> bool:
    if bool(kind & _BLOCK) != (row.block is not None):
        return False
    if row.arity is None:
        return row.at_least == {_ANY: 0, _ONE_MORE: 1, _TWO_MORE: 2}.get(
            kind & (_ANY | _ONE_MORE | _TWO_MORE)
        )
    counts = {count for count in range(8) if kind & 1 << count} | ({1} if kind & _FLAG else set())
    return row.arity == counts


def test_the_page_counts_every_row_once_and_says_why_what_is_refused_is() -> None:
    rows = [row for _, found in groups() for row in found]
    assert sorted(row.name for row in rows) == sorted(row.name for found in table().values() for row in found)
    total = markdown().partition("| **all** |")[2].partition("\n")[0]
    assert sum(int(cell) for cell in total.split("|") if cell.strip()) == len(rows)
    assert [row.name for row in rows if row.status is Status.REFUSED and not row.why] == []
