"""What nginx said once: for modules that the wheel's nginx is built without.

A `.case` file in `recorded_cases/` has a `.answers` file beside it, with the outcome of each exchange as an
nginx that has the module gave it. `python -m tests.oracle.recorded NGINX [NAME]` asks the binary NGINX again.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .casefile import Scene, load
from .compare import outcome
from .servers import Command, Side
from .upstream import Loop

FOLDER = Path(__file__).parent / "recorded_cases"
_TITLE, _INDENT = "=== ", "    "

Answers = dict[str, list[str]]


def read(path: Path) -> Answers:
    """The recorded outcomes by scene and exchange."""
    answers: Answers = {}
    for line in path.read_text("utf-8").split("\n")[:-1]:
        if line.startswith(_TITLE):
            answers[line.removeprefix(_TITLE)] = lines = []
        else:
            lines.append(line.removeprefix(_INDENT))
    return answers


def key(scene: Scene, number: int) -> str:
    return f"{scene.name} {number} {scene.exchanges[number].name}"


@contextmanager
def running(scene: Scene, command: Command, loop: Loop) -> Iterator[Side]:
    """One server that plays a scene."""
    with tempfile.TemporaryDirectory(prefix="oracle-") as folder:
        Path(folder).chmod(0o755)
        side = Side(command, scene, loop, Path(folder))
        try:
            side.ready()
            yield side
        finally:
            side.stop()


def record(path: Path, command: Command) -> None:
    """Ask a server and write down what it says."""
    loop = Loop()
    text = []
    for scene in load(path, FOLDER):
        with running(scene, command, loop) as side:
            for number, exchange in enumerate(scene.exchanges):
                text += [_TITLE + key(scene, number)]
                text += [_INDENT + line for line in outcome(side, exchange)]
    loop.stop()
    path.with_suffix(".answers").write_text("".join(f"{line}\n" for line in text), "utf-8")


if __name__ == "__main__":
    for case in sorted(FOLDER.glob(f"{''.join(sys.argv[2:3]) or '*'}.case")):
        record(case, Command("nginx", (sys.argv[1],)))
