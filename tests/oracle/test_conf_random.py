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
    *("utf-8", "koi8-r", "max", "epoch", "modified", "@1h", "any", "expired", "no-cache", "msie6", "json"),
    *(
        "consistent",
        "two",
        "least_conn",
        "cookie",
        "expires=1h",
        "httponly",
        "samesite=lax",
        "secure",
        "nosecure",
    ),
    *("zone=a:1m", "zone=a", "a:64k", "rate=1r/s", "burst=5", "nodelay", "delay=2", "valid=10s", "ipv6=off"),
    *(
        "TLSv1.2",
        "TLSv1.9",
        "HIGH",
        "shared:a:1m",
        "builtin",
        "none",
        "optional",
        "h2",
        "max=10",
        "inactive=1m",
    ),
    *(
        "error",
        "timeout",
        "http_503",
        "non_idempotent",
        "invalid_header",
        "transparent",
        "~^http://(.*)$",
        "$1",
    ),
)
TEXTS: dict[str, list[str]] = {place: [] for place in PLACES}
for _path in FOLDER.glob("*.txt"):
    for _case in cases(_path):
        TEXTS[_case.place].append(_case.text.replace("\\n", "\n"))
TEXTS["upstream"] += [
    *(
        "server 127.0.0.2;",
        "server 127.0.0.1 backup;",
        "keepalive 2;",
        "ip_hash;",
        "least_conn;",
        "random two;",
    ),
    *("hash $host consistent;", "hash $uri;", "zone a 64k;", "sticky cookie a;", "server unix:/x down;"),
]

_CONTEXTS = {
    "main": Context.MAIN,
    "http": Context.HTTP,
    "server": Context.SERVER,
    "location": Context.LOCATION,
    "upstream": Context.UPSTREAM,
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
    place = draw(st.sampled_from(("main", "http", "server", "location", "location", "upstream")))
    body = draw(st.lists(directives(place), min_size=1, max_size=3))
    return PLACES[place] % "\n".join(body)


# What the emulator refuses, what the wheel's own modules add, and files that only nginx opens.
_APART = (
    *("the emulator", 'directive "echo"', 'directive "more_'),
    *("getpwnam(", "mkdir()", "open()", "could not build optimal"),
)
# Directives of modules that the wheel was built without, which it does not know.
_UNKNOWN = ("gzip_static", "sub_filter", "stub_status")


def _is_apart(ours: Verdict, real: Verdict) -> bool:
    said = " ".join((*ours.lines, *real.lines))
    return any(mark in said for mark in _APART) or any(
        f'unknown directive "{name}' in line for name in _UNKNOWN for line in real.lines
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
