"""Docker's templates in a task's environment and hostname."""

from __future__ import annotations

import pytest

from emulator.swarm.model import Task, TaskSpec
from emulator.swarm.templates import BadTemplate, context, expand

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
        ("no template {here}", "no template {here}"),
    ],
)
def test_a_template_becomes_what_it_names(text: str, value: str) -> None:
    assert expand(text, KNOWN) == value


def test_what_a_task_has_not_is_refused_in_gos_words() -> None:
    words = 'executing "expansion" at <.Nope>: can\'t evaluate field Nope in type *template.Context'
    with pytest.raises(BadTemplate) as error:
        expand("A={{.Nope}}", KNOWN)
    assert words in str(error.value)
