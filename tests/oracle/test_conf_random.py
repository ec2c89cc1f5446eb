"""Random configurations, to real nginx and to the emulator: the same verdict.

A body is a few directives, each from the table with words that fit more or less, or a text from the
case files. What differs on purpose is left out: see `_is_apart`.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from emulator.nginx.directives import Context, Directive, Status, table
from tests.oracle.verdict import FOLDER, PLACES, Verdict, ask_emulator, ask_nginx, cases

WORDS = (
    *("on", "off", "0", "1", "10", "1k", "1m", "10s", "5ms", "1h 2m", "-1", "x", "", "a b", "always"),
    *("$host", "$uri/", "$nope", "${args}", "/a", "/a/", "a", "=404", "=", "@a", "~", "~*", "^~", "~ ^/a"),
    *("http://127.0.0.1", "http://127.0.0.1:8000/x", "unix:/x", "127.0.0.1", "127.0.0.1:80", "[::1]:80"),
    *("localhost", "*.a.b", "~^a(?<b>.)", "combined", "error", "default", "default_server", "200", "404"),
    *(
        "weight=2",
        "max_fails=1",
        "backup",
        "down",
        "buffer=1k",
        "flush=1s",
        "all",
        "any",
        "html",
        "text/html",
    ),
    *("1.1", "8k", "GET", "last", "break", "permanent", "($host)", "-f", "escape=json", "exact", "auto"),
)
TEXTS: dict[str, list[str]] = {place: [] for place in PLACES}
for _path in FOLDER.glob("*.txt"):
    for _case in cases(_path):
        TEXTS[_case.place].append(_case.text.replace("\\n", "\n"))

_CONTEXTS = {
    "main": Context.MAIN,
    "http": Context.HTTP,
    "server": Context.SERVER,
    "location": Context.LOCATION,
}
# `user` depends on the machine's accounts, and lines of data are no directives
_ROWS = [
    row
    for rows in table().values()
    for row in rows
    if row.status is not Status.REFUSED and row.block is None and row.name not in ("user", "include")
]


def _written(word: str) -> str:
    return f"'{word}'" if not word or set(word) & set(" ;{}\"'") else word


@st.composite
def directives(draw: st.DrawFn, place: str) -> str:
    if draw(st.integers(0, 2)) == 0:
        return draw(st.sampled_from(TEXTS[place]))
    row: Directive = draw(st.sampled_from([row for row in _ROWS if _CONTEXTS[place] in row.contexts]))
    counts = sorted(row.arity) if row.arity is not None else [row.at_least, row.at_least + 1]
    count = draw(st.sampled_from(counts))
    words = draw(st.lists(st.sampled_from(WORDS), min_size=count, max_size=count))
    return " ".join([row.name, *map(_written, words)]) + ";"


@st.composite
def configurations(draw: st.DrawFn) -> str:
    place = draw(st.sampled_from(("main", "http", "server", "location", "location")))
    body = draw(st.lists(directives(place), min_size=1, max_size=3))
    return PLACES[place] % "\n".join(body)


_APART = (
    *("the emulator", 'directive "echo"', 'directive "more_'),
    *("getpwnam(", "mkdir()", "open()", "could not build optimal"),
)


def _is_apart(ours: Verdict, real: Verdict) -> bool:
    """What the emulator refuses, what the wheel's own modules add, and files that only nginx opens."""
    said = " ".join((*ours.lines, *real.lines))
    return any(
        mark in said
        for mark in (
            "the emulator",
            'directive "echo"',
            'directive "more_',
            "getpwnam",
            "mkdir()",
            "open()",
            "optimal",
        )
    )


@settings(
    max_examples=int(os.environ.get("RANDOM_CONFIGURATIONS", "150")),
    deadline=None,
    derandomize="RANDOM_CONFIGURATIONS" not in os.environ,
    suppress_health_check=list(HealthCheck),
)
@given(conf=configurations())
def test_any_configuration_gets_nginxs_verdict(conf: str, need: object) -> None:
    real, ours = ask_nginx(conf), ask_emulator(conf)
    assert ours == real or _is_apart(ours, real)
