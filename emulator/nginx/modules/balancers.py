"""ngx_http_upstream_{hash,ip_hash,least_conn,least_time,random}_module: how a group chooses its server."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from emulator.nginx.directives import BadValue, Block, Complaint, Directive
from emulator.nginx.modules.upstream import METHOD
from emulator.nginx.rows import NONE, ONE_TWO, U, row, uses_variables

_ZERO_TO_TWO = frozenset((0, 1, 2))
_MODES = ("header", "last_byte")


class Method(NamedTuple):
    """The method of a group: `words` say how, `key` is what is hashed; `backup` if it knows such servers."""

    kind: str
    words: tuple[str, ...] = ()
    key: str = ""
    backup: bool = True


def choose(block: Block, method: Method) -> Method:
    """The last one counts; it also undoes a `sticky` before it."""
    if METHOD in block.values or "sticky" in block.values:
        block.state.warn("load balancing method redefined")
    block.values[METHOD] = method
    block.values["sticky in use"] = None
    return method


def _plain(kind: str, backup: bool) -> Callable[[Block, object], Method]:
    return lambda block, _: choose(block, Method(kind, backup=backup))


def place_hash(block: Block, args: tuple[str, ...]) -> Method:
    """As ngx_http_upstream_hash."""
    uses_variables(block, args[0])
    method = choose(block, Method("hash", args[1:], args[0], backup=False))
    if args[1:] not in ((), ("consistent",)):
        raise BadValue(f'invalid parameter "{args[1]}"')
    return method


def place_random(block: Block, args: tuple[str, ...] | bool) -> Method:
    """As ngx_http_upstream_random."""
    words = args if isinstance(args, tuple) else ()
    method = choose(block, Method("random", words, backup=False))
    for word, known in zip(words, ("two", "least_conn"), strict=False):
        if word != known:
            raise BadValue(f'invalid parameter "{word}"')
    return method


def place_least_time(block: Block, args: tuple[str, ...]) -> Method:
    """As ngx_http_upstream_least_time, which sees the second word first."""
    method = choose(block, Method("least_time", (args[0].lower(), *args[1:])))
    if args[1:] not in ((), ("inflight",)):
        raise BadValue(f'invalid parameter "{args[1]}"')
    if "least_time" in block.values:
        raise Complaint("is duplicate")
    if args[0].lower() not in _MODES:
        raise BadValue(f'invalid value "{args[0]}"')
    return method


_HASH = (
    *("hash", U, ONE_TWO),
    "Choose the server by a key; `consistent` moves few keys when servers change.",
)
_RANDOM = ("random", U, _ZERO_TO_TWO, "Choose a server at random, or the less busy one of `two`.")
_LEAST_TIME = ("least_time", U, ONE_TWO, "Choose the server that will be done first.")

GROUPS = (
    ("ngx_http_upstream_hash_module", (row(*_HASH, check=place_hash, once=False),)),
    (
        "ngx_http_upstream_ip_hash_module",
        (
            row(
                *("ip_hash", U, NONE, "Choose the server by the client's address."),
                check=_plain("ip_hash", False),
                once=False,
            ),
        ),
    ),
    (
        "ngx_http_upstream_least_conn_module",
        (
            row(
                *("least_conn", U, NONE, "Choose the server with the fewest connections."),
                check=_plain("least_conn", True),
                once=False,
            ),
        ),
    ),
    ("ngx_http_upstream_least_time_module", (row(*_LEAST_TIME, check=place_least_time, once=False),)),
    ("ngx_http_upstream_random_module", (row(*_RANDOM, check=place_random, once=False),)),
)
DIRECTIVES: tuple[Directive, ...] = tuple(row for _, rows in GROUPS for row in rows)
