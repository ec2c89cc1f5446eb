"""nginx's configuration language: bytes -> a tree of nodes that know their file and line.

The rules of the language, as ngx_conf_read_token and ngx_conf_parse have them:

1. A statement is words up to ";" or "{"; blanks separate words; "#" begins a comment only where a
   word could begin.
2. A word is quoted only if its first character is a quote, and then a blank, ";", "{" or ")" must
   follow the closing quote. Inside a word, "${" does not open a block, and a backslash takes the next
   character with it; of the escapes only \\" \\' \\\\ \\t \\r \\n are replaced.
3. A statement's line is the line of its ";" or "{": that is the line nginx reports.
4. `include` is replaced by the nodes of the files it names, in any block; only a `Fault` may come of it.
5. nginx handles each statement as it reads it, so the first mistake in the text is the one it names,
   whether of grammar or of meaning. Hence a grammatical mistake ends the tree as a `Fault` node at its
   place, and who walks the tree raises it on getting there.

Text is decoded as `ENCODING` (utf-8 with surrogateescape), so that encoding an argument again gives
the very bytes of the file.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

ENCODING = ("utf-8", "surrogateescape")
COMMAND_LINE = "command line"

_BUFFER = 4096  # NGX_CONF_BUFFER: no word, quoted string or comment may be longer
_MAX_INCLUDES = 100  # nginx itself stops only when descriptors run out, and says so

_BLANKS = re.compile(r"(?:[ \t\r\n]++|#[^\n]*+)*+")
_WORD = re.compile(r"(?:[^ \t\r\n;{\\$]++|\\[\s\S]|\$\{*+)++")
_QUOTED = {
    '"': re.compile(r'[^"\\]*+(?:\\[\s\S][^"\\]*+)*+(?=")'),
    "'": re.compile(r"[^'\\]*+(?:\\[\s\S][^'\\]*+)*+(?=')"),
}
_ESCAPE = re.compile(r"""\\(["'\\trn])""")
_ESCAPES = {"t": "\t", "r": "\r", "n": "\n"}


class Node(NamedTuple):
    """One directive as written: `block` is None for a simple one, else the nodes inside its braces.

    `line` is where its ";" or "{" stands, `end` where its "}" does (0: it has none).
    """

    name: str
    args: tuple[str, ...]
    file: str
    line: int
    block: tuple[Node, ...] | None = None
    end: int = 0


class ConfError(Exception):
    """A configuration that nginx would not start with; `str()` is nginx's own line without date and pid."""

    def __init__(self, message: str, file: str = "", line: int = 0, level: str = "emerg") -> None:
        super().__init__(message)
        self.message, self.file, self.line, self.level = message, file, line, level
        self.warnings: tuple[ConfError, ...] = ()  # what nginx would have said before

    def __str__(self) -> str:
        where = f" in {self.file}" if self.file else ""
        return f"[{self.level}] {self.message}{where}{f':{self.line}' if self.line else ''}"


class Fault(Node):
    """The place at which the text stopped making sense: always the last node, in blocks left unfinished."""

    error: ConfError


class Conf(NamedTuple):
    """What was read: the tree, and each file's name and bytes in the order of their first use."""

    nodes: tuple[Node, ...]
    files: tuple[tuple[str, bytes], ...]

    def dump(self) -> bytes:
        """What `nginx -T` prints on stdout."""
        return b"".join(
            b"# configuration file %s:\n%s\n" % (name.encode(*ENCODING), text) for name, text in self.files
        )


def parse(
    file: str,
    read: Callable[[str], bytes],
    *,
    glob: Callable[[str], Sequence[str]] = lambda pattern: (),
    prefix: str = "",
) -> Conf:
    """Read `file` and all it includes; relative includes start from `prefix`, or else the file's folder.

    `read` gives a file's bytes or raises OSError, `glob` gives the matching names in order.
    """
    files = _Files(read, glob, prefix or file.rpartition("/")[0] + "/")
    nodes: list[Node] = []
    files.into(nodes, file, None)
    return Conf(tuple(nodes), tuple(files.seen.items()))


def parse_parameter(
    text: str, read: Callable[[str], bytes], *, glob: Callable[[str], Sequence[str]], prefix: str
) -> Conf:
    """Read the directives of `nginx -g`, which may have no blocks."""
    files = _Files(read, glob, prefix)
    nodes: list[Node] = []
    _Text(text, COMMAND_LINE, files).into(nodes)
    return Conf(tuple(nodes), tuple(files.seen.items()))


class _Files:
    """The files of one configuration: opens them, expands `include`, remembers what was read."""

    def __init__(
        self, read: Callable[[str], bytes], glob: Callable[[str], Sequence[str]], prefix: str
    ) -> None:
        self.read, self.glob = read, glob
        self.prefix = prefix if not prefix or prefix.endswith("/") else prefix + "/"
        self.seen: dict[str, bytes] = {}
        self.depth = 0

    def into(self, nodes: list[Node], name: str, at: Node | None) -> bool:
        """Append the nodes of a file; False when a Fault ended it."""
        try:
            if self.depth >= _MAX_INCLUDES:
                raise OSError(24, "Too many open files")
            data = self.read(name)
        except OSError as error:
            nodes.append(_fault(_unreadable(name, error, at)))
            return False
        self.seen.setdefault(name, data)
        self.depth += 1
        ended_well = _Text(data.decode(*ENCODING), name, self).into(nodes)
        self.depth -= 1
        return ended_well

    def include(self, nodes: list[Node], node: Node) -> bool:
        """As ngx_conf_include: a pattern may match nothing, a plain name must exist."""
        name = node.args[0]
        if not name.startswith("/"):
            name = self.prefix + name
        names = self.glob(name) if any(mark in name for mark in "*?[") else (name,)
        return all(self.into(nodes, each, node) for each in names)


def _unreadable(name: str, error: OSError, at: Node | None) -> ConfError:
    reason = f"({error.errno}: {os.strerror(error.errno or 0)})"
    if isinstance(error, IsADirectoryError):  # nginx opens a folder and then cannot read it
        return ConfError(f'pread() "{name}" failed {reason}', level="crit")
    return ConfError(f'open() "{name}" failed {reason}', at.file if at else "", at.line if at else 0)


def _fault(error: ConfError) -> Fault:
    fault = Fault("", (), error.file, error.line)
    fault.error = error
    return fault


class _Text:
    """One file's text being read."""

    def __init__(self, text: str, file: str, files: _Files) -> None:
        self.text, self.file, self.files = text, file, files
        self.at = self.counted = 0
        self.line = 1
        self.parameter = file == COMMAND_LINE

    def into(self, nodes: list[Node]) -> bool:
        """Append the text's nodes; a mistake becomes a Fault in the innermost open block, and False."""
        open_blocks: list[tuple[Node, list[Node]]] = []
        inner = nodes
        try:
            while True:
                words, mark = self.statement()
                if mark == "}":
                    if not open_blocks:
                        raise self.error('unexpected "}"')
                    head, outer = open_blocks.pop()
                    outer.append(self.closed(head, inner, self.line))
                    inner = outer
                    continue
                if not mark:
                    if open_blocks:
                        raise self.error('unexpected end of file, expecting "}"')
                    return True
                node = Node(words[0], tuple(words[1:]), self.file, 0 if self.parameter else self.line)
                if mark == "{":
                    if self.parameter:
                        raise self.error("block directives are not supported in -g option")
                    open_blocks.append((node, inner))
                    inner = []
                elif node.name == "include" and len(node.args) == 1:
                    if not self.files.include(inner, node):
                        break
                else:
                    inner.append(node)
        except ConfError as error:
            inner.append(_fault(error))
        while open_blocks:
            head, outer = open_blocks.pop()
            outer.append(self.closed(head, inner, 0))
            inner = outer
        return False

    def closed(self, head: Node, inside: list[Node], end: int) -> Node:
        return Node(head.name, head.args, head.file, head.line, tuple(inside), end)

    def statement(self) -> tuple[list[str], str]:
        """The next words and what ended them: ";", "{", "}", or "" for the end of the file."""
        text, size = self.text, len(self.text)
        words: list[str] = []
        while True:
            self.skip_blanks()
            at = self.at
            if at >= size:
                self.count(at)
                if words:
                    raise self.cut_short()
                return words, ""
            first = text[at]
            if first in ";{}":
                self.at = at + 1
                self.count(at)
                if (first == "}") == bool(words):
                    raise self.error(f'unexpected "{first}"')
                return words, first
            words.append(self.quoted(first) if first in "\"'" else self.word())

    def skip_blanks(self) -> None:
        found = _BLANKS.match(self.text, self.at)
        assert found
        if found.end() - self.at >= _BUFFER:
            self.refuse_long_comment(found.group())
        self.at = found.end()

    def refuse_long_comment(self, blanks: str) -> None:
        place = self.at
        for row in blanks.split("\n"):
            begins = row.find("#")
            if begins >= 0 and len(row[begins:].encode(*ENCODING)) >= _BUFFER:
                self.count(place)
                raise self.error(f'too long parameter "{row[begins : begins + 10]}..." started')
            place += len(row) + 1

    def word(self) -> str:
        found = _WORD.match(self.text, self.at)
        raw = found.group() if found else self.text[self.at :]
        self.within_buffer(raw, f'too long parameter "{raw[:10]}..." started')
        self.at += len(raw)
        if self.at >= len(self.text) or not found:
            raise self.cut_short()
        return _unescaped(raw)

    def quoted(self, quote: str) -> str:
        begin = self.at + 1
        found = _QUOTED[quote].match(self.text, begin)
        raw = found.group() if found else self.text[begin:]
        self.within_buffer(raw, f'too long parameter, probably missing terminating "{quote}" character')
        self.at = begin + len(raw) + 1
        if self.at >= len(self.text):
            raise self.cut_short()
        after = self.text[self.at]
        if after not in " \t\r\n;{)":
            self.count(self.at)
            raise self.error(f'unexpected "{after}"')
        return _unescaped(raw)

    def within_buffer(self, raw: str, message: str) -> None:
        if len(raw) * 4 >= _BUFFER and len(raw.encode(*ENCODING)) >= _BUFFER:
            self.count(self.at)
            raise self.error(message)

    def cut_short(self) -> ConfError:
        self.count(len(self.text))
        if self.parameter:
            return self.error('unexpected end of parameter, expecting ";"')
        return self.error('unexpected end of file, expecting ";" or "}"')

    def count(self, at: int) -> None:
        """Move the line number on to a position."""
        self.line += self.text.count("\n", self.counted, at)
        self.counted = at

    def error(self, message: str) -> ConfError:
        return ConfError(message, self.file, 0 if self.parameter else self.line)


def _unescaped(raw: str) -> str:
    return _ESCAPE.sub(lambda found: _ESCAPES.get(found[1], found[1]), raw) if "\\" in raw else raw
