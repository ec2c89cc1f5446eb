"""Where one worker's time goes under the load of a row, in microseconds of its processor per request.

The stacks are py-spy's, taken while the worker is on a processor; a sample counts for the stage of its
innermost frame, a system call for the line that makes it.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks import memory, servers, sides, wrk
from benchmarks.answers import Refused
from benchmarks.flame import SCENES

STAGES = {
    "waiting for events and handing them out": ("event", "deadline"),
    "reading from the client, a request's state": ("connection", "knownheads", "request", "head"),
    "opening and reading the file": ("knownfiles", "openfiles", "static", "location"),
    "to the upstream: choosing, connecting, sending": (
        *("dispatch", "upstreamsocket", "upstream", "keepalive", "proxy", "attempt", "socket", "namespace"),
        *("bind", "outgoing", "retries", "tasknamespace", "livetable"),
    ),
    "the upstream's answer": (
        "exchange",
        "knownanswers",
        "pipe",
        "upstreamhead",
        "proxyanswer",
        "body",
        "parse",
    ),
    "the answer's head and body": ("output", "lines", "filters", "bodyfilter", "gzip", "headers"),
    "writing to the client, and to the upstream": ("sendqueue",),
    "the access log": ("log", "logconf", "getters", "fieldgetters", "variables", "worker"),
}
_STAGE_OF = {module: stage for stage, modules in STAGES.items() for module in modules}
_LEAF = re.compile(r"\((?:.*/)?(\w+)\.py:\d+\) (\d+)\Z")
_TICK = os.sysconf("SC_CLK_TCK")


def by_stage(stacks: str) -> Counter[str]:
    """Samples of py-spy's `raw` format by stage."""
    found: Counter[str] = Counter()
    for line in stacks.splitlines():
        match = _LEAF.search(line)
        count = int(line.rsplit(" ", 1)[1])
        found[_STAGE_OF.get(match[1], "the rest") if match else "the rest"] += count
    return found


def processor_time(process: int) -> tuple[float, float]:
    """Seconds in the program and in the kernel, so far."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) / _TICK, int(fields[12]) / _TICK


def measure(row: str, seconds: int) -> str:
    """The table of one row."""
    with ExitStack() as stack:
        folder = sides.workplace(stack)
        served = sides.ours(stack, folder / "emulator", SCENES[row](stack, folder))
        served.verify()
        *_, worker = memory.processes(served.process)
        before = processor_time(worker)
        rate = served.rate(seconds)
        own, kernel = (now - then for now, then in zip(processor_time(worker), before, strict=True))
        each = 1e6 / (rate * seconds)
        samples = _sampled(worker, served, folder / "stacks", seconds)
    share = (own + kernel) * each / sum(samples.values())
    lines = [f"{row}: {own * each:.0f} us in Python and {kernel * each:.0f} us in the kernel"]
    lines += [f"{share * samples[stage]:6.1f}  {stage}" for stage in [*STAGES, "the rest"]]
    return "\n".join(lines)


def _sampled(worker: int, served: sides.Served, output: Path, seconds: int) -> Counter[str]:
    words = ["record", "--pid", str(worker), "--duration", str(seconds), "--rate", "500", "--format", "raw"]
    spy = [str(servers.BIN / "py-spy"), *words, "--output", str(output)]
    with subprocess.Popen(spy, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as looking:
        served.rate(seconds + 1)
    if looking.returncode:
        raise Refused(f"py-spy ended with {looking.returncode}; it may need root (kernel.yama.ptrace_scope)")
    return by_stage(output.read_text())


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.breakdown", description=__doc__)
    parser.add_argument("rows", nargs="*", choices=SCENES, default=["small", "kept", "dial", "article"])
    parser.add_argument("--seconds", type=int, default=5, help="how long is measured, and looked (5)")
    options = parser.parse_args(arguments)
    try:
        for row in options.rows:
            print(measure(row, options.seconds), flush=True)
    except (Refused, wrk.Missing, FileNotFoundError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
