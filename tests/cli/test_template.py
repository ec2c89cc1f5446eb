"""Go's templates, as far as --format needs them."""

from __future__ import annotations

import pytest

from emulator.cli.docker.template import BadTemplate, parse
from emulator.cli.docker.templatevalue import rendered

VALUE = {
    "Name": "web",
    "Up": True,
    "None": None,
    "Count": 3,
    "Tags": ["a", "b"],
    "Labels": {"z": "26", "a.b": "1"},
    "Deep": {"Rows": [{"ID": 1}, {"ID": 2}]},
}


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{.Name}} {{.Count}}", "web 3"),
        ("{{.Tags}} {{.Labels}} {{.Up}}", "[a b] map[a.b:1 z:26] true"),
        ("{{json .Labels}}", '{"z":"26","a.b":"1"}'),
        ("{{.None}}", "<no value>"),
        ('{{index .Labels "a.b"}}{{index .Tags 1}}', "1b"),
        ("{{range .Deep.Rows}}{{.ID}};{{end}}", "1;2;"),
        ("{{range $k, $v := .Labels}}{{$k}}={{$v}} {{end}}", "a.b=1 z=26 "),
        ("{{range .None}}x{{else}}none{{end}}", "none"),
        ("{{if .Up}}up{{else}}down{{end}}", "up"),
        ("{{if eq .Count 2}}two{{else if eq .Count 3}}three{{else}}many{{end}}", "three"),
        ("{{with .Deep}}{{len .Rows}}{{end}}{{$.Name}}", "2web"),
        ("{{$n := .Name}}{{upper $n}}", "WEB"),
        ('{{.Name | printf "%s-%d" | upper}}', None),
        ('{{printf "%-5s|%v" .Name .Count}}', "web  |3"),
        ('{{join .Tags "," | upper}}', "A,B"),
        ("{{(index .Deep.Rows 0).ID}}", "1"),
        ("a {{- .Name -}} b{{/* said */}}", "awebb"),
        ("{{and .Up (not .None)}} {{or .None .Name}}", "true web"),
        ("{{println .Name}}", "web\n"),
    ],
)
def test_a_template_prints_what_go_prints(source: str, text: str | None) -> None:
    if text is None:
        with pytest.raises(BadTemplate, match="error calling printf"):
            rendered(parse(source), VALUE)
        return
    assert rendered(parse(source), VALUE) == text


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{{.Name", "template: :1: unclosed action"),
        ("{{if .Up}}", "template: :1: unexpected EOF"),
        ("{{nosuch .Name}}", 'template: :1: function "nosuch" not defined'),
        ("{{.Foo}}", 'template: :1:2: executing "" at <.Foo>: map has no entry for key "Foo"'),
        ("{{end}}", "template: :1: unexpected {{end}}"),
    ],
)
def test_what_is_wrong_is_said_in_gos_words(source: str, said: str) -> None:
    with pytest.raises(BadTemplate) as error:
        rendered(parse(source), VALUE)
    assert str(error.value) == said
