"""What the documents name is there: files, names in them, and the code that they show."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
GUIDE = ROOT / "docs" / "adding-a-directive.md"
TEXT = GUIDE.read_text("utf-8")
_SHOWN = re.compile(r"```python\n(.*?)```", re.DOTALL)
_PATH = re.compile(r"(?:emulator|tests|docs)/[\w/.-]+\w/?")
_NAME = re.compile(r"`([A-Za-z_]\w+)`")
_ELSEWHERE = {"allow", "deny", "satisfy", "add_header", "parse", "check", "now"}
SOURCES = "\n".join(path.read_text("utf-8") for path in (ROOT / "emulator" / "nginx").rglob("*.py"))


@pytest.mark.parametrize("path", sorted(set(_PATH.findall(TEXT))))
def test_a_file_that_the_guide_names_is_there(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.parametrize("name", sorted(set(_NAME.findall(TEXT)) - _ELSEWHERE))
def test_a_name_that_the_guide_uses_is_defined(name: str) -> None:
    pools = (ROOT / "tests/oracle/configurations.py").read_text("utf-8")
    assert re.search(rf"(?:def|class) {name}\b|^{name}\b.* = |\b{name}\b.* = ", SOURCES + pools, re.MULTILINE)


@pytest.mark.parametrize("code", _SHOWN.findall(TEXT), ids=lambda code: code.strip().splitlines()[0])
def test_the_code_that_the_guide_shows_is_the_code(code: str) -> None:
    assert code in SOURCES


@pytest.mark.parametrize("document", ["ARCHITECTURE.md", "docs/nginx.md"])
def test_the_guide_is_linked(document: str) -> None:
    assert GUIDE.name in (ROOT / document).read_text("utf-8")
