"""docs/nginx.md, written from the table of directives by `python -m emulator.nginx.reference`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from emulator.nginx import official
from emulator.nginx.directives import Context, Directive, Status
from emulator.nginx.modules import FAMILIES, rarer_families

HEAD = f"""\
# nginx directives

<!-- Written by `make docs` from the rows in emulator/nginx/modules/. -->

Every directive of the free modules of nginx {official.VERSION} is known here, so that a mistake is told from
a gap. Each is one of:

- **implemented**: it works as in nginx;
- **no effect**: it is read and checked as by nginx, and nothing comes of it, because there is nothing to
  tune here (memory pools, sizes of hash tables, kernel options) or because it is always so;
- **refused**: it is checked for its place and its number of arguments and then refused, with its name,
  file and line, and the reason that the last column gives.

Nothing is silently ignored: what is not built stops the start, as an unknown directive would.
How one is added: [adding-a-directive.md](adding-a-directive.md).
"""

_PLACES = {
    Context.MAIN: "main",
    Context.EVENTS: "events",
    Context.HTTP: "http",
    Context.SERVER: "server",
    Context.LOCATION: "location",
    Context.UPSTREAM: "upstream",
    Context.IF_SERVER: "if in server",
    Context.IF_LOCATION: "if in location",
    Context.LIMIT_EXCEPT: "limit_except",
}
_KINDS = tuple(status.value for status in Status)

Group = tuple[str, Sequence[Directive]]


def groups() -> list[Group]:
    """nginx's modules with their rows; a module whose rows are spread over several of ours is one group."""
    found: dict[str, list[Directive]] = {}
    for family in (*FAMILIES, *rarer_families()):
        for name, rows in getattr(family, "GROUPS", ((getattr(family, "MODULE", ""), family.DIRECTIVES),)):
            found.setdefault(name, []).extend(rows)
    return list(found.items())


def markdown() -> str:
    found = groups()
    parts = [HEAD, "\n".join(_counts(found))]
    parts.extend("\n".join(_section(name, rows)) for name, rows in found)
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def _counts(found: Sequence[Group]) -> Iterator[str]:
    yield f"| module | {' | '.join(_KINDS)} |"
    yield "|---|" + "--:|" * len(_KINDS)
    for name, rows in found:
        yield f"| [{name}](#{name}) | {' | '.join(_count(rows))} |"
    yield f"| **all** | {' | '.join(_count([row for _, rows in found for row in rows]))} |"


def _count(rows: Sequence[Directive]) -> list[str]:
    words = [row.status.value for row in rows]
    return [str(words.count(word) or "") for word in _KINDS]


def _section(name: str, rows: Sequence[Directive]) -> Iterator[str]:
    yield f"## {name}\n"
    yield "| directive | stands in | arguments | | |"
    yield "|---|---|---|---|---|"
    for row in rows:
        note = f"{row.doc.rstrip('.')}: {row.why}." if row.why else row.doc
        yield f"| `{row.name}` | {_places(row)} | {_arguments(row)} | {row.status.value} | {note} |"


def _places(row: Directive) -> str:
    return ", ".join(name for context, name in _PLACES.items() if context in row.contexts)


def _arguments(row: Directive) -> str:
    block = " and a block" if row.block is not None else ""
    if row.arity is None:
        return f"{row.at_least} or more{block}"
    counts = sorted(row.arity)
    if len(counts) > 1 and counts == list(range(counts[0], counts[-1] + 1)):
        return f"{counts[0]} to {counts[-1]}{block}"
    words = " or ".join(map(str, counts)) if counts != [0] else "none"
    return f"{words}{block}"


if __name__ == "__main__":
    print(markdown(), end="")
