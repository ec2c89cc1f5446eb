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
Rows and values are NamedTuples, not dataclasses: nginx starts with all of them, and to define a dataclass
takes four times as long.

`complete(main)` then does what nginx does after "syntax is ok" (an `events` block must be there).
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any, NamedTuple

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
    NO_EFFECT = "no effect"
    REFUSED = "refused"


class BadValue(ValueError):
    """A directive's arguments are wrong; the text is nginx's, without file and line."""


class Complaint(BadValue):
    """The end of a sentence that nginx begins with the directive's name: `"root" directive is duplicate`."""


def not_yet(what: str) -> BadValue:
    """The refusal of a part of a directive that is only not built yet."""
    return BadValue(f"{what} is not supported by the emulator yet")


class Directive(NamedTuple):
    """One row: `arity` is the allowed numbers of arguments (None: any number from `at_least` on).

    `block` names the context that the directive's own block opens (None: the directive is simple).
    `parse` turns the arguments into the value that the compiler merges, and raises `BadValue`
    with nginx's words. `default` is the value where nobody set one. A directive with `repeat` may
    stand several times in one block: its values form a tuple, inherited all or nothing; one that is not
    `once` may also stand again, but then the last one counts.

    `check` sees the parsed value in its place and returns what is to be kept; `line` handles a node
    inside a block that holds data instead of directives; `finish` is called when the block is complete.
    A refused row says `why`.
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
    once: bool = True
    why: str = ""
    check: Callable[[Block, Any], Any] | None = None
    line: Callable[[Block, Node], Any] | None = None
    finish: Callable[[Block], None] | None = None


class Entry(NamedTuple):
    """A directive as written, with what its arguments mean."""

    node: Node
    row: Directive
    value: Any
    block: Block | None = None


_NOWHERE = Node("", (), "", 0)


class State:
    """What one reading of a configuration knows beyond its blocks: names that directives share.

    `resolve` answers host names where nginx resolves while it reads; None leaves them unresolved.
    `folder` is where the main file stands: some paths start there and not at nginx's prefix. `path` gives
    a file's real path where nginx opens files while it reads; None leaves them closed.
    `at` is the node being handled; `used` holds the variables that texts name, `variables` the defined ones.
    `merges` is what families do when the http block is complete.
    """

    def __init__(
        self,
        resolve: Callable[[str], Sequence[str]] | None = None,
        folder: str = "",
        path: Callable[[str], str] | None = None,
    ) -> None:
        self.resolve = resolve
        self.folder = folder
        self.path = path
        self.speaks_tls = False
        self.at = _NOWHERE
        self.warnings: list[ConfError] = []
        self.log_formats: set[str] = set()
        self.variables: set[str] = set()
        self.used: dict[str, None] = {}
        self.merges: list[Callable[[], None]] = []
        self.zones: dict[str, Any] = {}
        self.upstreams: list[Any] = []
        self.listens: dict[str, list[tuple[Block, Any]]] = {}

    def warn(self, message: str, level: str = "warn") -> None:
        self.warnings.append(ConfError(message, self.at.file, self.at.line, level))

    def warn_nowhere(self, message: str) -> None:
        self.warnings.append(ConfError(message, level="warn"))


class Block:
    """What stands inside one pair of braces, or in the main context; grows while it is being read."""

    __slots__ = ("context", "entries", "lines", "node", "parent", "row", "state", "value", "values")

    def __init__(
        self,
        node: Node,
        row: Directive | None,
        value: Any,
        context: Context,
        parent: Block | None,
        state: State,
    ) -> None:
        self.node, self.row, self.value = node, row, value
        self.context, self.parent, self.state = context, parent, state
        self.entries: list[Entry] = []
        self.values: dict[str, Any] = {}
        self.lines: list[Any] = []

    def __repr__(self) -> str:
        return f"<Block {self.node.name} {self.node.file}:{self.node.line}, {len(self.entries)} directives>"

    def blocks(self, name: str) -> Iterator[Block]:
        """The blocks of one name directly inside this one, in the order written."""
        return (entry.block for entry in self.entries if entry.block and entry.node.name == name)

    def around(self) -> Iterator[Block]:
        """This block and those whose values it inherits: an upstream inherits nothing."""
        block: Block | None = self
        while block is not None:
            yield block
            block = None if block.context is Context.UPSTREAM else block.parent

    def given(self, name: str, default: Any = None) -> Any:
        """What is written here or around, without a look at the row, whose family may not be imported yet."""
        return next((block.values[name] for block in self.around() if name in block.values), default)

    def inherited(self, name: str) -> Any:
        """The value that holds here: this block's, or that of the nearest block around it, or the default."""
        for block in self.around():
            if name in block.values:
                return block.values[name]
        rows = rows_of(name)
        return next((row.default for row in rows if row.contexts & self.context), rows[0].default)

    def written(self, name: str) -> Node | None:
        """Where the value that holds here was written last; None when it is the default."""
        for block in self.around():
            node: Node | None = next((e.node for e in reversed(block.entries) if e.node.name == name), None)
            if node is not None:
                return node
        return None


Table = Mapping[str, tuple[Directive, ...]]


@functools.cache
def table() -> Table:
    """Every directive by name; the rows of one name are in nginx's order of modules."""
    return {**_rarer_table(), **_first_table()}


@functools.cache
def _first_table() -> Table:
    from emulator.nginx.modules import FAMILIES

    return _by_name(FAMILIES)


@functools.cache
def _rarer_table() -> Table:
    from emulator.nginx.modules import rarer_families

    return _by_name(rarer_families())


def _by_name(families: Sequence[ModuleType]) -> Table:
    rows: dict[str, tuple[Directive, ...]] = {}
    for family in families:
        for row in family.DIRECTIVES:
            rows[row.name] = (*rows.get(row.name, ()), row)
    return rows


def rows_of(name: str) -> tuple[Directive, ...]:
    """The rows of one name: none if nginx has no such directive."""
    return _first_table().get(name) or _rarer_table().get(name, ())


def validate(
    nodes: Sequence[Node],
    *,
    resolve: Callable[[str], Sequence[str]] | None = None,
    folder: str = "",
    path: Callable[[str], str] | None = None,
) -> Block:
    """Check a whole configuration in the order of its text and give its main context, or raise ConfError."""
    main = Block(_NOWHERE, None, None, Context.MAIN, None, State(resolve, folder, path))
    try:
        _fill(main, nodes)
    except ConfError as error:
        error.warnings = tuple(main.state.warnings)
        raise
    return main


def complete(main: Block) -> None:
    """The checks that nginx makes only after it has said that the syntax is ok."""
    events = next(main.blocks("events"), None)
    if events is None:
        raise ConfError('no "events" section in configuration')
    connections, sockets = events.inherited("worker_connections"), len(main.state.listens)
    if connections <= sockets:
        raise ConfError(f"{connections} worker_connections are not enough for {sockets} listening sockets")


def _fill(block: Block, nodes: Sequence[Node]) -> None:
    for node in nodes:
        if isinstance(node, Fault):
            raise node.error
        block.state.at = node
        try:
            _take(block, node, _row_for(rows_of(node.name), node, block.context))
        except BadValue as error:
            raise _located(error, node, node.line) from None


def _located(error: BadValue, node: Node, line: int) -> ConfError:
    text = f'"{node.name}" directive {error}' if isinstance(error, Complaint) else str(error)
    return ConfError(text, node.file, line)


def _row_for(rows: Sequence[Directive], node: Node, context: Context) -> Directive:
    """The row that fits, in the order of ngx_conf_handler's checks: name, context, block, arguments."""
    if not rows:
        raise BadValue(f'unknown directive "{node.name}"')
    for row in rows:
        if context in row.contexts:
            break
    else:
        raise Complaint("is not allowed here")
    if row.block is None and node.block is not None:
        raise BadValue(f'directive "{node.name}" is not terminated by ";"')
    if row.block is not None and node.block is None:
        raise BadValue(f'directive "{node.name}" has no opening "{{"')
    count = len(node.args)
    if count < row.at_least if row.arity is None else count not in row.arity:
        raise BadValue(f'invalid number of arguments in "{node.name}" directive')
    return row


def _take(block: Block, node: Node, row: Directive) -> None:
    """Parse and keep one directive, as its setter would."""
    if row.status is Status.REFUSED:
        raise Complaint(f"is not supported by the emulator: {row.why}")
    if row.once and not row.repeat and node.name in block.values:
        raise Complaint("is duplicate")
    value = _meaning(row, node.args)
    if row.check is not None:
        value = row.check(block, value)
    if row.block is not None:
        block.entries.append(Entry(node, row, value, _inside(block, node, row, value)))
        block.values.setdefault(node.name, value)
        return
    block.entries.append(Entry(node, row, value))
    block.values[node.name] = (*block.values.get(node.name, ()), value) if row.repeat else value


def _meaning(row: Directive, args: tuple[str, ...]) -> Any:
    if row.parse is not None:
        return row.parse(args)
    if not args:
        return True
    return args[0] if row.arity == frozenset((1,)) else args


def _inside(outer: Block, node: Node, row: Directive, value: Any) -> Block:
    assert row.block is not None
    block = Block(node, row, value, row.block, outer, outer.state)
    if row.line is None:
        _fill(block, node.block or ())
    else:
        _read_lines(block, node.block or (), row.line)
    outer.state.at = node
    if row.finish is not None:
        try:
            row.finish(block)
        except BadValue as error:
            raise _located(error, node, node.end) from None
    return block


def _read_lines(block: Block, nodes: Sequence[Node], handle: Callable[[Block, Node], Any]) -> None:
    """A block of data: each line goes to the directive's own handler."""
    for node in nodes:
        if isinstance(node, Fault):
            raise node.error
        block.state.at = node
        try:
            if node.block is not None:
                raise BadValue('unexpected "{"')
            block.lines.append(handle(block, node))
        except BadValue as error:
            raise _located(error, node, node.line) from None
