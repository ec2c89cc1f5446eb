"""Engines in the background: what they would have printed is in .emulator/engine.log."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from emulator.cli.start import Start

LOG = "engine.log"
_PATIENCE = 5.0
STOP = "`emulator down` stops it"


class NotStarted(Exception):
    """Why an engine did not come up, in its own words."""


class Started(NamedTuple):
    """A new engine: its process, its socket, and where it serves."""

    pid: int
    socket: Path
    urls: tuple[str, ...]


def first_engine(words: Start) -> Started:
    """The engine of a folder that has none yet; one line on stderr says so.

    Of two verbs that both find none, one starts it and the other waits for its socket.
    """
    try:
        made = start("engine", words)
    except NotStarted as error:
        other = _other(words) if "already runs on" in str(error) else None
        if other is None:
            raise
        return other
    print(f"Started an engine in the background (pid {made.pid}); {STOP}", file=sys.stderr)
    return made


def _other(words: Start) -> Started | None:
    """The engine that somebody else is starting on the same folder."""
    import time

    from emulator.cli.start import settings_for
    from emulator.client import Engine, EngineError

    path = settings_for(words, needs_file=False).emulator.state / "docker.sock"
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        try:
            Engine(path, timeout=_PATIENCE).get("/version")
            return Started(0, path, ())
        except EngineError:
            time.sleep(0.02)
    return None


def detached(verb: str, words: Start) -> int:
    """`up --detach` and `engine --detach`: back when everything answers; the exit code."""
    from emulator.settings import SettingsError

    try:
        made = start(verb, words)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    except NotStarted as error:
        print(error, file=sys.stderr)
        return 1
    where = f": {' '.join(made.urls)}" if made.urls else ""
    print(f"Running in the background (pid {made.pid}){where}; {STOP}")
    return 0


def start(verb: str, words: Start) -> Started:
    """`emulator VERB` as a process of its own that outlives this one, as soon as it is ready."""
    import subprocess

    from emulator.cli.start import settings_for

    folder = settings_for(words, needs_file=verb == "up").emulator.state
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    reading, writing = os.pipe()
    argv = [sys.executable, "-m", "emulator", verb, *_options(verb, words), "--ready-fd", str(writing)]
    log = folder / f"engine.{os.getpid()}.log"  # of two that start at once each has its own words
    with log.open("w") as file:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            pass_fds=(writing,),
            start_new_session=True,
        )
    os.close(writing)
    with open(reading, encoding="utf-8") as ready:  # noqa: PTH123
        line = ready.readline()
    if not line:
        process.wait()
        words_of_failure = log.read_text().strip()
        log.unlink()
        raise NotStarted(words_of_failure or f"the engine ended with {process.returncode}")
    log.replace(folder / LOG)
    told: dict[str, Any] = json.loads(line)
    process.returncode = 0  # it is to outlive this process, and nobody here waits for it
    return Started(process.pid, Path(told["socket"]), tuple(told["urls"]))


def _options(verb: str, words: Start) -> list[str]:
    """What the command line had, for the process that does it."""
    options: list[str] = []
    for name in ("file", "state", "addressing", "port"):
        value = getattr(words, name)
        if value is not None:
            options += [f"--{name}", str(value)]
    flags = (
        ("fresh_addresses",)
        if verb == "engine"
        else ("fresh_addresses", "fresh_volumes", "private_volumes", "quiet", "stays")
    )
    return options + [f"--{name.replace('_', '-')}" for name in flags if getattr(words, name)]
