"""A parsed template against a value of JSON: what text/template's Execute prints.

A value of the API is a map here where Go has a struct, so `{{.}}` of an object shows as map[...], and a field
that the API leaves out because it is empty is refused like one that there never is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from emulator.cli.docker.template import BadTemplate, Block, Node, Pipe, Text


class Missing:
    """The value of a name that nothing has."""


def rendered(nodes: list[Node], value: Any, what: str = "map") -> str:
    """The text that a template makes of a value; `what` names its type where a field is missing."""
    return "".join(Render(value, what).nodes(nodes, value))


class Render:
    """One execution: the variables, and the value that $ is."""

    def __init__(self, root: Any, what: str) -> None:
        self.names: dict[str, Any] = {"$": root}
        self.root, self.what = root, what

    def nodes(self, nodes: list[Node], dot: Any) -> Iterator[str]:
        for node in nodes:
            if isinstance(node, Text):
                yield node.text
            elif isinstance(node, Block):
                yield from self.block(node, dot)
            else:
                value = self.pipe(node, dot)
                if not node.names:
                    yield shown(value)

    def block(self, block: Block, dot: Any) -> Iterator[str]:
        if block.word == "range":
            yield from self.range(block, dot)
            return
        value = self.pipe(block.pipe, dot)
        if truth(value):
            yield from self.nodes(block.body, value if block.word == "with" else dot)
        else:
            yield from self.nodes(block.other, dot)

    def range(self, block: Block, dot: Any) -> Iterator[str]:
        names, block.pipe.names = block.pipe.names, []
        value = self.pipe(block.pipe, dot)
        block.pipe.names = names
        pairs = sorted(value.items()) if isinstance(value, dict) else list(enumerate(value or ()))
        for key, item in pairs:
            self.names.update(zip(names, (item,) if len(names) == 1 else (key, item), strict=False))
            yield from self.nodes(block.body, item)
        if not pairs:
            yield from self.nodes(block.other, dot)

    def pipe(self, pipe: Pipe, dot: Any) -> Any:
        value: Any = Missing
        for command in pipe.commands:
            value = self.command(command, dot, value, pipe)
        self.names.update(dict.fromkeys(pipe.names, value))
        return value

    def command(self, words: list[str], dot: Any, last: Any, pipe: Pipe) -> Any:
        values = self.operands(words, dot, pipe)
        if words[0] in CALLS:
            values = values[1:] + ([] if last is Missing else [last])
            try:
                return CALLS[words[0]](*values)
            except (TypeError, ValueError, IndexError, KeyError) as error:
                raise self.bad(pipe, f"<{pipe.text}>: error calling {words[0]}: {error}") from None
        return values[0]

    def operands(self, words: list[str], dot: Any, pipe: Pipe) -> list[Any]:
        values, left = [], list(words)
        while left:
            word = left.pop(0)
            if word == "(":
                inner, depth = [], 1
                while left and depth:
                    inner.append(left.pop(0))
                    depth += (inner[-1] == "(") - inner[-1].startswith(")")
                tail = inner.pop()[1:]
                value = self.command(inner, dot, Missing, pipe)
                values.append(self.fields(value, tail, pipe) if tail else value)
            else:
                values.append(self.operand(word, dot, pipe))
        return values

    def operand(self, word: str, dot: Any, pipe: Pipe) -> Any:
        if word in LITERALS:
            return LITERALS[word]
        if word[0] in '"`':
            return json.loads(word) if word[0] == '"' else word[1:-1]
        if word[0] == ".":
            return self.fields(dot, word, pipe)
        if word[0] == "$":
            name, point, rest = word.partition(".")
            if name not in self.names:
                raise BadTemplate(f'template: :1: undefined variable "{name}"')
            return self.fields(self.names[name], point + rest, pipe)
        if word[0].isdigit() or word[0] in "+-":
            return float(word) if "." in word else int(word)
        return word

    def fields(self, value: Any, path: str, pipe: Pipe) -> Any:
        for name in filter(None, path.split(".")):
            if isinstance(value, dict) and name in value:
                value = value[name]
            elif value is None:
                raise self.bad(pipe, f"<{path}>: nil pointer evaluating interface {{}}.{name}")
            elif isinstance(value, dict) and self.what == "map":
                raise self.bad(pipe, f'<{path}>: map has no entry for key "{name}"')
            else:
                raise self.bad(pipe, f"<{path}>: can't evaluate field {name} in type {self.what}")
        return value

    def bad(self, pipe: Pipe, text: str) -> BadTemplate:
        return BadTemplate(f'template: :1:{pipe.at}: executing "" at {text}')


LITERALS: dict[str, Any] = {"true": True, "false": False, "nil": None}


def truth(value: Any) -> bool:
    return value is not None and value is not Missing and bool(value)


def shown(value: Any) -> str:
    """A value as fmt.Sprint prints what JSON can hold."""
    if value is None or value is Missing:
        return "<no value>"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "map[" + " ".join(f"{key}:{_inner(value[key])}" for key in sorted(value)) + "]"
    if isinstance(value, list | tuple):
        return "[" + " ".join(map(_inner, value)) + "]"
    return str(value)


def _inner(value: Any) -> str:
    return "<nil>" if value is None else shown(value)


def to_json(value: Any) -> str:
    """As Go's encoding/json, which escapes for HTML and not for ASCII."""
    return escaped(json.dumps(value, separators=(",", ":"), ensure_ascii=False))


def escaped(text: str) -> str:
    """JSON as Go writes it."""
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _index(value: Any, *keys: Any) -> Any:
    for key in keys:
        value = value.get(key, "") if isinstance(value, dict) else value[key]
    return value


def _printf(form: str, *values: Any) -> str:
    import re

    texts = [
        value if isinstance(value, int | float) and not isinstance(value, bool) else shown(value)
        for value in values
    ]
    return re.sub(r"%(-?\d*)v", r"%\1s", form).replace("%q", '"%s"').replace("%t", "%s") % tuple(texts)


CALLS: dict[str, Any] = {
    "and": lambda *v: next((one for one in v if not truth(one)), v[-1]),
    "or": lambda *v: next((one for one in v if truth(one)), v[-1]),
    "not": lambda v: not truth(v),
    "eq": lambda a, *b: any(a == one for one in b),
    "ne": lambda a, b: a != b,
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
    "index": _index,
    "len": len,
    "print": lambda *v: "".join(map(shown, v)),
    "println": lambda *v: " ".join(map(shown, v)) + "\n",
    "printf": _printf,
    "slice": lambda v, *at: v[slice(*at)],
    "json": to_json,
    "split": lambda text, mark: text.split(mark),
    "join": lambda v, mark: mark.join(v),
    "title": lambda text: text.title(),
    "lower": lambda text: text.lower(),
    "upper": lambda text: text.upper(),
    "pad": lambda text, before, after: text and " " * before + text + " " * after,
    "truncate": lambda text, size: text[:size],
}
