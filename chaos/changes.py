"""Changes under load: new tasks, new configurations, an orderly end, another time of day."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from chaos import processes
from chaos.kills import on_ours, on_reference
from chaos.load import Load, ask, until
from chaos.rows import Row, Verdict
from chaos.sides import Ours, Side, ours, project

SLOW = """
import os, time
from flask import Flask
app = application = Flask(__name__)

@app.get("/whoami")
def whoami():
    return {"slot": int(os.environ.get("TASK_SLOT", "1")), "pid": os.getpid()}

@app.get("/slow")
def slow():
    time.sleep(2)
    return "late"
"""
_CLOCK = """
import time
_real = time.time
def _shifted():
    try:
        with open({file!r}) as file:
            return _real() + float(file.read() or 0)
    except (OSError, ValueError):
        return _real()
time.time = _shifted
"""


def rolling(folder: Path, order: str) -> Verdict:
    with ours(project(folder)) as side, Load(side.port) as load:
        time.sleep(1)
        before = set(side.replicas().values())
        found = next(thing for thing in side.ask("GET", "/services") if thing["Spec"]["Name"] == "webapp")
        spec = found["Spec"]
        spec["TaskTemplate"]["ForceUpdate"] = 1
        spec["UpdateConfig"] = {"Parallelism": 1, "Order": order, "Monitor": 500_000_000}
        side.ask("POST", f"/services/{found['ID']}/update?version={found['Version']['Index']}", spec)
        took = until(lambda: len(set(side.replicas().values()) - before) == 3 and _done(side), 30)
        time.sleep(0.5)
    failed = len(load.failed)
    done = took < 30
    return Verdict(done and not failed, f"{load.words}, {took:.1f} s")


def _done(side: Ours) -> bool:
    found = next(thing for thing in side.ask("GET", "/services") if thing["Spec"]["Name"] == "webapp")
    return bool(found.get("UpdateStatus", {}).get("State") == "completed")


def reloads(side: Side) -> Verdict:
    with Load(side.port) as load:
        for _ in range(10):
            time.sleep(0.3)
            side.reload()
        time.sleep(1)
    return Verdict(not load.failed, load.words)


def port_in_use(folder: Path) -> Verdict:
    project(folder)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        argv = [sys.executable, "-m", "emulator", "up", "--port", str(port), "--fresh-addresses"]
        began = time.monotonic()
        ended = subprocess.run(argv, cwd=folder, capture_output=True, text=True, timeout=30, check=False)
    took = time.monotonic() - began
    left = processes.marked(f"EMULATOR_STATE={folder / '.emulator'}")
    last = (ended.stderr.strip().splitlines() or ["nothing"])[-1]
    good = ended.returncode == 1 and not left and str(port) in last
    return Verdict(good, f"exit {ended.returncode} in {took:.1f} s, {len(left)} left behind")


def orderly_end(folder: Path) -> Verdict:
    """SIGTERM while a request takes two seconds."""
    answers: list[int] = []
    with ours(project(folder, app=SLOW)) as side:
        mine = side.mine()
        asking = threading.Thread(target=lambda: answers.append(ask(side.port, "/slow")[0]))
        asking.start()
        time.sleep(0.5)
        began = time.monotonic()
        side.process.send_signal(signal.SIGTERM)
        code = side.process.wait(30)
        took = time.monotonic() - began
        asking.join(10)
        until(lambda: not [pid for pid in mine if processes.alive(pid)], 3)
        left = sum(processes.alive(pid) for pid in mine)
    good = answers == [200] and code == 0 and not left
    return Verdict(good, f"answered {answers}, exit {code} after {took:.1f} s, {left} left behind")


def clock(folder: Path) -> Verdict:
    """The engine's and the app's wall clock moves an hour on, then a day back."""
    shift = folder / "shift"
    front = project(folder) / "front"
    front.mkdir()
    (front / "sitecustomize.py").write_text(_CLOCK.format(file=str(shift)))
    with ours(folder, env={"PYTHONPATH": str(front)}) as side, Load(side.port) as load:
        before = side.replicas()
        for seconds in (3600, -86400):
            time.sleep(1)
            shift.write_text(str(seconds))
        time.sleep(1.5)
        kept = side.replicas() == before
    good = not load.failed and kept
    return Verdict(good, f"{load.words}, replicas kept: {kept}")


def broken_reload(folder: Path) -> Verdict:
    """A configuration that does not parse: the old one serves on."""
    with ours(project(folder)) as side:
        (folder / "nginx_conf" / "app.conf").write_text("server { listen 80; nonsense on; }")
        side.reload()
        said = until(lambda: 'unknown directive "nonsense"' in side.output, 5)
        code = ask(side.port)[0]
    return Verdict(code == 200 and said < 5, f"front {code}, told in the log: {said < 5}")


ROWS = (
    Row("rolling-start-first", "no failed request", lambda folder: rolling(folder, "start-first")),
    Row("rolling-stop-first", "no failed request", lambda folder: rolling(folder, "stop-first")),
    Row("reload x 10", "no failed request", on_ours(reloads), on_reference(reloads)),
    Row("reload-broken", "the old configuration serves on", broken_reload),
    Row("portinuse", "exit 1, nothing left behind", port_in_use),
    Row("sigterm", "the request in flight answered, exit 0, nothing left", orderly_end),
    Row("clock", "no failed request, replicas kept", clock),
)
