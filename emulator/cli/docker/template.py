"""Go's text/template, as far as `--format` needs it: text into nodes.

https://pkg.go.dev/text/template: fields, variables, pipelines, if, with and range; no define, no template.
Blanks are trimmed by {{- and -}}, comments skipped. What is refused is refused in Go's words, without a name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field


class BadTemplate(Exception):
    """What template.Parse or Execute would have returned."""


@dataclass(slots=True)
class Text:
    text: str


@dataclass(slots=True)
class Pipe:
    """Commands whose values go on to the next as last argument; `names` are set to the outcome."""

    commands: list[list[str]]
    names: list[str]
    text: str
    at: int


@dataclass(slots=True)
class Block:
    """if, with or range: what is done for a value, and what for none."""

    word: str
    pipe: Pipe
    body: list[Node] = field(default_factory=list)
    other: list[Node] = field(default_factory=list)


Node = Text | Pipe | Block

ACTION = re.compile(r"\{\{(- )?(/\*.*?\*/|.*?)( -)?\}\}", re.S)
TOKEN = re.compile(
    r"""\s*( "(?:\\.|[^"\\])*" | `[^`]*` | \| | \( | \)\.[\w.]+ | \) | := | = | , | [-+]?\d+(?:\.\d+)?
    | \$?[A-Za-z_]\w*(?:\.\w+)* | \$(?:\.\w+)* | \.[\w.]* )""",
    re.X,
)


def parse(source: str) -> list[Node]:
    """The nodes of a template."""
    root: list[Node] = []
    stack: list[tuple[Block | None, list[Node]]] = [(None, root)]
    for node in _pieces(source):
        if not isinstance(node, Pipe):
            stack[-1][1].append(node)
            continue
        word = node.text.split(maxsplit=1)[0] if node.text else ""
        if word in ("if", "with", "range"):
            block = Block(word, _pipe(node.text[len(word) :], node.at))
            stack[-1][1].append(block)
            stack.append((block, block.body))
        elif word == "else":
            _else(node, stack)
        elif word == "end":
            if len(stack) == 1:
                raise BadTemplate("template: :1: unexpected {{end}}")
            while stack.pop()[0] is None:
                pass
        else:
            stack[-1][1].append(_pipe(node.text, node.at))
    if len(stack) > 1:
        raise BadTemplate("template: :1: unexpected EOF")
    return root


def _else(node: Pipe, stack: list[tuple[Block | None, list[Node]]]) -> None:
    block = stack[-1][0]
    if block is None:
        raise BadTemplate("template: :1: unexpected {{else}}")
    rest = node.text[4:].strip()
    stack[-1] = (block, block.other)
    if rest:
        word = rest.split(maxsplit=1)[0]
        inner = Block(word, _pipe(rest[len(word) :], node.at))
        block.other.append(inner)
        stack[-1] = (inner, inner.body)


def _pieces(source: str) -> Iterator[Node]:
    at, trim = 0, False
    for found in ACTION.finditer(source):
        text = source[at : found.start()]
        text = text.lstrip() if trim else text
        yield Text(text.rstrip() if found[1] else text)
        at, trim = found.end(), bool(found[3])
        if not found[2].startswith("/*"):
            yield Pipe([], [], found[2].strip(), found.start(2))
    rest = source[at:].lstrip() if trim else source[at:]
    if "{{" in rest:
        raise BadTemplate("template: :1: unclosed action")
    yield Text(rest)


def tokens(text: str) -> list[str]:
    """The words of an action."""
    found, at = [], 0
    text = text.rstrip()
    while at < len(text):
        token = TOKEN.match(text, at)
        if token is None:
            raise BadTemplate(f'template: :1: unexpected "{text[at:].strip()[:1]}" in operand')
        found.append(token[1])
        at = token.end()
    return found


def _pipe(text: str, at: int) -> Pipe:
    words, names = tokens(text), []
    for mark in (":=", "="):
        if mark in words:
            cut = words.index(mark)
            names, words = [word for word in words[:cut] if word != ","], words[cut + 1 :]
    if not words:
        raise BadTemplate("template: :1: missing value for command")
    for name in (word for word in words if re.match(r"[A-Za-z_]", word)):
        if name not in FUNCTIONS:
            raise BadTemplate(f'template: :1: function "{name}" not defined')
    return Pipe(_commands(words), names, text.strip(), at)


def _commands(words: list[str]) -> list[list[str]]:
    commands: list[list[str]] = [[]]
    depth = 0
    for word in words:
        depth += (word == "(") - word.startswith(")")
        if word == "|" and depth == 0:
            commands.append([])
        else:
            commands[-1].append(word)
    return commands


# What a name without a dot may be: the words of Go's and of the client's own table (docker/cli, templates/).
FUNCTIONS = {
    *("and", "or", "not", "eq", "ne", "lt", "le", "gt", "ge", "index", "len", "print", "printf", "println"),
    *("slice", "json", "split", "join", "title", "lower", "upper", "pad", "truncate", "true", "false", "nil"),
}
