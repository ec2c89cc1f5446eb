"""ngx_http_referer_module: where a request comes from."""

from __future__ import annotations

import re
from typing import NamedTuple

from emulator.nginx import regex
from emulator.nginx.conf import ConfError
from emulator.nginx.directives import BadValue, Block, Context, Directive
from emulator.nginx.hosttable import HostTable
from emulator.nginx.rows import NO_EFFECT, L, S, number, row

MODULE = "ngx_http_referer_module"


class Referers(NamedTuple):
    """One line: `hosts` are pairs of a host, maybe with a wildcard, and how its path must begin."""

    none: bool = False
    blocked: bool = False
    server_names: bool = False
    hosts: tuple[tuple[str, str], ...] = ()
    patterns: tuple[re.Pattern[bytes], ...] = ()


def place_referers(block: Block, args: tuple[str, ...]) -> Referers:
    """As ngx_http_valid_referers."""
    hosts: list[tuple[str, str]] = []
    patterns: list[re.Pattern[bytes]] = []
    if "referer hosts" not in block.values:
        block.state.merges.append(lambda: merge(block))
    known: HostTable[bool] = block.values.setdefault("referer hosts", HostTable())
    for arg in args:
        if not arg:
            raise BadValue('invalid referer ""')
        if arg in _WORDS:
            continue
        if arg.startswith("~"):
            if arg == "~":
                raise BadValue('empty regex in "~"')
            patterns.append(regex.compiled(arg[1:], True))
            continue
        host, slash, path = arg.partition("/")
        known.add(host, True, wildcards=True)
        hosts.append((host, slash + path))
    none, blocked, server_names = (word in args for word in _WORDS)
    return Referers(none, blocked, server_names, tuple(hosts), tuple(patterns))


_WORDS = ("none", "blocked", "server_names")


def merge(block: Block) -> None:
    """As ngx_http_referer_merge_conf: the server's names are added last, and something must be valid."""
    known: HostTable[bool] = block.values["referer hosts"]
    lines: tuple[Referers, ...] = block.values["valid_referers"]
    if any(line.server_names for line in lines):
        for name in names_of_server(block):
            known.add(name, True, wildcards=True)
    if not known and any(line.none or line.blocked for line in lines):
        raise ConfError(
            'the "none" or "blocked" referers are specified in the "valid_referers" directive'
            " without any valid referer"
        )


def names_of_server(block: Block) -> list[str]:
    """The plain names of the server that a block belongs to; a server without one has the empty name."""
    server = next(each for each in block.around() if each.context is Context.SERVER)
    names = [name for group in server.values.get("server_name", ()) for name in group]
    return [name.text for name in names if name.pattern is None] if names else [""]


DIRECTIVES: tuple[Directive, ...] = (
    row(
        *("valid_referers", S | L, None, "Referers that leave $invalid_referer empty.", ()),
        check=place_referers,
        repeat=True,
    ),
    number("referer_hash_max_size", S | L, "A table's size.", 2048, NO_EFFECT),
    number("referer_hash_bucket_size", S | L, "A table's size.", 64, NO_EFFECT),
)
