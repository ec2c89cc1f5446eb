"""Rows as a table, as IDs, as JSON or by a template (docker/cli, cli/command/formatter/)."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from emulator.cli.docker.template import BadTemplate, parse
from emulator.cli.docker.templatevalue import escaped, rendered, to_json
from emulator.cli.docker.verb import Refused

Row = dict[str, Any]


class Sheet(NamedTuple):
    """What a list prints: a table's template, the heads of its fields, and Go's type for a row."""

    table: str
    heads: Mapping[str, str]
    kind: str
    key: str = "ID"


def listed(sheet: Sheet, rows: Sequence[Row], form: str | None = None, quiet: bool = False) -> int:
    """Print a list as the flags --format and --quiet ask for it."""
    if quiet and form in (None, "", "table"):
        form = f"{{{{.{sheet.key}}}}}"
    if form == "json":
        for row in rows:
            print(to_json(dict(sorted(row.items()))))
        return 0
    if form in (None, "", "table"):
        form = "table " + sheet.table
    table = form.startswith("table ")
    form = unescaped(form.removeprefix("table "))
    lines = rendering(form, rows, sheet.kind)
    if table:
        lines.insert(0, rendering(form, [dict(sheet.heads)], sheet.kind)[0])
        lines = tabbed(lines)
    print("\n".join(lines)) if lines else None
    return 0


def unescaped(form: str) -> str:
    """A template as typed between single quotes, with the tabs and ends of lines that it means."""
    return form.strip().replace("\\t", "\t").replace("\\n", "\n")


def rendering(form: str, rows: Sequence[Row], kind: str) -> list[str]:
    try:
        nodes = parse(form)
        return [rendered(nodes, row, kind) for row in rows]
    except BadTemplate as error:
        raise Refused(f"template parsing error: {error}") from None


def tabbed(lines: Sequence[str]) -> list[str]:
    """Columns as Go's tabwriter is told to set them: at least ten wide, three apart."""
    table = [line.split("\t") for line in lines]
    widths = [
        max(10, *(len(row[column]) + 3 for row in table if column < len(row) - 1))
        for column in range(max(map(len, table)) - 1)
    ]
    return [
        "".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]])
        for row in table
    ]


def inspected(found: Sequence[Any], form: str | None, kind: str = "map") -> None:
    """Print objects as `inspect` does: indented JSON, JSON in a line, or a line of a template for each."""
    import json

    if form == "json":
        print(to_json(found))
    elif form:
        try:
            nodes = parse(unescaped(form))
            for one in found:
                print(rendered(nodes, one, kind))
        except BadTemplate as error:
            print()
            raise Refused(f"template parsing error: {error}") from None
    else:
        text = json.dumps(found, indent=4, ensure_ascii=False)
        # What `inspect` of anything prints has not been through Go's types, nor through their encoder.
        print(text if kind == "map" else escaped(text))


def refuse(line: str) -> None:
    print(line, file=sys.stderr)
