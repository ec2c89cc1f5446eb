"""docs/config.md, written from the table of keys by `python -m emulator.settings.reference`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from emulator.settings.notation import TEMPLATE_FIELDS
from emulator.settings.schema import SECTIONS, Key, Section

HEAD = """\
# config.toml

<!-- Written by `make docs` from the table in emulator/settings/schema.py. -->

What is to run, in Docker's words. Relative paths start at the file's folder. Every key is optional
unless it says *required*. Whatever is wrong is said in one line each, all at once, and nothing is started:

    config.toml: services.webapp.replicas: found "three" (a string), expected a whole number from 0 to 1000
    config.toml: services.webapp.environment: unknown key, did you mean services.webapp.env?

Durations are written as in Docker (`"500ms"`, `"1m30s"`) or as a number of seconds. Templates are
{templates}.
"""


def markdown() -> str:
    names = [f"`{{{{{field}}}}}`" for field in TEMPLATE_FIELDS]
    head = HEAD.replace("{templates}", ", ".join(names[:-1]) + " and " + names[-1])
    return head + "".join("\n" + "\n".join(_section(section)) + "\n" for section in SECTIONS)


def _section(section: Section) -> Iterator[str]:
    yield f"## [{section.title}]" if section.title else "## The top of the file"
    if section.doc:
        yield from ("", section.doc)
    yield from ("", "| key | takes | default | meaning |", "|---|---|---|---|")
    for key in section.keys:
        names = ", ".join(f"`{name}`" for name in (key.name, *key.also))
        yield f"| {names} | {_cell(key.kind.expected)} | {_cell(_default(section, key))} | {_cell(key.doc)} |"


def _default(section: Section, key: Key) -> str:
    """What a key is when it is not there, taken from the shape where it says it."""
    if key.required:
        return "*required*"
    if key.default:
        return key.default
    fields: dict[str, object] = getattr(section.shape, "_field_defaults", {})
    value = key.preset if key.preset is not None else fields[key.name]
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | Path):
        return f'"{value}"'
    if isinstance(value, float):
        return f'"{value:g}s"'
    return str(value) if isinstance(value, int) else "none"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    print(markdown(), end="")
