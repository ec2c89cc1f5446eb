"""What nginx says of a configuration, and what we say: the same words, or a difference on purpose."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.oracle.verdict import FOLDER, Case, ask_emulator, ask_nginx, ask_nginx_all, cases

FILES = sorted(FOLDER.glob("*.txt"))
CASES = [case for path in FILES for case in cases(path)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_case_files_hold_what_real_nginx_says(path: Path, need: object) -> None:
    wanted = list(cases(path))
    found = ask_nginx_all(wanted)
    assert [(case.conf, verdict) for case, verdict in zip(wanted, found, strict=True)] == [
        (case.conf, case.expected(case.nginx)) for case in wanted
    ]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_emulator_says_the_same(case: Case) -> None:
    assert ask_emulator(case.conf) == case.expected(case.ours)


def test_there_are_enough_wrong_and_right_configurations() -> None:
    alike = [case for case in CASES if case.ours == case.nginx]
    wrong = [case for case in alike if case.expected(case.nginx).code]
    assert len(wrong) >= 150
    assert len(alike) - len(wrong) >= 40


def test_what_differs_on_purpose_names_the_emulator_or_a_module_that_nginx_lacks() -> None:
    for case in CASES:
        if case.ours != case.nginx:
            unknown = any("unknown directive" in line for line in (*case.ours, *case.nginx))
            assert unknown or "the emulator" in " ".join(case.ours), case.name


INCLUDES = {
    "a mistake in an included file": ("events {} include a.conf;", {"a_conf": "\n\nfoo;\n"}),
    "a missing file": ("events {}\nhttp {\ninclude b.conf;\n}", {}),
    "an included file that does not end its block": ("events {} include a.conf;", {"a_conf": "http {"}),
    "an included file that ends a block of another": (
        "events {} http { server { include a.conf;",
        {"a_conf": "}"},
    ),
    "an included file that ends inside a word": ("events {} include a.conf;", {"a_conf": "http"}),
    "files in the order of their names": (
        "events {}\nhttp { access_log off; include *.inc; }",
        {"b_inc": "two;", "a_inc": "one;"},
    ),
    "a pattern that matches nothing": ("events {} http { include *.inc; }", {}),
    "a file included twice": (
        "events {} http { include a.inc; include a.inc; }",
        {"a_inc": "root /x;\n"},
    ),
    "a file included by an included file": (
        "events {} http { access_log off; include a.inc; }",
        {"a_inc": "server {\ninclude b.inc;\n}", "b_inc": "listen 8080;\nlisten x;"},
    ),
    "types from a file": (
        "events {} http { types { include a.types; } default_type a/b; }",
        {"a_types": "text/html html;\ntext/plain html;\n"},
    ),
    "a mistake after an include": ("events {}\ninclude a.inc;\nfoo;", {"a_inc": "pcre_jit on;\n\n\n"}),
    "a line that begins after carriage returns": ("events {}\r\nhttp {\r\nfoo;\r\n}\r\n", {}),
    "a byte order mark": ("\ufeffevents {}", {}),
    "a name beyond ASCII": ("events {} http { server { server_name bücher.example; listen ü; } }", {}),
    "a word longer than nginx's buffer": ("events {} http { root " + "a" * 4096 + "; }", {}),
    "a quoted word longer than nginx's buffer": ('events {}\nhttp { root\n"' + "a" * 5000 + '"; }', {}),
    "a quote that never ends, in a long file": ("events {}\nhttp { root 'a; }\n" + "# x\n" * 2000, {}),
    "a comment longer than nginx's buffer": ("events {}\n#" + "a" * 4096 + "\n", {}),
    "a word of 4095 bytes": ("events {} http { root " + "a" * 4095 + "; }", {}),
}


@pytest.mark.parametrize("name", INCLUDES)
def test_files_are_read_as_nginx_reads_them(name: str, need: object) -> None:
    conf, others = INCLUDES[name]
    assert ask_emulator(conf, **others) == ask_nginx(conf, **others)


GLOBAL = ("daemon off", "daemon off;", "daemon off; daemon on;", "events { }", "foo;", "include a.inc;", "}")


@pytest.mark.parametrize("directives", GLOBAL)
def test_directives_on_the_command_line_are_read_first(directives: str, need: object) -> None:
    conf = "events {}\ndaemon on;\n"
    ours = ask_emulator(conf, a_inc="pcre_jit on; pcre_jit on;", directives=directives)
    assert ours == ask_nginx(conf, a_inc="pcre_jit on; pcre_jit on;", directives=directives)
