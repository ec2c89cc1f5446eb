"""Nothing stays behind: one small process per test process kills and removes what an abrupt end leaves.

It reads from a pipe which groups of processes and which folders there are, and does its work when the pipe
closes, which happens however the test process ends.
"""

from __future__ import annotations

import atexit
import functools
import subprocess
import sys
import threading
from pathlib import Path

_LOCK = threading.Lock()
_PROGRAM = """
import os, shutil, signal, sys
kept = set()
for line in sys.stdin:
    verb, kind, what = line.rstrip("\\n").split(" ", 2)
    (kept.add if verb == "add" else kept.discard)((kind, what))
for kind, what in sorted(kept, reverse=True):
    try:
        os.killpg(int(what), signal.SIGKILL) if kind == "group" else shutil.rmtree(what, ignore_errors=True)
    except ProcessLookupError:
        pass
"""


@functools.cache
def _guardian() -> subprocess.Popen[str]:
    argv = [sys.executable, "-ISc", _PROGRAM]
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, text=True, bufsize=1, start_new_session=True)
    atexit.register(process.communicate)  # an orderly end waits for it
    return process


def _tell(line: str) -> None:
    with _LOCK:  # one guardian for all threads, and whole lines
        pipe = _guardian().stdin
        assert pipe is not None
        pipe.write(line + "\n")


def group(verb: str, number: int) -> None:
    """`add` or `del` a group of processes that must not outlive us."""
    _tell(f"{verb} group {number}")


def folder(verb: str, path: Path) -> None:
    """`add` or `del` a folder that must not outlive us."""
    _tell(f"{verb} folder {path}")
