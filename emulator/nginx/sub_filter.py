"""sub_filter: other words in answers (ngx_http_sub_filter_module.c).

Rules:
- the match that begins first counts; of several that begin there, the one that was written first;
- the end of what has come may be the beginning of a match: it waits for more;
- with sub_filter_once each of the words is replaced once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from emulator.nginx.bodyfilter import attach
from emulator.nginx.contenttype import type_test
from emulator.nginx.outfields import forget_etag, forget_last_modified, weaken_etag
from emulator.nginx.variables import Template, compile_template, constant_of

if TYPE_CHECKING:
    from emulator.nginx.directives import Block
    from emulator.nginx.request import Request

Replacement = Callable[[], bytes]


class Words:
    """The words to look for, in lower case and in the order written; some of them may be used up."""

    __slots__ = ("found", "longest", "words")

    def __init__(self, words: tuple[tuple[int, bytes], ...]) -> None:
        self.words = words
        self.longest = max((len(word) for _, word in words), default=0)
        self.found = re.compile(b"|".join(b"(%b)" % re.escape(word) for _, word in words), re.IGNORECASE)

    def without(self, place: int) -> Words:
        """The same without the word in one place."""
        return Words((*self.words[:place], *self.words[place + 1 :]))

    def started(self, data: bytes, at: int) -> tuple[int, int]:
        """Where what could become a match begins, and which word it would be; (len(data), 0) if nowhere."""
        at = max(at, len(data) - self.longest + 1)
        tail = data[at:].lower()
        return min(
            (
                (at + start, place)
                for place, (_, word) in enumerate(self.words)
                for start in _starts(tail, word)
            ),
            default=(len(data), 0),
        )


def _starts(tail: bytes, word: bytes) -> Iterator[int]:
    """Where a text ends with a beginning of a word that is not all of it, the first place only."""
    start = tail.find(word[:1], max(0, len(tail) - len(word) + 1))
    while start >= 0:
        if word.startswith(tail[start:]):
            yield start
            return
        start = tail.find(word[:1], start + 1)


class Substitution:
    """One body in which words are replaced."""

    __slots__ = ("_held", "_once", "_replacements", "_values", "_words")

    def __init__(self, words: Words, replacements: tuple[Replacement, ...], once: bool) -> None:
        self._words = words
        self._replacements = replacements
        self._values: dict[int, bytes] = {}
        self._once = once
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        data = self._held + data if self._held else data
        self._held = b""
        pieces: list[bytes] = []
        at, waits, words = 0, (-1, 0), self._words
        while words.words and at < len(data):
            found = words.found.search(data, at)
            if waits[0] < at:
                waits = words.started(data, at)
            if waits[0] < len(data) and (found is None or waits < (found.start(), _place(found))):
                pieces.append(data[at : waits[0]])
                self._held = data[waits[0] :]
                return b"".join(pieces)
            if found is None:
                break
            pieces += (data[at : found.start()], self._replaced(_place(found)))
            at = found.end()
            if words is not self._words:
                waits, words = (-1, 0), self._words
        pieces.append(data[at:] if at else data)
        return b"".join(pieces)

    def _replaced(self, place: int) -> bytes:
        words = self._words
        number = words.words[place][0]
        if self._once:
            self._words = words.without(place)
        value = self._values.get(number)
        if value is None:
            value = self._values[number] = self._replacements[number]()
        return value

    def flush(self) -> bytes:
        return b""

    def end(self) -> bytes:
        held, self._held = self._held, b""
        self._replacements = ()  # they refer to the request, which refers to this
        return held


def _place(found: re.Match[bytes]) -> int:
    return (found.lastindex or 1) - 1


def compile_sub_filter(block: Block, own: frozenset[str]) -> Callable[[Request], None]:
    """What attaches a location's substitution to the responses of its types."""
    pairs: tuple[tuple[str, str], ...] = block.inherited("sub_filter")
    templates = tuple(compile_template(value, own) for _, value in pairs)
    words_for = _words(tuple(word for word, _ in pairs), own)
    fits = type_test(block.inherited("sub_filter_types"))
    once: bool = block.inherited("sub_filter_once")
    keeps_date: bool = block.inherited("sub_filter_last_modified")

    def substitute(r: Request) -> None:
        if r.content_length == 0 or not fits(r):
            return
        words = words_for(r)
        if not words.words:
            return
        attach(r, Substitution(words, tuple(_bound(template, r) for template in templates), once))
        r.content_length = -1
        if keeps_date:
            weaken_etag(r)
        else:
            forget_last_modified(r)
            forget_etag(r)

    return substitute


def _words(patterns: tuple[str, ...], own: frozenset[str]) -> Callable[[Request], Words]:
    constants = [constant_of(pattern) for pattern in patterns]
    if all(constant is not None for constant in constants):
        words = Words(tuple((place, (word or b"").lower()) for place, word in enumerate(constants)))
        return lambda r: words
    templates = tuple(compile_template(pattern, own) for pattern in patterns)

    def words_for(r: Request) -> Words:
        texts = ((place, template(r).lower()) for place, template in enumerate(templates))
        return Words(tuple((place, text) for place, text in texts if text))

    return words_for


def _bound(template: Template, r: Request) -> Replacement:
    return lambda: template(r)
