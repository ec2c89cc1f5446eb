"""What a directive is: where it may stand, what it takes, and what we do with it.

A row of the table is a `Directive`. Each family of directives (`modules/<family>.py`, named after
nginx's own module) lists its rows in `DIRECTIVES`; `table()` puts them together. The validator, the
compiler's inheritance, the reference page and its counts are all made from these rows. A name may have
several rows, for different contexts (`server` in http and in upstream).

`validate(conf.nodes)` checks a tree as ngx_conf_handler does, in the order of the text, and gives the
main context as a `Block`:

    main = validate(nodes)
    for http in main.blocks("http"):
        for server in http.blocks("server"):
            server.values["listen"]           a tuple of Listen: rows with `repeat` hold tuples
            server.values.get("root")         what stands in this very block, or None
            server.inherited("root")          this block, then outer ones, then the row's default
            for location in server.blocks("location"):
                location.value                the block's own arguments as parsed: Location(modifier, name)
                location.entries              every directive in the order written: node, row, value, block

A block inside a block (nested location, if, limit_except) is an entry whose `block` is a Block.
Nodes without a row of their own (the lines of types, map, geo) are the block's `lines`.
`values` has no key for what was not written. `main.state.warnings` holds nginx's [warn] lines.
`complete(main)` then does what nginx does after "syntax is ok" (an `events` block must be there).
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from emulator.nginx.conf import ConfError, Fault, Node


class Context(enum.Flag):
    """The blocks in which a directive may stand."""

    MAIN = enum.auto()
    EVENTS = enum.auto()
    HTTP = enum.auto()
    SERVER = enum.auto()
    LOCATION = enum.auto()
    UPSTREAM = enum.auto()
    IF_SERVER = enum.auto()
    IF_LOCATION = enum.auto()
    LIMIT_EXCEPT = enum.auto()
    TYPES = enum.auto()
    MAP = enum.auto()
    GEO = enum.auto()


class Status(enum.Enum):
    """What the emulator does with a directive."""

    IMPLEMENTED = "implemented"
    NO_EFFECT = "accepted without effect"
    REFUSED = "refused"


class BadValue(ValueError):
    """A directive's arguments are wrong; the text is nginx's, without file and line."""


@dataclass(frozen=True, slots=True)
class Directive:
    """One row: `arity` is the allowed numbers of arguments (None: any number from `at_least` on).

    `block` names the context that the directive's own block opens (None: the directive is simple).
    `parse` turns the arguments into the value that the compiler merges, and raises `BadValue`
    with nginx's words. `default` is the value where nobody set one. A directive with `repeat` may
    stand several times in one block: its values form a tuple, inherited all or nothing.

    `check` sees the parsed value in its place and returns what is to be kept; `line` handles a node
    inside a block that holds data instead of directives; `finish` is called when the block is complete.
    A refused row without `why` is one that is only not built yet.
    """

    name: str
    contexts: Context
    arity: frozenset[int] | None
    status: Status
    doc: str
    at_least: int = 0
    block: Context | None = None
    parse: Callable[[tuple[str, ...]], Any] | None = None
    default: Any = None
    repeat: bool = False
    why: str = ""
    check: Callable[[Block, Any], Any] | None = None
    line: Callable[[Block, Node], Any] | None = None
    finish: Callable[[Block], None] | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A directive as written, with what its arguments mean."""

    node: Node
    row: Directive
    value: Any
    block: Block | None = None


@dataclass(slots=True)
class State:
    """What one reading of a configuration knows beyond its blocks: names that directives share.

    `resolve` answers host names where nginx resolves while it reads; None leaves them unresolved.
    """

    resolve: Callable[[str], Sequence[str]] | None = None
    warnings: list[ConfError] = field(default_factory=list)
    log_formats: set[str] = field(default_factory=set)
    variables: set[str] = field(default_factory=set)
    used: dict[str, None] = field(default_factory=dict)
    zones: dict[str, Any] = field(default_factory=dict)
    upstreams: dict[str, Any] = field(default_factory=dict)
    listens: dict[Any, Any] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Block:
    """What stands inside one pair of braces, or in the main context; grows while it is being read."""

    node: Node
    row: Directive | None
    value: Any
    context: Context
    parent: Block | None
    state: State
    entries: list[Entry] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    lines: list[Any] = field(default_factory=list)

    def blocks(self, name: str) -> Iterator[Block]:
        """The blocks of one name directly inside this one, in the order written."""
        return (entry.block for entry in self.entries if entry.block and entry.node.name == name)

    def inherited(self, name: str) -> Any:
        """The value that holds here: this block's, or that of the nearest block around it, or the default."""
        block: Block | None = self
        while block is not None:
            if name in block.values:
                return block.values[name]
            block = block.parent
        return table()[name][0].default

    def written(self, name: str) -> Node:
        """Where the value that holds here was written last."""
        block: Block | None = self
        while block is not None:
            for entry in reversed(block.entries):
                if entry.node.name == name:
                    return entry.node
            block = block.parent
        raise KeyError(name)
