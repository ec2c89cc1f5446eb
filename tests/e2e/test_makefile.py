"""make on a machine that is not ready for it, and on one that already is."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.project import ROOT, UNMADE

Make = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def make(tmp_path: Path, need: Callable[[str], str]) -> Make:
    """make in a folder that holds the Makefile and what it depends on."""
    program = need("make")
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, **UNMADE}
        return subprocess.run(
            [program, *words], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60
        )

    return run


def python(folder: Path, script: str) -> Path:
    """A program that stands in for a Python of some kind."""
    file = folder / "python"
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return file


def test_without_any_python_make_run_says_what_is_needed(make: Make) -> None:
    ended = make("run", "PYTHON=")
    assert ended.returncode == 2
    assert ended.stderr.startswith(
        "Python 3.11 or newer is needed, and none is on the PATH. Name one: make run PYTHON="
    )


def test_with_an_old_python_make_run_says_what_is_needed(make: Make, tmp_path: Path) -> None:
    old = python(tmp_path, "exit 1")
    ended = make("run", f"PYTHON={old}")
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"{old} is too old: Python 3.11 or newer is needed.\n")


def test_with_a_python_without_venv_make_run_names_the_package_to_install(make: Make, tmp_path: Path) -> None:
    lean = python(tmp_path, 'case "$2" in *ensurepip*) exit 1;; esac')
    ended = make("run", f"PYTHON={lean}")
    assert ended.returncode == 2
    assert "apt-get install python3-venv" in ended.stderr
    assert not (tmp_path / ".venv").exists()


def test_once_installed_make_run_only_starts(make: Make, tmp_path: Path) -> None:
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    python(tmp_path / ".venv" / "bin", 'echo "started: $@"')
    (tmp_path / ".venv" / ".demo").touch()
    ended = make("run")
    assert (ended.returncode, ended.stdout) == (0, "started: -m emulator\n")
