"""Docker's templates in a task's environment and hostname."""

from __future__ import annotations

import pytest

from emulator.settings import Mount
from emulator.swarm.model import Task, TaskSpec
from emulator.swarm.templates import BadTemplate, context, expand, expand_spec

TASK = Task("kb6c8s9bk05a29nle2kn9vrnt", "s1", "webapp", 2, TaskSpec("app"))
KNOWN = context(TASK, ("n1", "vm"), ("x86_64", "linux"), {"tier": "front"})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{{.Service.Name}}-{{.Task.Slot}}", "webapp-2"),
        ("{{ .Task.Name }}", "webapp.2.kb6c8s9bk05a29nle2kn9vrnt"),
        ("{{.Service.ID}} {{.Node.ID}} {{.Node.Hostname}}", "s1 n1 vm"),
        ("{{.Node.Platform.Architecture}}/{{.Node.Platform.OS}}", "x86_64/linux"),
        ('{{index .Service.Labels "tier"}}', "front"),
        ('{{index .Service.Labels "none"}}', ""),
        (
            "{{.Task}} {{.Service.Labels}}",
            "{kb6c8s9bk05a29nle2kn9vrnt webapp.2.kb6c8s9bk05a29nle2kn9vrnt 2} map[tier:front]",
        ),
        ("no template {here}", "no template {here}"),
    ],
)
def test_a_template_becomes_what_it_names(text: str, value: str) -> None:
    assert expand(text, KNOWN) == value


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "{{.Nope}}",
            """1:2: executing "expansion" at <.Nope>: can't evaluate field Nope in type *template.Context""",
        ),
        (
            "{{ .Nope }}",
            """1:3: executing "expansion" at <.Nope>: can't evaluate field Nope in type *template.Context""",
        ),
        (
            "{{.Service.Nope}}",
            """1:10: executing "expansion" at <.Service.Nope>: can't evaluate field Nope in type """
            "struct { ID string; Name string; Labels map[string]string }",
        ),
        (
            "{{.Node.Platform.Nope}}",
            """1:7: executing "expansion" at <.Node.Platform.Nope>: can't evaluate field Nope in type """
            "template.Platform",
        ),
        ("{{nope}}", '1: function "nope" not defined'),
        ("{{upper .Service.Name}}", '1: function "upper" not defined'),
        ("{{index .Service.Labels l}}", '1: function "l" not defined'),
        ("x{{.Nope", "1: unclosed action"),
        ("{{.Service.Name}", "1: bad character U+007D '}'"),
        ("{{}}", "1: missing value for command"),
    ],
)
def test_what_is_no_template_of_a_task_is_refused_in_gos_words(text: str, words: str) -> None:
    with pytest.raises(BadTemplate) as error:
        expand(text, KNOWN)
    assert str(error.value) == f"template: expansion:{words}"


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (TaskSpec("app", env=(("A", "{{x}}"),)), 'expanding env failed: expanding env "A={{x}}": '),
        (TaskSpec("app", hostname="{{x}}"), "expanding hostname failed: "),
        (
            TaskSpec("app", mounts=(Mount("volume", "{{x}}", "/a"),)),
            'expanding mounts failed: expanding mount source "{{x}}": ',
        ),
        (
            TaskSpec("app", mounts=(Mount("volume", "v", "/{{x}}"),)),
            'expanding mounts failed: expanding mount target "/{{x}}": ',
        ),
    ],
)
def test_the_place_of_a_bad_template_is_named_as_swarmkit_names_it(spec: TaskSpec, words: str) -> None:
    with pytest.raises(BadTemplate) as error:
        expand_spec(spec, KNOWN)
    assert str(error.value) == f'{words}template: expansion:1: function "x" not defined'
