"""Which location and which server: the tree against nginx's rules, read out one after the other."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.nginx.compile import Tree

from .serving import Serving

Serve = Callable[[str], Serving]


@dataclass(eq=False)
class Place:
    """As much of a location as a tree looks at, and what is nested in it."""

    kind: str  # "", "=", "^~" or "~"
    name: bytes
    inner: list[Place] = field(default_factory=list)
    tree: Tree | None = None

    @property
    def exact(self) -> bool:
        return self.kind == "="

    @property
    def no_regex(self) -> bool:
        return self.kind == "^~"


def plant(places: list[Place]) -> Tree:
    tree = Tree()
    prefixes = []
    for place in places:
        if place.inner:
            place.tree = plant(place.inner)
        if place.kind == "~":
            tree.regexes.append((re.compile(place.name), place))  # type: ignore[arg-type]
        elif place.exact:
            tree.exact.setdefault(place.name, place)  # type: ignore[arg-type]
        else:
            prefixes.append((place.name, place))
    tree.seal(prefixes)  # type: ignore[arg-type]
    return tree


def by_the_rules(places: list[Place], path: bytes) -> tuple[Place | None, bool]:
    """The location, and whether it is final (as ngx_http_core_find_location gives OK or AGAIN)."""
    for place in places:
        if place.exact and place.name == path:
            return place, True
    fitting = [place for place in places if place.kind in ("", "^~") and path.startswith(place.name)]
    best = max(fitting, key=lambda place: len(place.name), default=None)
    found: Place | None = best
    if best is not None:
        nested, final = by_the_rules(best.inner, path)
        if final:
            return nested, True
        found = nested or best
    if best is None or not best.no_regex:
        for place in places:
            if place.kind == "~" and re.search(place.name, path):
                return by_the_rules(place.inner, path)[0] or place, True
    return found, False


NAMES = st.text("ab/", max_size=4).map(lambda text: b"/" + text.encode())
PATTERNS = st.sampled_from([b"a$", b"^/a", b"b", b"/b/", b"ab"])


def unique(places: list[Place]) -> list[Place]:
    """nginx refuses two locations of the same name; `^~ /x` and `/x` are the same."""
    seen: dict[tuple[str, bytes], Place] = {}
    for place in places:
        seen.setdefault((place.kind if place.kind in ("=", "~") else "", place.name), place)
    return list(seen.values())


LEAVES = st.one_of(
    st.builds(Place, st.sampled_from(["", "=", "^~"]), NAMES), st.builds(Place, st.just("~"), PATTERNS)
)
INNER = st.lists(LEAVES, max_size=3).map(unique)
PLACES = st.lists(
    st.one_of(
        LEAVES,
        st.builds(Place, st.sampled_from(["", "^~"]), NAMES, INNER),
        st.builds(Place, st.just("~"), PATTERNS, INNER),
    ),
    max_size=6,
).map(unique)


@given(PLACES, NAMES)
def test_the_tree_finds_what_the_rules_say(places: list[Place], path: bytes) -> None:
    assert plant(places).find(path)[0] is by_the_rules(places, path)[0]


def found(places: list[Place], path: bytes) -> bytes | None:
    location = plant(places).find(path)[0]
    return None if location is None else location.name


def test_the_longest_prefix_wins_over_file_order() -> None:
    places = [Place("", b"/a"), Place("", b"/a/b"), Place("", b"/")]
    assert [found(places, path) for path in (b"/a/b/c", b"/a/c", b"/x")] == [b"/a/b", b"/a", b"/"]


def test_the_first_expression_wins_over_the_longest_prefix() -> None:
    places = [Place("", b"/a/b"), Place("~", b"b$"), Place("~", b"a")]
    assert found(places, b"/a/b") == b"b$"


def test_a_caret_keeps_expressions_away_and_an_equals_sign_everything() -> None:
    places = [Place("^~", b"/a"), Place("=", b"/b"), Place("~", b".")]
    assert [found(places, path) for path in (b"/ax", b"/b", b"/bx")] == [b"/a", b"/b", b"."]


def test_a_match_is_told_so_that_captures_can_be_taken() -> None:
    match = plant([Place("~", b"^/(?P<who>[a-z]+)")]).find(b"/me")[1]
    assert match is not None
    assert match["who"] == b"me"


def test_where_nothing_fits_there_is_no_location() -> None:
    assert found([Place("=", b"/a"), Place("~", b"x")], b"/b") is None


NAMED = """
server { listen 80 default_server; server_name exact.org; }
server { listen 80; server_name *.wild.org; }
server { listen 80; server_name *.deep.wild.org; }
server { listen 80; server_name .both.org; }
server { listen 80; server_name mail.*; }
server { listen 80; server_name ~^(?<sub>[a-z]+)\\.re\\.org$; }
server { listen 80; server_name www.wild.org; }
"""


@pytest.mark.parametrize(
    ("host", "server"),
    [
        (b"exact.org", b"exact.org"),
        (b"www.wild.org", b"www.wild.org"),
        (b"a.wild.org", b"*.wild.org"),
        (b"a.b.wild.org", b"*.wild.org"),
        (b"a.deep.wild.org", b"*.deep.wild.org"),
        (b"wild.org", b"exact.org"),
        (b"both.org", b"both.org"),
        (b"x.both.org", b"both.org"),
        (b"mail.example", b"mail.*"),
        (b"mail.wild.org", b"*.wild.org"),
        (b"me.re.org", b"~^(?<sub>[a-z]+)\\.re\\.org$"),
        (b"nobody", b"exact.org"),
        (b"", b"exact.org"),
    ],
)
def test_a_host_finds_its_server(serve: Serve, host: bytes, server: bytes) -> None:
    assert serve(NAMED).conf.listeners[0].find(host)[0].name == server


def test_an_expression_hands_its_named_groups_to_the_request(serve: Serve) -> None:
    match = serve(NAMED).conf.listeners[0].find(b"me.re.org")[1]
    assert match is not None
    assert match.groupdict() == {"sub": b"me"}
