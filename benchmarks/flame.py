"""`make profile`: where one worker's time goes under the load of a row: a flame graph in SVG, by py-spy."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks import memory, scenes, servers, sides, wrk
from benchmarks.answers import Refused

SCENES: dict[str, scenes.Make] = {
    "article": scenes.article,
    "dial": scenes.dial,
    "kept": scenes.kept,
    "small": scenes.small,
    "file": scenes.file,
    "upload-buffered": scenes.uploads("on"),
    "upload-streamed": scenes.uploads("off"),
    "rich": scenes.rich,
    "growth": scenes.locations(1000),
}


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.flame", description=__doc__)
    parser.add_argument("row", nargs="?", choices=SCENES, default="dial", help="whose load (dial)")
    parser.add_argument("--seconds", type=int, default=10, help="how long is looked (10)")
    parser.add_argument("--native", action="store_true", help="with the frames of compiled code")
    output = Path(__file__).with_name("flame.svg")
    parser.add_argument("--output", type=Path, default=output, help=f"where the graph goes ({output.name})")
    return parser.parse_args(arguments)


def sampling(process: int, options: argparse.Namespace) -> list[str]:
    """py-spy's command line: it looks on from outside, and the worker is not slowed down by more than 2 %."""
    words = ["record", "--pid", str(process), "--duration", str(options.seconds), "--rate", "500"]
    words += ["--output", str(options.output), "--format", "flamegraph", *["--native"][: options.native]]
    return [str(servers.BIN / "py-spy"), *words]


def sample(options: argparse.Namespace) -> float:
    """The graph is written; requests a second while it was taken."""
    with ExitStack() as stack:
        folder = sides.workplace(stack)
        served = sides.ours(stack, folder / "emulator", SCENES[options.row](stack, folder))
        served.verify()
        *_, worker = memory.processes(served.process)
        with subprocess.Popen(sampling(worker, options), stdout=subprocess.DEVNULL) as spy:
            rate = served.rate(options.seconds + 1)
        if spy.returncode:
            raise Refused(f"py-spy ended with {spy.returncode}; it may need root (kernel.yama.ptrace_scope)")
    return rate


def main(arguments: Sequence[str]) -> int:
    options = parse(arguments)
    try:
        rate = sample(options)
    except (Refused, wrk.Missing) as error:
        print(error, file=sys.stderr)
        return 1
    except FileNotFoundError as error:
        print(f"{error.filename} is missing: make profile installs it", file=sys.stderr)
        return 2
    print(f"{options.output}: {options.row}, {rate:,.0f} requests/s while it was looked at")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
