"""`python -m tests.hostile [--against nginx] [TEXT]`: play the cases whose name has TEXT; what is found?

With `--against nginx` the real nginx is judged: what it is known for must be found, and nothing else.
"""

from __future__ import annotations

import argparse
import re
import time
from collections import Counter, defaultdict

from tests.conftest import need_tool
from tests.oracle.servers import Command, ours

from .arena import Arena, Verdict
from .corpus import every, load

_SHOWN = 300
_NUMBER = re.compile(r"\bk[0-9]+")


def told(verdicts: list[Verdict]) -> None:
    """One line for each case and kind of finding, with one play that shows it."""
    kinds: dict[tuple[str, str], list[str]] = defaultdict(list)
    for verdict in verdicts:
        for text in verdict.findings:
            kind = _NUMBER.sub("K", text)[:50]
            kinds[verdict.play.case.label, kind].append(
                f"{text[:_SHOWN]} [{verdict.play.route} {verdict.play.how}]"
            )
    for (label, _), texts in kinds.items():
        print(f"{len(texts):3} x {label}\n      {texts[0]}")


def shown(verdicts: list[Verdict]) -> None:
    """Everything that went over the wires."""
    for verdict in verdicts:
        print(f"{verdict.play.label} {verdict.played.seconds:.2f} s")
        print("  >", verdict.played.sent, "\n  <", verdict.played.got)
        print(*[f"  * {item.request.raw!r}" for item in verdict.seen], sep="\n")


parser = argparse.ArgumentParser(prog="tests.hostile", description=__doc__)
parser.add_argument("text", nargs="?", default="")
parser.add_argument("--against", choices=("ours", "nginx"), default="ours")
parser.add_argument("--show", action="store_true", help="print what went over the wires, too")
given = parser.parse_args()

command = ours() if given.against == "ours" else Command("nginx", (need_tool("nginx"),))
cases = [case for case in load() if given.text in case.label]
began = time.monotonic()
arena = Arena(command)
verdicts = arena.run(every(cases))
if given.show:
    shown(verdicts)
told(verdicts)
print(*arena.aftermath(), sep="\n")
arena.stop()
bad = [verdict for verdict in verdicts if verdict.findings]
counts = Counter(finding[:3] for verdict in bad for finding in verdict.findings)
slow = max((verdict.played.seconds for verdict in verdicts), default=0)
seconds = time.monotonic() - began
print(f"{len(cases)} cases, {len(verdicts)} plays in {seconds:.1f} s, the longest {slow:.1f} s")
labels = {verdict.play.case.label for verdict in bad}
print(f"{len(bad)} plays of {len(labels)} cases have findings {dict(counts)}")
