"""What is printed while a service converges (cli/command/service/progress/, moby's jsonmessage)."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable
from typing import Any

from emulator.cli.docker.verb import Refused
from emulator.client import Engine

Object = dict[str, Any]

BETWEEN = 0.2
MONITOR = 5 * 10**9
FULL_BAR = 50
MOST_LINES = 20
LONGEST_ERROR = 75
# How far a task is; what has none of these is not looked at, and what is beyond running has ended.
STATES = (
    *("new", "allocated", "pending", "assigned", "accepted", "preparing", "ready", "starting", "running"),
    *("complete", "shutdown", "failed", "rejected"),
)
STEPS = {state: number for number, state in enumerate(STATES, 1)}
RUNNING = STEPS["running"]


class Lines:
    """The lines that have been printed: on a terminal each is rewritten where it stands."""

    def __init__(self, quiet: bool) -> None:
        self.terminal, self.quiet = sys.stdout.isatty(), quiet
        self.known: list[str] = []

    def put(self, name: str, text: str) -> None:
        if self.quiet:
            return
        if not self.terminal:
            print(f"{name}: {text}" if name else text, flush=True)
            return
        if name not in self.known:
            self.known.append(name)
            sys.stdout.write("\n")
        up = len(self.known) - self.known.index(name)
        head = f"{name}: " if name else ""
        sys.stdout.write(f"\x1b[{up}A\x1b[2K\r{head}{text} \r\x1b[{up}B")
        sys.stdout.flush()

    def bar(self, name: str, state: str, done: int) -> None:
        """A task's state and how far it is; only a terminal shows it."""
        filled = done * 100 // RUNNING // 2
        if self.terminal:
            self.put(name, f"{state.ljust(9)} [{'=' * filled}>{' ' * (FULL_BAR - filled)}]")


class Progress:
    """The watch over one service from an order until it has been stable for its monitor time."""

    def __init__(self, engine: Engine, service: str, quiet: bool = False) -> None:
        self.engine, self.service, self.lines = engine, service, Lines(quiet)
        self.begun = self.done = self.rollback = self.converged = False
        self.places: dict[int, int] = {}

    def wait(self) -> None:
        """Until it has converged, or Ctrl-C; Refused when its update has been paused."""
        try:
            self.watch()
        except KeyboardInterrupt:
            if not self.converged:
                self.lines.put("", "Operation continuing in background.")
                self.lines.put("", f"Use `docker service ps {self.service}` to check progress.")

    def watch(self) -> None:
        since, last = None, ""
        while True:
            found = self.engine.get(f"/services/{self.service}", insertDefaults="false")
            monitor = (found["Spec"].get("UpdateConfig") or {}).get("Monitor") or MONITOR
            status = found.get("UpdateStatus") or {}
            if status.get("State") == "completed" and not self.converged:
                return
            last = self.updating(status) or last
            if since is not None and time.monotonic() - since >= monitor / 1e9:
                self.lines.put("verify", f"Service {self.service} converged")
                if last:
                    self.lines.put("rollback", last)
                return
            since = self.turn(found, monitor, since)
            time.sleep(BETWEEN)

    def updating(self, status: Object) -> str:
        """What the state of the update means; the words to end with after a rollback."""
        state, said = status.get("State"), status.get("Message", "")
        if state == "paused":
            raise Refused(f"service update paused: {said}")
        if state == "rollback_paused":
            raise Refused(f"service rollback paused: {said}")
        if state == "rollback_started" and not self.rollback and said:
            self.lines.put("rollback", said)
        if state in ("updating", "rollback_started", "rollback_completed"):
            self.rollback = state != "updating"
        return said if state == "rollback_completed" and not self.converged else ""

    def turn(self, found: Object, monitor: int, since: float | None) -> float | None:
        """One look at the tasks; since when all have been running."""
        asked = {"service": {found["ID"]: True}, "_up-to-date": {"true": True}}
        tasks = self.engine.get("/tasks", filters=json.dumps(asked))
        alive = {node["ID"] for node in self.engine.get("/nodes") if node["Status"]["State"] != "down"}
        one = self.globally if "Global" in found["Spec"]["Mode"] else self.replicated
        self.converged = one(found, tasks, alive)
        if self.converged:
            since = time.monotonic() if since is None else since
            left = monitor / 1e9 - (time.monotonic() - since)
            if left >= 0:
                words = f"Waiting {int(left) + 1} seconds to verify that tasks are stable..."
                self.lines.put("verify", words)
            return since
        if since is not None:
            self.lines.put("verify", "Detected task failure")
        return None

    def overall(self, running: int, total: int) -> None:
        word = "rolling back update: " if self.rollback else ""
        self.lines.put("overall progress", f"{word}{running} out of {total} tasks")

    def replicated(self, found: Object, tasks: list[Object], alive: set[str]) -> bool:
        total = found["Spec"]["Mode"]["Replicated"].get("Replicas") or 0
        if not self.begun:
            self.begun = True
            self.overall(0, total)
            for slot in range(1, total + 1) if total <= MOST_LINES else ():
                self.lines.put(f"{slot}/{total}", " ")
        chosen = counted(tasks, "Slot", alive)
        for task in chosen:
            self.places.setdefault(task["Slot"], len(self.places) + 1)
        named = [(f"{self.places[task['Slot']]}/{total}", task) for task in chosen]
        shown = [pair for pair in named if total <= MOST_LINES and self.places[pair[1]["Slot"]] <= total]
        return self.told(chosen, shown, total)

    def globally(self, found: Object, tasks: list[Object], alive: set[str]) -> bool:
        chosen = counted(tasks, "NodeID", alive)
        if not self.begun and not chosen:
            self.lines.put("overall progress", "waiting for new tasks")
            return False
        if not self.begun:
            self.begun = True
            self.overall(0, len(chosen))
        return self.told(chosen, [(task["NodeID"][:12], task) for task in chosen], len(chosen))

    def told(self, chosen: list[Object], shown: Iterable[tuple[str, Object]], total: int) -> bool:
        """Print what has changed unless all were running and still are; whether all are."""
        running = sum(task["Status"]["State"] == "running" for task in chosen)
        self.done = self.done and running == len(chosen)
        if not self.done:
            for name, task in shown:
                self.task(name, task)
            self.overall(running, total)
            self.done = running == total
        return bool(running == total)

    def task(self, name: str, task: Object) -> None:
        state, error = task["Status"]["State"], task["Status"].get("Err", "").replace("\n", " ")
        if error:
            self.lines.put(name, error if len(error) <= LONGEST_ERROR else error[: LONGEST_ERROR - 1] + "…")
        elif STEPS[state] <= RUNNING and STEPS[task["DesiredState"]] <= RUNNING:
            done = RUNNING - STEPS[state] if self.rollback else STEPS[state]
            self.lines.bar(name, state, done)


def counted(tasks: list[Object], key: str, alive: set[str]) -> list[Object]:
    """The task that counts for each slot or node: the one that is least far from its end."""
    chosen: dict[Any, Object] = {}
    for task in tasks:
        known = task["DesiredState"] in STEPS and task["Status"]["State"] in STEPS
        here = not task.get("NodeID") or task["NodeID"] in alive
        slot = task.get(key)
        if known and here and slot and (slot not in chosen or _rank(task) < _rank(chosen[slot])):
            chosen[slot] = task
    return list(chosen.values())


def _rank(task: Object) -> tuple[int, int]:
    return STEPS[task["DesiredState"]], STEPS[task["Status"]["State"]]
