"""`stats`: processor, memory and traffic of containers (docker/cli, container/stats_helpers.go)."""

from __future__ import annotations

import contextlib
import io
import sys
import threading
import time
from typing import Any
from urllib.parse import quote

from emulator.cli.docker.formats import Row, Sheet, listed
from emulator.cli.docker.pflag import Flag, Words
from emulator.cli.docker.units import binary_size, decimal_size, short
from emulator.cli.docker.verb import FORMAT, NO_TRUNC, said
from emulator.client import Engine, EngineError

Object = dict[str, Any]

HEADS = {
    "Container": "CONTAINER",
    "ID": "CONTAINER ID",
    "Name": "NAME",
    "CPUPerc": "CPU %",
    "MemUsage": "MEM USAGE / LIMIT",
    "MemPerc": "MEM %",
    "NetIO": "NET I/O",
    "BlockIO": "BLOCK I/O",
    "PIDs": "PIDS",
}
SHEET = Sheet("\t".join(f"{{{{.{name}}}}}" for name in list(HEADS)[1:]), HEADS, "*container.statsContext")
EVERY = 0.5
FLAGS = (
    Flag("all", "a", "bool", "Also those that have ended"),
    FORMAT,
    Flag("no-stream", "", "bool", "Only once"),
    NO_TRUNC,
)


def stats(engine: Engine, words: Words) -> int:
    once, full = words.get("no-stream", False), words.get("no-trunc", False)
    form, terminal, first = words.get("format"), sys.stdout.isatty(), True
    try:
        while True:
            names = words.rest or _present(engine, words.get("all", False))
            rows = _all(engine, names, full)
            if once or not terminal:
                listed(SHEET, rows, form)
            else:
                _drawn(rows, form, first)
            sys.stdout.flush()
            if once:
                return 0
            first = False
            time.sleep(EVERY)
    except KeyboardInterrupt:
        return 130


def _drawn(rows: list[Row], form: str | None, first: bool) -> None:
    """A table from the top of the screen on; the next is written over it, each line to its end."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        listed(SHEET, rows, form)
    whole = f"\x1b[H{text.getvalue()}"
    cleared = "".join(f"{line} \x1b[K\n" for line in whole.split("\n"))
    sys.stdout.write(whole if first else f"{cleared}\x1b[J")


def _present(engine: Engine, everything: bool) -> list[str]:
    found = engine.get("/containers/json", **({"all": "1"} if everything else {}))
    return [one["Id"][:12] for one in found]


def _all(engine: Engine, names: list[str], full: bool) -> list[Row]:
    """A row for each, asked for at the same time: an answer takes the engine a second of watching."""
    found: dict[str, Row | EngineError] = {}

    def ask(name: str) -> None:
        try:
            found[name] = row(engine.get(f"/containers/{quote(name)}/stats", stream="0"), name, full)
        except EngineError as error:
            found[name] = error

    asking = [threading.Thread(target=ask, args=(name,), daemon=True) for name in names]
    for one in asking:
        one.start()
    for one in asking:
        one.join()
    rows = []
    for name in names:
        answer = found[name]
        if isinstance(answer, EngineError):
            if answer.status != 404 or len(names) == 1:
                raise answer
            print(said(answer), file=sys.stderr)
        else:
            rows.append(answer)
    return rows


def row(found: Object, name: str, full: bool) -> Row:
    memory = found.get("memory_stats") or {}
    used, limit = _used(memory), memory.get("limit", 0)
    networks = (found.get("networks") or {}).values()
    received = sum(one.get("rx_bytes", 0) for one in networks)
    sent = sum(one.get("tx_bytes", 0) for one in networks)
    read, written = _blocks(found)
    return {
        "Container": name,
        "ID": found.get("id", name) if full else short(found.get("id", name)),
        "Name": found.get("name", "").removeprefix("/"),
        "CPUPerc": f"{_processor(found):.2f}%",
        "MemUsage": f"{binary_size(used)} / {binary_size(limit)}",
        "MemPerc": f"{100 * used / limit if limit else 0:.2f}%",
        "NetIO": f"{decimal_size(received, 3)} / {decimal_size(sent, 3)}",
        "BlockIO": f"{decimal_size(read, 3)} / {decimal_size(written, 3)}",
        "PIDs": str((found.get("pids_stats") or {}).get("current", 0)),
    }


def _used(memory: Object) -> int:
    """Without the cache of files, as the client counts."""
    usage, inner = memory.get("usage", 0), memory.get("stats") or {}
    for name in ("total_inactive_file", "inactive_file"):
        if 0 < inner.get(name, 0) < usage:
            return int(usage - inner[name])
    return int(usage)


def _processor(found: Object) -> float:
    """As calculateCPUPercentUnix: a share of one processor."""
    now, before = found.get("cpu_stats") or {}, found.get("precpu_stats") or {}
    used = _total(now) - _total(before)
    passed = now.get("system_cpu_usage", 0) - before.get("system_cpu_usage", 0)
    count = now.get("online_cpus") or 1
    return 100.0 * used / passed * count if used > 0 and passed > 0 else 0.0


def _total(processor: Object) -> int:
    return int((processor.get("cpu_usage") or {}).get("total_usage", 0))


def _blocks(found: Object) -> tuple[int, int]:
    rows = (found.get("blkio_stats") or {}).get("io_service_bytes_recursive") or []
    read, written = (sum(one["value"] for one in rows if one["op"].lower() == op) for op in ("read", "write"))
    return read, written
