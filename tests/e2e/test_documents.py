"""What the documents say about the repository is so."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable

import pytest

from tests.e2e.project import ROOT
from tests.oracle.differences import ON_PURPOSE

PAGES = (
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "docs/differences.md",
    "docs/config.md",
    "docs/nginx.md",
    "docs/performance.md",
    "docs/adding-a-directive.md",
)


@pytest.mark.parametrize("page", PAGES)
def test_every_link_to_a_file_leads_somewhere(page: str) -> None:
    text = (ROOT / page).read_text()
    targets = [target.partition("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", text)]
    local = [target for target in targets if target and "://" not in target]
    assert not [target for target in local if not ((ROOT / page).parent / target).exists()]


def test_every_difference_from_nginx_that_the_oracle_knows_is_in_the_list() -> None:
    listed = re.findall(r"\(`([a-z0-9-]+)`\)", (ROOT / "docs" / "differences.md").read_text())
    assert sorted(listed) == sorted(difference.id for difference in ON_PURPOSE)


@pytest.mark.parametrize("goal", ["run", "test", "check", "bench", "docs"])
def test_make_knows_the_goal(goal: str, need: Callable[[str], str]) -> None:
    asked = subprocess.run([need("make"), "-n", goal], cwd=ROOT, capture_output=True, text=True)
    assert asked.returncode == 0, asked.stderr


def test_the_architecture_names_every_room() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    rooms = {path.name for path in (ROOT / "emulator").iterdir() if (path / "__init__.py").exists()}
    modules = {path.stem for path in (ROOT / "emulator").glob("*.py") if not path.stem.startswith("__")}
    assert not {name for name in rooms | modules if name not in text}
