"""`python -m tests.oracle FILE.case [TEXT]`: show what nginx makes of the exchanges named so.

`--report FILE.md` plays all cases on both servers and groups the differences; `--generated FILE.md COUNT
SEED` does so with COUNT generated configurations; `--differences` prints the table of those on purpose.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from .casefile import Scene, load
from .compare import NotBuilt, compare, outcome
from .differences import table
from .generators import generated
from .servers import Command, Pair
from .test_cases import CASES, SCENES, candidate, reference
from .upstream import Loop

NAMED = 20
_REQUEST = re.compile(r'(?<=: )"[^"]*"|"(?:GET|POST|HEAD|PUT)[^"]*"')


def show(path: Path, text: str) -> None:
    """Print the outcome of nginx for a person who writes a case."""
    loop = Loop()
    for scene in load(path.resolve(), CASES):
        pair = Pair(scene, reference(), Command("again", reference().argv), loop)
        for exchange in scene.exchanges:
            if text in exchange.name:
                print(f"=== {exchange.name}", *outcome(pair.reference, exchange), sep="\n")
        pair.stop()
    loop.stop()


def report(path: Path, scenes: Iterable[Scene]) -> None:
    """All differences, those with the same changed lines together, the most frequent first."""
    groups: dict[str, list[tuple[str, str]]] = defaultdict(list)
    total = 0
    loop = Loop()
    for scene in scenes:
        total += len(scene.exchanges)
        for name, text in _differences(scene, loop):
            groups[_cause(text)].append((f"{scene.name}: {name}", text))
    loop.stop()
    count = sum(map(len, groups.values()))
    out = [f"# {count} of {total} exchanges differ, in {len(groups)} groups", ""]
    for cause, found in sorted(groups.items(), key=lambda item: -len(item[1])):
        out += [f"## {len(found)} x", "", "```diff", cause, "```", ""]
        out += [f"- {name}" for name, _ in found[:NAMED]]
        out += [f"- and {len(found) - NAMED} more"] if len(found) > NAMED else []
        out += ["", "first in full:", "```diff", found[0][1], "```", ""]
    path.write_text("\n".join(out))
    print(out[0])


def _differences(scene: Scene, loop: Loop) -> list[tuple[str, str]]:
    pair = Pair(scene, reference(), candidate(), loop)
    found = []
    for exchange in scene.exchanges:
        try:
            compare(pair, exchange)
        except NotBuilt:
            continue
        except (AssertionError, OSError) as error:
            found.append((exchange.name, str(error) or repr(error)))
            if pair.candidate.process.poll() is not None:
                found.append((exchange.name, f"ours is dead: {pair.candidate.said()[-2000:]}"))
                break
    pair.stop()
    return found


def _cause(text: str) -> str:
    """The changed lines without what only names the request."""
    lines = text.split("\n")
    changed = [line for line in lines if line[:1] in "+-" and not line.startswith(("+++", "---"))]
    return _REQUEST.sub('"…"', "\n".join(changed or lines[:3]))[:1500]


if sys.argv[1:2] == ["--report"]:
    report(Path(sys.argv[2]), SCENES)
elif sys.argv[1:2] == ["--generated"]:
    report(Path(sys.argv[2]), generated(int(sys.argv[3]), 30, int(sys.argv[4])))
elif sys.argv[1:2] == ["--differences"]:
    print(table())
else:
    show(Path(sys.argv[1]), "".join(sys.argv[2:3]))
