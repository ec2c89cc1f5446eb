"""config.toml -> one frozen tree, or every problem of the file at once.

The room imports nothing of the others and owns the words key, problem and default. `model` holds the
shapes, `schema` the table of keys that validates the file and writes its reference page, `values` the
kinds of values that the keys take, `check` what only the whole file can show.
"""

from __future__ import annotations

from pathlib import Path

from emulator.settings.model import (
    EmulatorSettings,
    Healthcheck,
    Image,
    Mount,
    Network,
    Port,
    RestartPolicy,
    Service,
    Settings,
    UpdateConfig,
    Volume,
)

__all__ = [
    "EmulatorSettings",
    "Healthcheck",
    "Image",
    "Mount",
    "Network",
    "Port",
    "RestartPolicy",
    "Service",
    "Settings",
    "SettingsError",
    "UpdateConfig",
    "Volume",
    "load",
    "nearest",
]


class SettingsError(Exception):
    """A config.toml that nothing is started with: `str()` has one line for each of its problems."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def load(path: Path | str = "config.toml") -> Settings:
    """Read and check a file; imports its machinery only now, as most processes never read one."""
    from emulator.settings.read import read

    settings, problems = read(Path(path))
    if settings is None or problems:
        raise SettingsError(problems)
    return settings


def nearest(folder: Path) -> Path:
    """The config.toml of a folder or else of the nearest folder above it, as compose looks for its file.

    Where there is none at all it is the folder's own, whose absence `load` then reports.
    """
    here = folder / "config.toml"
    if here.is_file():
        return here
    above = (parent / "config.toml" for parent in folder.absolute().parents)
    return next((path for path in above if path.is_file()), here)
