"""The configuration language: words, blocks, lines, includes, and where text stops making sense."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.nginx.conf import ENCODING, Conf, Fault, Node, parse, parse_parameter


def read_from(files: Mapping[str, str]):
    def read(name: str) -> bytes:
        if name not in files:
            raise FileNotFoundError(2, "No such file or directory", name)
        return files[name].encode(*ENCODING)

    return read


def parsed(text: str, **others: str) -> Conf:
    files = {
        "/etc/nginx/nginx.conf": text,
        **{f"/etc/nginx/{name}.conf": each for name, each in others.items()},
    }

    def glob(pattern: str) -> list[str]:
        return sorted(name for name in files if name.startswith(pattern.partition("*")[0]))

    return parse("/etc/nginx/nginx.conf", read_from(files), glob=glob)


def words(text: str) -> list[tuple[str, ...]]:
    return [(node.name, *node.args) for node in parsed(text).nodes]


def fault(text: str, **others: str) -> str:
    """The words of the mistake at the very end of the tree."""
    nodes = parsed(text, **others).nodes
    while nodes and nodes[-1].block is not None:
        nodes = nodes[-1].block
    assert isinstance(nodes[-1], Fault), "the text has no mistake"
    return str(nodes[-1].error).replace("/etc/nginx/nginx.conf", "CONF")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a;", [("a",)]),
        ("a b  c\t\r\n d ;", [("a", "b", "c", "d")]),
        ("a b;c d;", [("a", "b"), ("c", "d")]),
        ("a \"b c\" 'd;e';", [("a", "b c", "d;e")]),
        ('a "";', [("a", "")]),
        ("a b#c; # d\n", [("a", "b#c")]),
        ("a # b\n c;", [("a", "c")]),
        ("a b'c\"d;", [("a", "b'c\"d")]),
        ("a ${b}c;", [("a", "${b}c")]),
        ("a $b;", [("a", "$b")]),
        (r"a b\;c;", [("a", r"b\;c")]),
        (r"a b\ c;", [("a", r"b\ c")]),
        (r'a "\"" \';', [("a", '"', "'")]),
        (r'a "\t\r\n\\\d\.";', [("a", "\t\r\n\\\\d\\.")]),
        ("a b};", [("a", "b}")]),
        ('a "b")c;', [("a", "b", ")c")]),
        ("a é;", [("a", "é")]),
    ],
)
def test_words_are_taken_apart_as_nginx_does(text: str, expected: list[tuple[str, ...]]) -> None:
    assert words(text) == expected


def test_a_brace_after_a_dollar_is_part_of_the_word_and_after_a_name_it_is_not() -> None:
    assert words("a ${{b;") == [("a", "${{b")]
    (node,) = parsed("a $b{ c; }").nodes
    assert node.args == ("$b",)
    assert node.block is not None


def test_a_line_is_that_of_the_semicolon_or_the_brace() -> None:
    (node,) = parsed("a\nb\n{\nc\nd;\n}\n").nodes
    assert (node.line, node.end) == (3, 6)
    assert node.block == (Node("c", ("d",), "/etc/nginx/nginx.conf", 5),)


def test_blocks_nest() -> None:
    (http,) = parsed("http { server { location / { } } }").nodes
    assert http.block is not None
    assert http.block[0].block == (Node("location", ("/",), "/etc/nginx/nginx.conf", 1, (), 1),)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a", '[emerg] unexpected end of file, expecting ";" or "}" in CONF:1'),
        ('a "b"', '[emerg] unexpected end of file, expecting ";" or "}" in CONF:1'),
        ('a "b', '[emerg] unexpected end of file, expecting ";" or "}" in CONF:1'),
        ("a {\n", '[emerg] unexpected end of file, expecting "}" in CONF:2'),
        ("a { b;", '[emerg] unexpected end of file, expecting "}" in CONF:1'),
        ("}", '[emerg] unexpected "}" in CONF:1'),
        ("{", '[emerg] unexpected "{" in CONF:1'),
        ("a;;", '[emerg] unexpected ";" in CONF:1'),
        ("a {\n\nb }", '[emerg] unexpected "}" in CONF:3'),
        ("a 'b'c;", '[emerg] unexpected "c" in CONF:1'),
        ("a\n" + "b" * 4096 + ";", '[emerg] too long parameter "bbbbbbbbbb..." started in CONF:2'),
        (
            "a\n'" + "b" * 4096 + ";",
            '[emerg] too long parameter, probably missing terminating "\'" character in CONF:2',
        ),
        ("a;\n#" + "b" * 4096 + "\n", '[emerg] too long parameter "#bbbbbbbbb..." started in CONF:2'),
        (
            "include b.conf;",
            '[emerg] open() "/etc/nginx/b.conf" failed (2: No such file or directory) in CONF:1',
        ),
    ],
)
def test_the_place_where_text_stops_making_sense_is_named(text: str, said: str) -> None:
    assert fault(text) == said


def test_what_stands_before_a_mistake_is_kept_in_its_place() -> None:
    (http,) = parsed("http { a; server { b; 'c'd; } }").nodes
    assert http.block is not None
    a, server = http.block
    assert (a.name, server.name, server.end) == ("a", "server", 0)
    assert server.block is not None
    b, error = server.block
    assert b.name == "b"
    assert isinstance(error, Fault)


def test_included_nodes_stand_where_the_include_stood_and_know_their_file() -> None:
    nodes = parsed("a;\nhttp { include one.conf; }\nb;", one="c;\n\nd;").nodes
    assert [node.name for node in nodes] == ["a", "http", "b"]
    assert nodes[1].block == (
        Node("c", (), "/etc/nginx/one.conf", 1),
        Node("d", (), "/etc/nginx/one.conf", 3),
    )


def test_a_pattern_includes_in_the_order_of_the_names_and_may_match_nothing() -> None:
    conf = parsed("include x*; include z*;", x2="b;", x1="a;")
    assert [node.name for node in conf.nodes] == ["a", "b"]
    assert [name for name, _ in conf.files][1:] == ["/etc/nginx/x1.conf", "/etc/nginx/x2.conf"]


def test_a_mistake_in_an_included_file_ends_everything() -> None:
    assert fault("http { include x.conf; } b;", x="c; d") == (
        '[emerg] unexpected end of file, expecting ";" or "}" in /etc/nginx/x.conf:1'
    )


def test_a_file_that_includes_itself_comes_to_an_end() -> None:
    assert "Too many open files" in fault("include nginx.conf;")


def test_an_include_with_other_than_one_word_is_left_for_the_table() -> None:
    assert words("include a b;") == [("include", "a", "b")]


def test_a_dump_shows_each_file_once_as_nginx_does() -> None:
    conf = parsed("include a.conf;\ninclude a.conf;\n", a="b;\n")
    assert conf.dump() == (
        b"# configuration file /etc/nginx/nginx.conf:\ninclude a.conf;\ninclude a.conf;\n\n"
        b"# configuration file /etc/nginx/a.conf:\nb;\n\n"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("daemon off", '[emerg] unexpected end of parameter, expecting ";" in command line'),
        ("events {}", "[emerg] block directives are not supported in -g option in command line"),
    ],
)
def test_directives_of_the_command_line_have_no_file(text: str, said: str) -> None:
    nodes = parse_parameter(text, read_from({}), glob=lambda pattern: (), prefix="/etc/nginx").nodes
    assert isinstance(nodes[-1], Fault)
    assert str(nodes[-1].error) == said


def test_any_byte_survives_reading() -> None:
    data = bytes(range(128, 256))
    conf = parse("/c", lambda name: b"a '" + data + b"';")
    assert conf.nodes[0].args[0].encode(*ENCODING) == data


WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)


def quoted(word: str) -> str:
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


@given(st.lists(st.lists(WORDS, min_size=1, max_size=4), max_size=5))
def test_quoted_words_come_back_as_they_were(statements: list[list[str]]) -> None:
    statements = [each for each in statements if each[0] != "include"]
    text = "\n".join(" ".join(map(quoted, each)) + ";" for each in statements)
    conf = parse("/c", lambda name: text.encode(*ENCODING))
    assert [[node.name, *node.args] for node in conf.nodes] == statements


@given(st.text("ab{};\"'\\$# \n\t", max_size=60))
def test_any_text_is_read_to_an_end_or_to_one_mistake(text: str) -> None:
    def faults(nodes: tuple[Node, ...]) -> int:
        return sum(isinstance(node, Fault) + faults(node.block or ()) for node in nodes)

    assert faults(parse("/c", lambda name: text.encode()).nodes) <= 1
