"""A wrong form in one place hides no wrong name in another."""

from __future__ import annotations

from pathlib import Path

from emulator.settings.read import parse

TEXT = """
[services.a]
image = "nope"
replicas = "three"
networks = ["web_networks"]
[networks.web_network]
"""


def test_forms_and_names_are_told_together() -> None:
    settings, problems = parse(TEXT, Path("config.toml"))
    assert settings is None
    told = "\n".join(problems)
    for place in ("services.a.replicas", "services.a.networks[0]", "services.a.image"):
        assert place in told
