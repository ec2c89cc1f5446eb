"""The table of directives and the check of a tree against it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

import emulator.nginx
from emulator.nginx import mime, official, reference
from emulator.nginx.conf import ConfError, parse
from emulator.nginx.directives import Block, Context, Directive, Status, complete, rows_of, table, validate
from emulator.nginx.modules.listen import Listen
from emulator.nginx.modules.location import Location

ROWS = [row for rows in table().values() for row in rows]
ROOM = Path(emulator.nginx.__file__).parent
DOCS = ROOM.parent.parent / "docs" / "nginx.md"


def checked(text: str, resolve: Sequence[str] = ("192.0.2.1",)) -> Block:
    conf = parse("/c", lambda name: text.encode())
    return validate(conf.nodes, resolve=lambda host: resolve)


def said(text: str, resolve: Sequence[str] = ("192.0.2.1",)) -> str:
    with pytest.raises(ConfError) as error:
        complete(checked(text, resolve))
    return str(error.value)


def server(text: str) -> Block:
    (http,) = checked(f"events {{}} http {{ server {{ {text} }} }}").blocks("http")
    return next(http.blocks("server"))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.name}-{row.contexts}")
def test_a_row_says_where_it_stands_and_what_it_is_about(row: Directive) -> None:
    assert row.contexts
    assert re.fullmatch(r"[A-Z].*\.", row.doc)
    assert not row.why.endswith(".")
    assert row.why == "" or row.status is Status.REFUSED
    assert row.arity is None or row.arity <= set(range(8))


def test_no_two_rows_of_one_name_share_a_context() -> None:
    for name, rows in table().items():
        seen = Context(0)
        for row in rows:
            assert not seen & row.contexts, name
            seen |= row.contexts


# directives that their family itself puts into another value, and which
KEPT_ELSEWHERE = {
    "allow": "access rules",
    "deny": "access rules",
    "include": "http",
    "resolver": "http",
    "limit_req_zone": "limit_req",
    "limit_conn_zone": "limit_conn",
}


def test_an_implemented_directive_is_read_by_the_room() -> None:
    text = "\n".join(path.read_text() for path in ROOM.glob("*.py"))
    names = {row.name for row in ROWS if row.status is Status.IMPLEMENTED}
    assert sorted(name for name in names if f'"{KEPT_ELSEWHERE.get(name, name)}"' not in text) == []


def test_the_reference_page_is_current() -> None:
    assert reference.markdown() == DOCS.read_text(), "run `make docs`"


def test_every_row_is_on_the_reference_page_once() -> None:
    found = [row for _, rows in reference.groups() for row in rows]
    assert sorted(row.name for row in found) == sorted(row.name for row in ROWS)


def test_the_official_configuration_is_fine_with_the_article_inside() -> None:
    article = "server { listen 80; location / { proxy_pass http://webapp:8000/; } }"
    files = {
        official.CONF: official.NGINX_CONF,
        "/etc/nginx/mime.types": mime.file_text(),
        "/etc/nginx/conf.d/app.conf": article,
        "/etc/nginx/conf.d/default.conf": official.DEFAULT_CONF,
    }
    conf = parse(
        official.CONF,
        lambda name: files[name].encode(),
        glob=lambda pattern: sorted(name for name in files if "/conf.d/" in name),
    )
    main = validate(conf.nodes, resolve=lambda host: ("192.0.2.1",))
    complete(main)
    assert main.state.warnings == []
    (http,) = main.blocks("http")
    assert http.values["types"] == mime.by_extension()
    assert http.inherited("default_type") == "application/octet-stream"
    assert http.inherited("keepalive_timeout").timeout == 65_000
    assert len(list(http.blocks("server"))) == 2


def test_a_value_holds_where_nothing_nearer_was_written() -> None:
    (http,) = checked(
        "events {} http { root /a; server { location / { } location /b { root /b; location /b/c { } } } }"
    ).blocks("http")
    outer, inner = next(http.blocks("server")).blocks("location")
    assert outer.inherited("root") == "/a"
    assert next(inner.blocks("location")).inherited("root") == "/b"
    assert outer.inherited("client_max_body_size") == 1024**2


def test_values_that_may_be_repeated_are_inherited_all_or_nothing() -> None:
    block = server("add_header A 1; add_header B 2; location / { } location /x { add_header C 3; }")
    first, second = block.blocks("location")
    assert [header.name for header in first.inherited("add_header")] == ["A", "B"]
    assert [header.name for header in second.inherited("add_header")] == ["C"]


def test_an_upstream_inherits_nothing_from_http() -> None:
    (http,) = checked("events {} http { keepalive_timeout 5; upstream a { server 192.0.2.1; } }").blocks(
        "http"
    )
    assert next(http.blocks("upstream")).inherited("keepalive_timeout") == 60_000


def test_entries_are_in_the_order_written_and_know_their_place() -> None:
    block = server("root /a;\nlocation / { }\nindex a;")
    assert [(entry.node.name, entry.node.line) for entry in block.entries] == [
        ("root", 1),
        ("location", 2),
        ("index", 3),
    ]
    written = block.written("index")
    assert written is not None
    assert written.line == 3
    assert block.written("etag") is None


def test_a_server_without_listen_is_at_port_80() -> None:
    (listen,) = server("").values["listen"]
    assert isinstance(listen, Listen)
    assert list(listen.ports) == [80]


@pytest.mark.parametrize(
    ("text", "modifier", "name"),
    [
        ("location /a {}", "", "/a"),
        ("location = /a {}", "=", "/a"),
        ("location =/a {}", "=", "/a"),
        ("location ^~ /a {}", "^~", "/a"),
        ("location ~ /a {}", "~", "/a"),
        ("location ~*/a {}", "~*", "/a"),
        ("location @a {}", "@", "@a"),
        ("location = @a {}", "=", "@a"),
    ],
)
def test_a_location_knows_its_modifier(text: str, modifier: str, name: str) -> None:
    location: Location = next(server(text).blocks("location")).value
    assert (location.modifier, location.name) == (modifier, name)
    assert (location.pattern is not None) == modifier.startswith("~")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("foo;", 'unknown directive "foo"'),
        ("listen 80;", '"listen" directive is not allowed here'),
        ("http;", 'directive "http" has no opening "{"'),
        ("daemon off { }", 'directive "daemon" is not terminated by ";"'),
        ("daemon;", 'invalid number of arguments in "daemon" directive'),
        ("daemon off; daemon on;", '"daemon" directive is duplicate'),
        ("daemon x;", 'invalid value "x" in "daemon" directive, it must be "on" or "off"'),
        ("perl_modules x;", '"perl_modules" directive is not allowed here'),
    ],
)
def test_the_checks_are_made_in_nginxs_order_and_words(text: str, message: str) -> None:
    assert said(text) == f"[emerg] {message} in /c:1"


def test_the_first_mistake_is_named_even_before_one_of_grammar() -> None:
    assert said("foo; }") == '[emerg] unknown directive "foo" in /c:1'


def test_what_is_refused_for_good_says_why() -> None:
    assert said("events {} http { perl_require x; }") == (
        '[emerg] "perl_require" directive is not supported by the emulator: '
        "there is no Perl inside the emulator in /c:1"
    )


def test_a_name_that_does_not_resolve_is_named_where_it_was_written() -> None:
    text = "events {}\nhttp {\nserver {\nlocation / {\nproxy_pass http://webapp:8000/;\n}\n}\n}"
    assert said(text, ()) == '[emerg] host not found in upstream "webapp" in /c:5'
    text = "events {}\nhttp {\nupstream a {\nserver webapp:8000;\n}\n}"
    assert said(text, ()) == '[emerg] host not found in upstream "webapp:8000" in /c:4'


def test_the_name_of_a_group_need_not_resolve() -> None:
    group = "upstream a { server 192.0.2.1; }"
    complete(
        checked(f"events {{}} http {{ server {{ location / {{ proxy_pass http://a; }} }} {group} }}", ())
    )


def test_warnings_do_not_stop_anything() -> None:
    main = checked("events {} http { types { text/html html; text/plain html; } }")
    assert [str(warning) for warning in main.state.warnings] == [
        '[warn] duplicate extension "html", content type: "text/plain", '
        'previous content type: "text/html" in /c:1'
    ]


def test_the_rarer_families_are_found_by_name() -> None:
    assert rows_of("fastcgi_pass")[0].status is Status.REFUSED
    assert rows_of("no_such_directive") == ()


def test_without_events_nginx_stops_only_after_the_syntax() -> None:
    main = checked("http { }")
    with pytest.raises(ConfError, match='no "events" section in configuration'):
        complete(main)
