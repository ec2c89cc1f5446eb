"""Processes that die, hang or never come up."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from pathlib import Path

from chaos import processes
from chaos.load import Load, ask, until
from chaos.rows import Row, Verdict
from chaos.sides import DELAY, Side, ours, project, reference

# A balanced upstream, as the reference has it; behind the VIP nginx has one peer and tries no other.
THREE = """
resolver 127.0.0.11 valid=1s;
upstream three { zone three 64k; server tasks.webapp:8000 resolve; }
server {
    listen 80;
    client_max_body_size 0;
    location / { proxy_pass http://three; proxy_read_timeout %s; }
    location /static { alias /var/www-data; }
}
"""
Fault = Callable[[Side], Verdict]


def on_ours(fault: Fault, site: str = "") -> Callable[[Path], Verdict]:
    def run(folder: Path) -> Verdict:
        with ours(project(folder, site)) as side:
            return fault(side)

    return run


def on_reference(fault: Fault, patience: str = "60s") -> Callable[[Path], Verdict]:
    def run(folder: Path) -> Verdict:
        with reference(project(folder), patience) as side:
            return fault(side)

    return run


def replaced(side: Side, slot: int, victim: int) -> float:
    """Seconds until another process is in the slot."""
    return until(lambda: side.replicas().get(slot, victim) != victim)


def one_killed(side: Side, method: str = "GET", path: str = "/whoami", allowed: int = 0) -> Verdict:
    with Load(side.port, method=method, path=path) as load:
        time.sleep(1)
        took = replaced(side, 2, side.kill_replica(2))
        time.sleep(1.5)
    failed = len(load.failed)
    good = failed <= allowed and took <= DELAY + 2
    return Verdict(good, f"{load.words}, replaced in {took:.1f} s")


def one_stopped(side: Side) -> Verdict:
    victims = processes.below(side.replicas()[2])
    with Load(side.port) as load:
        time.sleep(1)
        processes.kill(victims, signal.SIGSTOP)
        time.sleep(5)
        processes.kill(victims, signal.SIGCONT)
        time.sleep(1)
    words = f"{load.words}, slowest {load.slowest:.1f} s"
    return Verdict(not load.failed and load.slowest < 4, words)


def all_killed(side: Side) -> Verdict:
    with Load(side.port) as load:
        time.sleep(1)
        for slot in (1, 2, 3):
            side.kill_replica(slot)
        until(lambda: len(side.replicas()) == 3, 10)
        until(lambda: all(ask(side.port)[0] == 200 for _ in range(3)), 15)
    slowest = max((request.seconds for request in load.failed), default=0.0)
    outage = load.outage()
    return Verdict(outage <= DELAY + 1, f"outage {outage:.1f} s, a 502 takes {slowest * 1000:.0f} ms at most")


def storm(side: Side) -> Verdict:
    """Thirty kills in six seconds."""
    descriptors = _descriptors(side.main())
    for number in range(30):
        pids = side.replicas()
        slot = number % 3 + 1
        if slot in pids:
            processes.kill(processes.below(pids[slot]))
        time.sleep(0.2)
    took = until(lambda: len(side.replicas()) == 3 and all(ask(side.port)[0] == 200 for _ in range(9)))
    zombies = sum(not processes.alive(pid) for pid in processes.below(side.main()))
    grown = _descriptors(side.main()) - descriptors
    good = took < DELAY + 3 and not zombies and grown < 10
    return Verdict(good, f"serves after {took:.1f} s, {zombies} zombies, {grown:+d} descriptors")


def supervisor_killed(folder: Path) -> Verdict:
    with ours(project(folder)) as side:
        mine = side.mine()
        side.process.kill()
        side.process.wait()
        gone = until(lambda: not [pid for pid in mine if processes.alive(pid)], 5)
        orphans = sum(processes.alive(pid) for pid in mine)
    with ours(folder) as again:
        serves = ask(again.port)[0] == 200
    return Verdict(
        not orphans and serves, f"{orphans} orphans after {gone:.2f} s; the next start serves: {serves}"
    )


def crash_loop(folder: Path) -> Verdict:
    """A new template whose every task fails, for ten seconds; the delay is half a second."""
    with ours(project(folder)) as side:
        before = processes.seconds([side.main()])
        found = next(thing for thing in side.ask("GET", "/services") if thing["Spec"]["Name"] == "webapp")
        spec = found["Spec"]
        spec["TaskTemplate"]["ContainerSpec"]["Args"] = ["sh", "-c", "exit 3"]
        spec["UpdateConfig"] = {"Parallelism": 0, "FailureAction": "continue", "Order": "stop-first"}
        side.ask("POST", f"/services/{found['ID']}/update?version={found['Version']['Index']}", spec)
        time.sleep(10)
        used = processes.seconds([side.main()]) - before
        starts = side.output.count("exited with code 3")
        failed = [task for task in side.tasks("webapp") if task["Status"].get("Err")]
        words = failed[0]["Status"]["Err"] if failed else "none failed"
        code = ask(side.port)[0]
    good = starts <= 3 * (1 + 10 / DELAY) and used < 3 and code == 502
    return Verdict(good, f"{starts} starts in 10 s, front {code}, engine {used:.1f} s CPU, `{words}`")


def _descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


UPSTREAM = THREE % "2s"
ROWS = (
    Row(
        "kill9",
        "no failed GET; replaced in delay + 2 s",
        on_ours(one_killed, UPSTREAM),
        on_reference(one_killed),
    ),
    Row(
        "kill9-vip",
        "at most those in flight (one peer, none to retry)",
        on_ours(lambda side: one_killed(side, allowed=4)),
    ),
    Row(
        "kill9-post",
        "at most those in flight",
        on_ours(lambda side: one_killed(side, "POST", "/whoami", 4), UPSTREAM),
        on_reference(lambda side: one_killed(side, "POST", "/whoami", 4)),
    ),
    Row(
        "sigstop",
        "no failure; what is stuck moves on after proxy_read_timeout (2 s)",
        on_ours(one_stopped, UPSTREAM),
        on_reference(one_stopped, "2s"),
    ),
    Row("alldown", "outage <= delay + 1 s", on_ours(all_killed), on_reference(all_killed)),
    Row("killstorm", "converges; no zombie, no descriptor kept", on_ours(storm)),
    Row("killmain", "no orphan after 3 s; the next start works", supervisor_killed),
    Row("crashloop", "starts <= 3 * (1 + time / delay)", crash_loop),
)
